"""Classifiers of described classes: what speaks for each, and that they are ordinary classifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from regraft.backbones.lookup import get_backbones
from regraft.classifier import Classifier
from regraft.errors import UsageError
from regraft.evaluation.calibration import Calibration
from regraft.growing.learning import learn
from regraft.zero_shot.described import Described, described_classifier, generalized_classifier

LITE0 = get_backbones("tf_efficientnet_lite0")


def described(*names: str, **texts: str) -> Described:
    return Described(names, tuple(texts.get(name, "") for name in names))


def test_a_classifier_like_any_other(encoder, colours, tmp_path):
    classifier, grounds = described_classifier(described("daisy", "pirate ship", "other"), LITE0, [])
    assert [each.kind for each in grounds] == ["source class", "source class", "rest"]
    assert (classifier.head, classifier.widths) == ("zero_shot", (1280,))
    classifier.save(tmp_path / "m.regraft")
    again = Classifier.load(tmp_path / "m.regraft")
    assert again.info["grounds"]["daisy"]["kind"] == "source class"
    files = sorted((colours / "red").iterdir())
    assert np.array_equal(again.predict_proba(files), classifier.predict_proba(files))
    assert (tmp_path / "m.regraft").stat().st_size < 4e6


def test_what_there_is_to_go_on(encoder, monkeypatch):
    _, grounds = described_classifier(described("daisy", "pirate"), LITE0, [])
    assert grounds[0].nearest[0][0] == "daisy"
    assert (grounds[1].kind, grounds[1].nearest[0][0], len(grounds[1].nearest)) == ("source class", "pirate", 3)
    for near, kind in ((0.0, "near"), (1.0, "far")):
        monkeypatch.setattr("regraft.zero_shot.described.NEAR", near)
        _, grounds = described_classifier(described("daisy", "schooner ship"), LITE0, [])
        assert grounds[1].kind == kind


def test_a_text_says_which_class_of_that_name_is_meant(encoder):
    from regraft.backbones.source import source_definitions

    definitions = source_definitions(LITE0[0])
    assert definitions is not None
    table = described_classifier(described("crane", "daisy"), LITE0, [])[0].tensors["evidence"]
    machine = described_classifier(described("crane", "daisy", crane=definitions[517]), LITE0, [])[0]
    assert np.flatnonzero(machine.tensors["evidence"][:, 0]).tolist() == [517]
    assert set(np.flatnonzero(table[:, 0])) <= {134, 517}
    other, grounds = described_classifier(described("crane", "daisy", crane="xyzzy plugh"), LITE0, [])
    assert np.count_nonzero(other.tensors["evidence"][:, 0]) == 1000
    assert grounds[0].kind != "source class"


def test_beside_trained_classes(encoder, fitted, colours, tmp_path):
    model = fitted.classifier
    classifier, grounds, notes = generalized_classifier(model, described("daisy", "yellow"))
    assert classifier.classes == ("blue", "green", "red", "daisy", "yellow")
    assert [each.kind for each in grounds[:4]] == ["trained"] * 3 + ["source class"]
    assert notes == []
    assert classifier.settings["bonus"] == 1.0
    classifier.save(tmp_path / "m.regraft")
    again = Classifier.load(tmp_path / "m.regraft")
    assert again.info["trained"]["classes"] == ["blue", "green", "red"]
    files = sorted(colours.rglob("*.jpg"))
    found = again.predict_proba(files)
    assert np.array_equal(found, classifier.predict_proba(files))
    assert np.array_equal(found[:, :3].argmax(axis=1), model.predict_proba(files).argmax(axis=1))


def test_a_model_that_cannot_tell_what_is_strange(encoder, fitted):
    curves = ((np.array([0.0, 1.0]), np.array([0.0, 1.0])),) * 3
    model = replace(fitted.classifier, familiarity=None, calibration=Calibration("isotonic", curves=curves))
    classifier, _, notes = generalized_classifier(model, described("daisy"))
    assert (classifier.settings["bonus"], "directions" in classifier.tensors) == (0.0, False)
    assert notes == [
        "The model does not know what is unlike its training images: the classes' names alone decide.",
        "The model's calibration by curves is left out: it is for the trained classes alone.",
    ]


def test_described_classes_beside_described_ones(encoder, colours):
    first, _ = described_classifier(described("daisy", "pirate ship"), LITE0, [])
    both, _, _ = generalized_classifier(first, described("crane"))
    found = both.predict_proba(sorted((colours / "red").iterdir()))
    assert found.shape == (6, 3)
    assert np.allclose(found.sum(axis=1), 1)


def test_a_model_of_a_network_that_is_not_known(encoder, fitted):
    model = replace(fitted.classifier, backbones=get_backbones("tf_efficientnet_lite0", weights="none"))
    with pytest.raises(UsageError, match="ConSE has nothing to go on"):
        generalized_classifier(model, described("daisy"))


def test_a_model_that_has_learnt_a_class_since(encoder, fitted, tmp_path):
    Image.new("RGB", (64, 64), (250, 220, 30)).save(tmp_path / "a.png")
    grown = learn(fitted.classifier, "yellow", tmp_path / "a.png").classifier
    with pytest.raises(
        UsageError, match="--model must be a classifier as it was fitted, but 'yellow' was learnt after"
    ):
        generalized_classifier(grown, described("daisy"))
