"""Classifiers through open_clip are ordinary ones: an image tower, and texts as centroids."""

from __future__ import annotations

import json

import numpy as np
import pytest

open_clip = pytest.importorskip("open_clip")

from regraft.classifier import Classifier  # noqa: E402
from regraft.zero_shot.described import Described  # noqa: E402
from regraft.zero_shot.prompted import prompted_classifier  # noqa: E402

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def weights(tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "small-clip.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(tmp_path / "small-clip.json")
    state = open_clip.create_model("small-clip").state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_saved_and_loaded(weights, colours, tmp_path):
    described = Described(("red", "blue", "not_red"), ("", "the colour of the sea", ""))
    classifier, grounds, notes = prompted_classifier(described, "small-clip", weights, [])
    assert [each.kind for each in grounds] == ["prompt", "prompt", "rest"]
    assert notes == ["'not_red' is put to the model as 'something else': how well that works depends on the model."]
    files = sorted((colours / "red").iterdir())
    features = classifier.features(files).values
    cosine = features / np.linalg.norm(features, axis=1, keepdims=True) @ classifier.tensors["centroids"].T
    expected = np.exp(2 * classifier.settings["scale"] * cosine)
    found = classifier.predict_proba(files)
    assert found == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-4)
    classifier.save(tmp_path / "m.regraft")
    weights.unlink()  # the file of the classifier holds the image tower
    again = Classifier.load(tmp_path / "m.regraft")
    assert again.predict_proba(files) == pytest.approx(found, abs=0.02)
    assert (tmp_path / "m.regraft").stat().st_size < 1e6
