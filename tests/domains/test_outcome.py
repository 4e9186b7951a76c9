"""What comes of an adaptation: figures, a map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.domains.adapt import adapt

Make = Callable[..., Dataset]
Tiny = dict[str, Any]


def test_the_map_has_both_domains(day: Dataset, night: Dataset, tiny: Tiny) -> None:
    found = adapt(day, night, method="center", **tiny)
    assert found.places.shape == (54, 2)
    assert found.place_domains == ("source",) * 30 + ("target",) * 24
    assert found.place_classes[:30].tolist() == day.y.tolist()
    assert found.place_classes[30:].tolist() == found.probabilities.argmax(axis=1).tolist()


def test_figures_as_json(day: Dataset, night: Dataset, tiny: Tiny) -> None:
    figures = adapt(day, night, method="center,coral", **tiny).to_dict()
    assert all(isinstance(figures[name], float) for name in ("source_only", "chosen", "oracle"))
    assert figures["oracle"] == max(each["accuracy"] for each in figures["methods"])
    assert figures["method"] in ("source-only", "center", "coral")
    assert isinstance(figures["fell_back"], bool)
    assert figures["gain"] == pytest.approx(figures["chosen"] - figures["source_only"])
    assert figures["gain_ci95"][0] <= figures["gain"] <= figures["gain_ci95"][1]
    assert "never by the labels that measure" in figures["rule"]
    assert figures["difference"]["proxy_a_distance"] and figures["difference"]["mmd"]
    assert [each["name"] for each in figures["difference"]["classes"]] == ["blue", "green", "red"]
    without = adapt(day, list(night.examples), method="center", **tiny).to_dict()
    assert [without[name] for name in ("source_only", "chosen", "oracle", "gain")] == [None] * 4
    assert without["method"] == "center"


def test_domains_that_do_not_differ_are_not_adapted(make: Make, tiny: Tiny) -> None:
    both = make((20, 20, 20))
    order = np.random.default_rng(0).permutation(60)
    found = adapt(both.take(order[:30]), both.take(order[30:]), method="center,coral", **tiny)
    assert not found.difference.is_different
    assert (found.method, found.choice.fell_back) == ("source-only", True)
    assert found.sentences[0].startswith("Source and target do not differ by more than chance explains")
    assert found.sentences[1].endswith(f"source-only {found.to_dict()['source_only']:.3f}.")
