"""The layer and the pooling that tell the training part's classes apart; the usual ones unless others are better."""

from dataclasses import replace

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.data.dataset import TASK, Dataset
from regraft.evaluation.strange_sounds import strange_sounds
from regraft.evaluation.strange_texts import strange_texts
from regraft.heads.selection import Candidate
from regraft.strategies import layer
from regraft.strategies.layer import candidates_of, choosable, choose_layer


def of_kinds(examples, names, modality):
    kinds, y = np.unique([name.split()[0] for name in names], return_inverse=True)
    data = Dataset(examples, tuple(names), {TASK: y.astype(np.int64)}, {TASK: tuple(kinds)}, modality=modality)
    return data.with_split(np.where(np.arange(len(names)) % 4 == 0, "test", "train"))


def test_recordings_are_compared_by_layers_from_the_middle_up():
    [lite] = get_backbones(modality="audio")
    assert [(c.layer, c.pool) for c in candidates_of(lite, "auto")] == [
        *[(f"blocks.{i}", "thirds") for i in (3, 4, 5)],
        (None, "avg"),
    ]
    assert {c.pool for c in candidates_of(lite, "max")} == {"max"}


def test_images_and_texts_too():
    [lite] = get_backbones("tf_efficientnet_lite0")
    assert [(c.layer, c.pool) for c in candidates_of(lite, "auto")][-2:] == [(None, "avg"), (None, "max")]
    [encoder] = get_backbones(modality="text")
    assert [(c.layer, c.pool) for c in candidates_of(encoder, "auto")] == [
        *[(f"layer.{i}", "avg") for i in (2, 3, 4)],
        (None, "avg"),
        (None, "first"),
    ]


def test_when_it_is_chosen():
    images, sounds = get_backbones("tf_efficientnet_lite0"), get_backbones(modality="audio")
    assert not choosable(images, "auto", None) and choosable(images, "auto", "auto")
    assert choosable(sounds, "auto", None) and not choosable(sounds, "max", None)
    assert not choosable(sounds, "auto", "blocks.3")
    words = replace(images[0], architecture="word-vectors")
    assert not choosable((words,), "auto", "auto")


@pytest.mark.parametrize("make", [strange_sounds, strange_texts])
def test_only_the_training_part_is_looked_at(make):
    modality = "audio" if make is strange_sounds else "text"
    data = of_kinds(*make(), modality)
    spoiled = [b"" if modality == "audio" else "" for _ in data.examples]
    examples = [a if part == "train" else b for a, b, part in zip(data.examples, spoiled, data.split, strict=True)]
    chosen = choose_layer(replace(data, examples=examples), get_backbones(modality=modality), pool="auto", seed=0)
    assert len(chosen.compared) == len(candidates_of(chosen.backbones[0], "auto"))
    assert max(row["accuracy"] for row in chosen.compared) > 0.9
    assert "chosen by cross-validation on the training part" in chosen.sentence()


@pytest.mark.parametrize(
    ("accuracies", "usual", "best"), [([0.8, 0.81], 0, 0), ([0.8, 0.9], 0, 1), ([0.8, 0.81], None, 1)]
)
def test_the_usual_one_stays_unless_another_is_clearly_better(accuracies, usual, best):
    judged = [Candidate("logistic", accuracy, 0.02, 0.5, {}) for accuracy in accuracies]
    assert layer._best(judged, usual) == best
