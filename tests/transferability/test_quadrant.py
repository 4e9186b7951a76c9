from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.transferability.overlap import match
from regraft.transferability.probes import Probes
from regraft.transferability.quadrant import Choice, Size, choose, shown, size_of, upper_half
from regraft.transferability.similarity import Similarity

SMALL, LARGE = Size("small", 200, 2, 100, 90), Size("large", 2000, 2, 1000, 900)
GOOD = Probes(features=0.9, raw_pixels=0.5, chance=0.5, transfers=True)
USELESS = Probes(features=0.6, raw_pixels=0.6, chance=0.5, transfers=False)


def chosen(size: Size, verdict: str | None, probes: Probes = GOOD, accuracy: float | None = 0.9, **more: Any) -> Choice:
    return choose(size, Similarity(verdict, "", **more), probes, accuracy, lambda: "blocks.5")


@pytest.mark.parametrize(
    ("size", "verdict", "strategy", "stage"),
    [
        (SMALL, "similar", "probe", None),
        (SMALL, "different", "auto", "blocks.5"),
        (LARGE, "similar", "finetune", None),
        (LARGE, "different", "finetune", "all"),
        (SMALL, None, "auto", None),
    ],
)
def test_the_four_quadrants(size: Size, verdict: str | None, strategy: str, stage: str | None) -> None:
    found = chosen(size, verdict)
    assert (found.strategy, found.stage) == (strategy, stage)
    assert found.reason.endswith(".")


def test_from_scratch_where_many_images_gain_nothing_by_transfer() -> None:
    found = chosen(LARGE, "different", USELESS, 0.6)
    assert found.strategy == "scratch"
    assert "no better here than raw pixels (0.600 against 0.600)" in found.reason
    assert chosen(SMALL, None, USELESS, 0.6).strategy == "scratch"
    assert chosen(SMALL, "different", USELESS, 0.6).strategy == "auto"
    assert chosen(LARGE, "similar", USELESS, 0.6).strategy == "finetune"


def test_a_probe_that_is_nearly_always_right_is_enough() -> None:
    assert chosen(LARGE, "similar", accuracy=0.995).strategy == "probe"
    assert chosen(LARGE, "different", accuracy=0.995).strategy == "probe"
    always = Probes(features=0.995, raw_pixels=0.995, chance=0.995)
    assert chosen(LARGE, "similar", always, 0.995).strategy == "finetune"


def test_without_a_probe_nothing_is_trained() -> None:
    found = chosen(LARGE, "different", Probes(reason="no probe could be fitted. They are all the same."), None)
    assert found == Choice(
        "probe", "Nothing can be said of training the network: no probe could be fitted. They are all the same."
    )


def test_the_sources_own_scores_are_named_where_they_join() -> None:
    assert "own scores" in chosen(SMALL, "similar", overlap=match(["a"], ["a"])).reason
    assert "own scores" not in chosen(SMALL, "similar", overlap=match(list("abcde"), ["a"])).reason


def test_large_is_many_images_and_many_a_class() -> None:
    y = np.repeat([0, 1, 2], [10, 20, 30])
    assert size_of(y, 60) == Size("small", 60, 3, 20, 10)
    assert (
        size_of(y, 60).text
        == "Small: 60 training images, 20 in the median class of 3 (large is 1,000 and 100 or more)."
    )
    assert size_of(y, 6000) == Size("large", 6000, 3, 2000, 1000)  # a sample of so many
    assert size_of(np.arange(2000) % 50, 2000).verdict == "small"


def test_upper_half() -> None:
    assert upper_half(get_backbones(weights="none")) == "blocks.5"
    assert upper_half(get_backbones("tf_efficientnet_lite0+test_convnext", weights="none")) == "all"


def test_shown() -> None:
    assert (shown(0.12345), shown(None)) == ("0.123", "unknown")
