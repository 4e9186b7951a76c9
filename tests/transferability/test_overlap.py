from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones import source
from regraft.backbones.lookup import get_backbones
from regraft.transferability.overlap import match, overlap_with, source_prior

SOURCE = (
    "hotdog, hot dog, red hot",
    "Boston bull, Boston terrier",
    "German short-haired pointer",
    "chow, chow chow",
    "Cardigan, Cardigan Welsh corgi",
    "Walker hound, Walker foxhound",
    "strawberry",
    "crayfish, crawfish",
    "spiny lobster, crayfish",
    "Persian cat",
    "bicycle pump",
    "cardigan",
    "crane",
    "school bus",
)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("hotdog", 0),
        ("hot_dog", 0),
        ("Hot-Dogs", 0),
        ("boston_bull", 1),
        ("german_short-haired_pointer", 2),
        ("German Shorthaired Pointers", 2),
        ("chow", 3),
        ("n02108089-walker_hound", 5),
        ("strawberries", 6),
        ("crayfish", 7),
    ],
)
def test_names_are_the_same_whatever_their_dress(name: str, index: int) -> None:
    assert match([name], SOURCE).matches == ((index,),)


@pytest.mark.parametrize("name", ["not_hotdog", "cat", "dogs", "0", "5", "roses", "tulips", "bus", "hot", "", "_"])
def test_no_false_matches(name: str) -> None:
    assert match([name], SOURCE).matches == ((),)


def test_of_two_of_one_name_the_nearer_in_kind() -> None:
    assert match(["cardigan", "chow"], SOURCE).matches == ((4,), (3,))
    assert match(["cardigan", "crane"], SOURCE).matches == ((11,), (12,))
    assert match(["cardigan", "x"], SOURCE).matches[0] == (4, 11)


def test_sentences() -> None:
    assert match(["chow", "crane"], SOURCE).text == (
        "2 of 2 classes are among the source's own 14 (chow, crane): the result is partly memory."
    )
    one = match(["chow", "a", "b"], SOURCE)
    assert one.share == pytest.approx(1 / 3)
    assert one.text == ("1 of 3 classes is among the source's own 14 (chow): what it says of it is partly memory.")
    assert match(["a", "b"], SOURCE).text == "By name, none of the 2 classes is among the source's own 14."
    assert match(["hotdog", "no"], SOURCE).to_dict() == {
        "classes": 2,
        "found": ["hotdog"],
        "share": 0.5,
        "source_classes": 14,
        "text": "1 of 2 classes is among the source's own 14 (hotdog): the result is partly memory.",
    }


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> source.SourceTask:
    """Let the Lites have learnt `SOURCE`, with a classifier of small numbers; random weights know nothing."""
    random = np.random.default_rng(0)
    task = source.SourceTask(random.normal(size=(14, 1280)).astype(np.float32), np.arange(14, dtype=np.float32), SOURCE)
    monkeypatch.setattr(
        source, "source_task", lambda backbone, folder: source.SourceTask() if backbone.weights.random else task
    )
    monkeypatch.setattr(source, "_imagenet_names", lambda: SOURCE)
    return task


def test_prior_is_the_centred_rows_of_the_matches(known: source.SourceTask) -> None:
    assert known.weight is not None
    prior = source_prior(["crane", "else", "chow"], get_backbones())
    assert prior is not None
    weight = known.weight - known.weight.mean(axis=0)
    # Two backbones that know the same: their logits are averaged, so each has half of the weight.
    row = np.concatenate([weight[12], weight[12]]) / 2
    np.testing.assert_allclose(prior["coef"], np.stack([row, 0 * row, np.tile(weight[3] / 2, 2)]), atol=1e-6)
    np.testing.assert_allclose(prior["intercept"], [12 - 6.5, 0, 3 - 6.5])
    assert {array.dtype for array in prior.values()} == {np.dtype(np.float32)}


def test_prior_leaves_out_the_network_that_has_learnt_nothing(known: source.SourceTask) -> None:
    lite0 = get_backbones()[0]
    [untrained] = get_backbones("tf_efficientnet_lite1", weights="none")
    prior = source_prior(["crane", "chow"], [lite0, untrained])
    alone = source_prior(["crane", "chow"], [lite0])
    assert prior is not None and alone is not None
    np.testing.assert_array_equal(prior["coef"], np.hstack([alone["coef"], np.zeros((2, 1280))]))
    assert source_prior(["crane", "chow"], [untrained]) is None
    assert overlap_with(["crane", "chow"], [untrained]) is None


def test_no_prior_where_hardly_any_class_is_known(known: source.SourceTask) -> None:
    assert source_prior(["chow", "a", "b", "c", "d"], get_backbones()) is None
    found = overlap_with(["chow", "a", "b", "c", "d"], get_backbones())
    assert found is not None
    assert found.found == ("chow",)


def test_the_networks_own_names(tmp_path: Path) -> None:
    [backbone] = get_backbones("tf_efficientnet_lite0")
    names = ["doberman", "maltese_dog", "walker_hound", "daisy", "tulips", "not hotdog"]
    found = overlap_with(names, [backbone], tmp_path)
    assert found is not None
    assert found.found == ("doberman", "maltese_dog", "walker_hound", "daisy")
    assert source_prior(names, [replace(backbone, pool="max")], tmp_path) is None
