"""From a labelled domain to another, through a small network: what is kept, measured, refused and saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.adaptation import METHODS, NAMES
from regraft.classifier import Classifier
from regraft.data.dataset import TASK, Dataset
from regraft.domains.adapt import adapt
from regraft.domains.adapted import Adapted
from regraft.errors import DataError, UsageError
from regraft.finetuning.settings import Training

Make = Callable[..., Dataset]
Tiny = dict[str, Any]


@pytest.fixture(scope="module")
def chosen(day: Dataset, night: Dataset, tiny: Tiny) -> Adapted:
    return adapt(day, night, method="center,coral,self-training", **tiny)


def relabelled(data: Dataset, seed: int = 5) -> Dataset:
    return replace(data, labels={TASK: np.random.default_rng(seed).permutation(data.y)})


# What is kept


def test_it_is_chosen_without_labels_and_measured_with_them(chosen: Adapted, night: Dataset) -> None:
    assert [each.name for each in chosen.attempts] == ["source-only", "center", "coral", "self-training"]
    assert chosen.evaluation is not None and chosen.source_only is not None and chosen.oracle is not None
    named = chosen.probabilities.argmax(axis=1)
    assert chosen.evaluation.accuracy == pytest.approx(np.mean(named == night.y))
    assert chosen.of(chosen.method).accuracy == pytest.approx(chosen.evaluation.accuracy)
    assert chosen.of("source-only").accuracy == pytest.approx(chosen.source_only.accuracy)
    assert chosen.of(chosen.oracle).accuracy == max(each.accuracy or 0 for each in chosen.attempts)
    assert chosen.measured.tolist() == list(range(24))
    assert chosen.choice.fell_back is (chosen.method == "source-only")


def test_the_target_s_labels_change_nothing_but_the_figures(
    chosen: Adapted, day: Dataset, night: Dataset, tiny: Tiny
) -> None:
    other = adapt(day, relabelled(night), method="center,coral,self-training", **tiny)
    assert other.method == chosen.method
    assert other.choice == chosen.choice
    np.testing.assert_array_equal(other.probabilities, chosen.probabilities)
    assert [each.scores for each in other.attempts] == [each.scores for each in chosen.attempts]
    assert other.evaluation is not None and chosen.evaluation is not None
    assert other.evaluation.accuracy < chosen.evaluation.accuracy  # now they are wrong
    none = adapt(day, list(night.examples), method="center,coral,self-training", **tiny)
    np.testing.assert_array_equal(none.probabilities, chosen.probabilities)
    assert none.choice == chosen.choice
    assert (none.evaluation, none.source_only, none.oracle) == (None, None, None)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_says_what_was_measured(
    name: str, two_days: Dataset, night: Dataset, tiny: Tiny, tmp_path: Path
) -> None:
    if name in METHODS and METHODS[name].package:
        pytest.importorskip(METHODS[name].package or "")
    labels = 2 if name in METHODS and METHODS[name].labels else None
    found = adapt(two_days, night, method=name, target_labels=labels, **tiny)
    assert (found.method, found.choice.fell_back) == (name, False)
    found.classifier.save(tmp_path / "model.regraft")
    loaded = Classifier.load(tmp_path / "model.regraft")
    assert loaded.classes == ("blue", "green", "red")
    assert loaded.info["strategy"] == f"adapt, {name}"
    assert loaded.info["target"] == "night"
    np.testing.assert_allclose(loaded.predict_proba(list(night.examples)), found.probabilities, atol=1e-4)


@pytest.mark.parametrize("name", ["deep-coral", "tent"])
def test_the_backbone_is_trained_and_saved(name: str, day: Dataset, night: Dataset, tiny: Tiny, tmp_path: Path) -> None:
    training = Training(unfreeze="all", epochs=1, batch_size=8)
    found = adapt(day, night, method=name, training=training, **tiny)
    assert found.method == name
    assert found.chosen.scores.circular is None
    found.classifier.save(tmp_path / "model.regraft")
    loaded = Classifier.load(tmp_path / "model.regraft")
    np.testing.assert_allclose(loaded.predict_proba(list(night.examples)), found.probabilities, atol=2e-3)


def test_several_sources(make: Make, night: Dataset, tiny: Tiny) -> None:
    sources = {"monday": make((4, 4, 4), seed=3, name="m"), "tuesday": make((0, 5, 5), seed=4, name="t")}
    found = adapt(sources, night, method="center", **tiny)
    assert found.source_domains == ["monday", "tuesday"]
    assert len(found.source) == 22
    assert set(found.place_domains) == {"monday", "tuesday", "target"}
    assert found.probabilities.shape == (24, 3)


def test_a_domain_of_the_source_is_the_target(two_days: Dataset, tiny: Tiny) -> None:
    found = adapt(two_days, target_domain="tuesday", method="center", **tiny)
    assert (found.source_domains, len(found.source), len(found.target)) == (["monday"], 15, 15)
    assert found.target.name == "tuesday"
    again = adapt(two_days, target_domain="tuesday", source_domains=["monday"], method="center", **tiny)
    np.testing.assert_array_equal(found.probabilities, again.probabilities)


# Labels of the target


def test_labels_that_are_learnt_from_are_not_measured_on(day: Dataset, night: Dataset, tiny: Tiny) -> None:
    said: list[str] = []
    found = adapt(day, night, method="center,tradaboost", target_labels=2, **tiny, announce=said.append)
    assert np.bincount(night.y[found.known]).tolist() == [2, 2, 2]
    assert sorted([*found.known, *found.measured]) == list(range(24))
    assert found.evaluation is not None and found.evaluation.n == 18
    assert all(each.scores.known is not None for each in found.attempts)
    assert found.choice.rule.startswith("Chosen by accuracy on the target's known labels, each left out")
    assert any("6 images of the target are learnt from with their labels" in sentence for sentence in said)
    assert found.to_dict()["target"] == {
        "name": "night",
        "n": 24,
        "labelled": 24,
        "learnt_from": 6,
        "measured": 18,
    }


def test_with_a_test_part_that_alone_is_measured_on(day: Dataset, night: Dataset, tiny: Tiny) -> None:
    split = np.where(np.arange(24) < 12, "test", "train")
    found = adapt(day, night.with_split(split), method="center", target_labels=1, **tiny)
    assert found.measured.tolist() == list(range(12))
    assert found.known.min() >= 12


def test_too_many_labels_asked_for(day: Dataset, night: Dataset, tiny: Tiny) -> None:
    with pytest.raises(DataError, match="'blue' has 8 in the target and 8 were asked for; ask for 7 or fewer"):
        adapt(day, night, method="center", target_labels=8, **tiny)
    with pytest.raises(DataError, match="--target-labels must have labelled examples of the target to draw from"):
        adapt(day, list(night.examples), method="center", target_labels=1, **tiny)


# Domains that do not fit


def test_open_and_partial_sets_are_named_and_left_out_of_the_figures(day: Dataset, make: Make, tiny: Tiny) -> None:
    target = make((6, 0, 6, 4), name="night", classes=("blue", "green", "red", "pink"))
    said: list[str] = []
    found = adapt(day, target, method="center", **tiny, announce=said.append)
    assert [each.split(":")[0] for each in found.warnings] == ["Open set", "Partial set"]
    assert "pink" in found.warnings[0] and "green" in found.warnings[1]
    assert len(found.measured) == 12
    assert found.probabilities.shape == (16, 3)
    assert [sentence for sentence in said if sentence.startswith("Note: Open set")]


def test_all_of_the_target_of_one_class(day: Dataset, make: Make, tiny: Tiny) -> None:
    found = adapt(day, make((0, 7), name="night"), method="center", **tiny)
    assert found.warnings == (
        "All labelled images of the target are of one class, 'green': the domains cannot be made alike, and accuracy "
        "is the share named so.",
    )
    known = adapt(day, make((0, 7), name="night"), method="center", target_labels=1, **tiny)
    assert len(known.measured) == 6


def test_no_shared_class(day: Dataset, make: Make, tiny: Tiny) -> None:
    with pytest.raises(DataError, match="Source and target must share classes"):
        adapt(day, make((5, 5), classes=("cat", "dog", "owl")), **tiny)


def test_a_source_with_a_class_of_one_example(make: Make, night: Dataset, tiny: Tiny) -> None:
    found = adapt(make((12, 1)), night, method="center", **tiny)
    assert found.classifier.classes == ("blue", "green")


# Examples that cannot be read


def drawn(folder: Path, data: Dataset, broken: int) -> Path:
    for i, (example, c) in enumerate(zip(data.examples, data.y, strict=True)):
        file = folder / data.class_names[c] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if i < broken:
            file.write_bytes(b"\x89PNG broken")
        else:
            Image.fromarray(example).save(file)
    return folder


@pytest.mark.parametrize("which", ["source", "target"])
def test_unreadable_examples(which: str, make: Make, tiny: Tiny, tmp_path: Path) -> None:
    source = drawn(tmp_path / "day", make((7, 7, 7)), 3 if which == "source" else 0)
    target = drawn(tmp_path / "night", make((7, 7, 7), seed=1), 3 if which == "target" else 0)
    with pytest.raises(DataError, match=r"At most 5% of the .* of 21 .*--skip-unread"):
        adapt(source, target, method="center", **tiny)
    found = adapt(source, target, method="center", skip_unreadable=True, **tiny)
    assert len(found.skipped) == 3
    assert (len(found.source), len(found.target)) == ((18, 21) if which == "source" else (21, 18))
    assert len(found.probabilities) == len(found.target)
    assert len(found.to_dict()["skipped"]) == 3


# Options


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": -1}, "--seed must be 0 or above, not -1"),
        ({"choose_by": "luck"}, "--choose-by must be one of mixture, "),
        ({"method": "corall"}, "Did you mean coral"),
        ({"method": "tradaboost"}, "--method tradaboost must have some labels of the target"),
        ({"method": "multi-tradaboost", "target_labels": 1}, "must have several sources"),
        ({"layer": "auto"}, "--layer must be a stage here, such as blocks.3, not auto"),
        ({"target_labels": 0}, "--target-labels must be a number of labels a class from 1 up, not 0"),
        (
            {"method": "dann", "training": Training(unfreeze="all"), "backbone": "test_resnet+test_vit"},
            "One backbone can be trained end to end, not 2",
        ),
        ({"training": Training(unfreeze="all")}, "must go with --method dann, deep-coral, mcc, tent or all, not auto"),
        ({"target_domain": "monday"}, "and not both"),
        ({"source_domains": ["monday"]}, "--source-domains must name a domain of the data, but day says nothing"),
    ],
)
def test_what_is_refused(settings: Tiny, words: str, day: Dataset, night: Dataset, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match=words):
        adapt(day, night, **{**tiny, **settings})


def test_no_target(day: Dataset, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="target"):
        adapt(day, **tiny)


def test_what_is_said_of_the_domains(day: Dataset, two_days: Dataset, night: Dataset, tiny: Tiny) -> None:
    said: list[str] = []
    adapt(day, night, method="source-only", **tiny, announce=said.append)
    assert said[:3] == [
        "Source: 30 images in 3 classes.",
        "Target: 24 images.",
        "24 labels were found in the target: they serve to measure alone, and nothing is learnt from or chosen by "
        "them.",
    ]
    said.clear()
    adapt(two_days, list(night.examples), method="source-only", **tiny, announce=said.append)
    assert said[0] == "Source: 30 images in 3 classes, from monday (15), tuesday (15)."
    assert said[2] == "No labels were found in the target: how good it is there cannot be measured."
