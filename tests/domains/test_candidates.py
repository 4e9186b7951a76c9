"""Which methods are asked for and tried, and which are refused or left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.adaptation import METHODS, NAMES, RULES
from regraft.backbones.lookup import get_backbones
from regraft.data.dataset import TASK, Dataset
from regraft.data.target import target_of
from regraft.domains import candidates
from regraft.domains.candidates import Tried, asked_for, check_rule, pose, try_all
from regraft.errors import UsageError
from regraft.features.extraction import Features
from regraft.finetuning.settings import Training

TRAINING = Training(unfreeze="all", epochs=1)


def test_auto_are_the_quick_ones_and_all_are_all() -> None:
    auto, every = asked_for("auto", None), asked_for("all", None)
    assert auto.names == tuple(name for name, entry in METHODS.items() if entry.auto)
    assert every.names == NAMES
    assert auto.names[0] == every.names[0] == "source-only"
    assert {"dann", "tent", "adabn"} & set(auto.names) == set()
    assert (auto.every, auto.forced, every.every, every.forced) == (True, None, True, None)


def test_methods_by_name() -> None:
    one = asked_for("coral", None)
    assert (one.names, one.every, one.forced) == (("source-only", "coral"), False, "coral")
    several = asked_for(" coral, tca,source-only,coral ", None)
    assert (several.names, several.every, several.forced) == (("source-only", "coral", "tca"), False, None)
    assert asked_for("source-only", None).forced == "source-only"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("corall", r"--method must be auto, all or some of source-only, .*, not 'corall'\. Did you mean coral\?"),
        ("coral,xyzzy", r"not 'xyzzy'\.$"),
        (" , ", r"--method must be auto, all or some of .*, not ' , '"),
        ("auto,coral", "not 'auto'"),
        ("tradaboost", "--method tradaboost must have some labels of the target to learn from; add --target-labels"),
    ],
)
def test_methods_that_are_none(method: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        asked_for(method, None)


def test_what_trains_the_backbone_goes_with_methods_that_do() -> None:
    assert asked_for("coral,dann", TRAINING).names == ("source-only", "coral", "dann")
    assert asked_for("all", TRAINING).names == NAMES
    with pytest.raises(UsageError, match="must go with --method dann, deep-coral, mcc, tent or all, not auto, which"):
        asked_for("auto", TRAINING)
    with pytest.raises(UsageError, match=r"must go with --method dann, .* or all, not coral,tca; leave it out"):
        asked_for("coral,tca", TRAINING)


def test_rules() -> None:
    for rule in RULES:
        check_rule(rule)
    with pytest.raises(UsageError, match=f"--choose-by must be one of {', '.join(RULES)}, not 'luck'"):
        check_rule("luck")


# Tried, on features


def domain(shift: float, seed: int, n: int = 45, **settings: Any) -> tuple[Dataset, Features]:
    """Return clusters 3 spreads apart, moved along the first axis, as if a network had given them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = (rng.normal(size=(n, 8)) + 3 * np.eye(8)[y] + shift * np.eye(8)[0]).astype(np.float32)
    names = tuple(f"{seed}-{i}" for i in range(n))
    data = Dataset([b""] * n, names, {TASK: y}, {TASK: ("a", "b", "c")}, name=f"domain {seed}", **settings)
    return data, Features(X, np.arange(n), (), ("f32",), (8,), "torch", 0, n, 0.0)


def tried(method: str, *, known: int = 0, sources: int = 1, backbones: Any = ()) -> Tried:
    source, there = domain(0, 0, domain=np.array(["x", "y"])[np.arange(45) % sources])
    data, here = domain(3, 1)
    return try_all(
        asked_for(method, None, known or None),
        source,
        target_of(data, source.class_names),
        (there, here),
        backbones,
        np.arange(3 * known),
        training=None,
        seed=0,
        engine="torch",
        progress=None,
        announce=lambda sentence: None,
    )


def test_several_methods_are_tried_with_source_only_first() -> None:
    found = tried("center,standardize")
    assert [trial.name for trial in found.trials] == ["source-only", "center", "standardize"]
    assert all(trial.scores.agreement is not None for trial in found.trials)
    choice, trial = found.choose("mixture")
    assert choice.name == trial.name == "center"
    right = [np.mean(each.probabilities.argmax(axis=1) == found.target.y) for each in found.trials]
    assert right[1] > right[0] + 0.2


def test_a_method_asked_for_is_kept_whatever_the_scores_say() -> None:
    choice, trial = tried("label-shift").choose("mixture")
    assert (choice.name, trial.name, choice.fell_back) == ("label-shift", "label-shift", False)


def test_auto_leaves_out_what_needs_labels_or_sources() -> None:
    named = {trial.name for trial in tried("auto").trials}
    assert {"tradaboost", "multi-tradaboost"} & named == set()
    assert {"coral", "subspace", "self-training", "kmm", "label-shift"} <= named
    with_labels = {trial.name for trial in tried("auto", known=2).trials}
    assert "tradaboost" in with_labels and "multi-tradaboost" not in with_labels
    assert "multi-tradaboost" in {trial.name for trial in tried("auto", known=2, sources=2).trials}


def test_one_source_is_not_several() -> None:
    with pytest.raises(
        UsageError, match=r"--method multi-tradaboost must have several sources; give more, or take tradaboost\."
    ):
        tried("multi-tradaboost", known=2)


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r'--method optimal-transport must have the package POT, .* `pip install "regraft\[adapt\]"`'
    ):
        tried("optimal-transport")
    found = tried("auto")
    assert "optimal-transport" not in {trial.name for trial in found.trials}
    assert [note for note in found.notes if note.startswith("optimal-transport is left out: it must have")]


def test_batch_norm_needs_a_network_that_has_it() -> None:
    backbones = get_backbones("test_vit", weights="none", image_size=32)
    with pytest.raises(UsageError, match="--method adabn must have a network with batch normalisation, and test_vit "):
        tried("adabn", backbones=backbones)


def test_features_are_raised_as_suits_the_source_and_weighted_to_be_like_the_target() -> None:
    source, there = domain(0, 0, domain=np.array(["y", "x", "x"])[np.arange(45) % 3])
    data, here = domain(2, 1)
    known = np.array([4, 7])
    problem = pose(source, target_of(data, source.class_names), (there, here), known, 0)
    np.testing.assert_allclose(
        problem.X, np.sign(there.values) * np.abs(there.values) ** problem.power, rtol=1e-5, atol=1e-6
    )
    assert (problem.k, problem.known_y.tolist()) == (3, [1, 1])
    assert problem.domains.tolist() == ([1, 0, 0] * 15)
    assert problem.known is not None and problem.known[0].tolist() == [4, 7]
    first = there.values[:, 0]
    assert problem.weights[first > 3].mean() > 2 * problem.weights[first < 0].mean()
    none = pose(source, target_of(data, source.class_names), (there, here), np.zeros(0, int), 0)
    assert none.known is None


def test_the_target_s_labels_are_not_looked_at() -> None:
    found = tried("center,coral,label-shift")
    labels = replace(found.target, y=np.random.default_rng(0).permutation(found.target.y))
    source, there = domain(0, 0)
    again = try_all(
        asked_for("center,coral,label-shift", None),
        source,
        labels,
        (there, domain(3, 1)[1]),
        (),
        np.zeros(0, int),
        training=None,
        seed=0,
        engine="torch",
        progress=None,
        announce=lambda sentence: None,
    )
    for one, other in zip(found.trials, again.trials, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.scores == other.scores
