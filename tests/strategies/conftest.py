"""A tiny network with weights of its own, and jobs on a few drawn images."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.data.sources import read_source
from regraft.features.extraction import extract
from regraft.finetuning.settings import Training
from regraft.persistence import packed
from regraft.strategies.job import Job


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Return a file of weights: to regraft they are pretrained."""
    built = get_backbones("test_resnet", weights="none")[0].build().state_dict()
    state = {name: tensor.numpy().copy() for name, tensor in built.items()}
    for name, values in state.items():
        if "bn" in name and name.endswith(".weight"):
            values[...] = 1.0  # a residual branch that ends in zero would learn nothing
    file = tmp_path_factory.mktemp("weights") / "own.safetensors"
    file.write_bytes(packed(state))
    return file


@pytest.fixture(scope="session")
def backbone(weights):
    return get_backbones("test_resnet", weights=weights, image_size=32)[0]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory, draw_classes):
    """Return a folder of train/, val/ and test/: 8, 4 and 4 images of each of three classes."""
    folder = tmp_path_factory.mktemp("pictures") / "data"
    for part, count, seed in (("train", 8, 0), ("val", 4, 50), ("test", 4, 90)):
        draw_classes(folder / part, count, seed=seed)
    return folder


@pytest.fixture(scope="session")
def make_job(backbone, pictures):
    """Return a function that makes a job on those images."""
    dataset = read_source(pictures)
    features = extract(dataset.examples, dataset.names, (backbone,), engine="torch")

    def make(**changes: Any) -> Job:
        job = Job(
            dataset=dataset,
            protocol="given",
            backbones=(backbone,),
            features=features,
            heads={"logistic": {}, "centroid": {}},
            head="linear",
            head_settings={},
            training=Training(epochs=1, unfreeze="layer4", precision="f32"),
            seed=0,
            engine="torch",
            notes=[],
        )
        return replace(job, **changes)

    return make


@pytest.fixture
def parts(make_job):
    """Return the positions of the images to learn from and to choose by."""
    dataset = make_job().dataset
    return np.asarray(dataset.part("train")), np.asarray(dataset.part("val"))


_ENCODERS = Path(__file__).parent.parent / "backbones" / "conftest.py"


@pytest.fixture(scope="session")
def text_backbone(tmp_path_factory):
    """Return a BERT of three layers, with dropout."""
    from regraft.backbones.encoders import find_encoder

    spec = importlib.util.spec_from_file_location("small_encoders", _ENCODERS)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return find_encoder(made._write(tmp_path_factory.mktemp("encoders") / "small-bert"))


@pytest.fixture(scope="session")
def make_text_job(text_backbone):
    """Return a function that makes a job on 36 texts of two classes: 16 and 8 to learn from and choose by, and 12."""
    pytest.importorskip("transformers")
    start, end = (
        ("a", "the"),
        ("sat", "ran", "sat home", "ran home !", "ran home .", "sat !", "sat . the cats ran", "ran !"),
    )
    texts = [f"{a} {animal} {b}" + " ." * (i // 32) for i in range(36) for a, animal, b in [_words(i, start, end)]]
    labels = ["dog" if i % 2 else "cat" for i in range(36)]
    split = np.array(["train"] * 16 + ["val"] * 8 + ["test"] * 12)
    dataset = replace(read_source(texts, labels=labels), split=split)
    features = extract(dataset.examples, dataset.names, (text_backbone,), engine="torch")

    def make(**changes: Any) -> Job:
        job = Job(
            dataset=dataset,
            protocol="given",
            backbones=(text_backbone,),
            features=features,
            heads={"logistic": {}, "centroid": {}},
            head="linear",
            head_settings={},
            training=Training(epochs=1, precision="f32"),
            seed=0,
            engine="torch",
            notes=[],
        )
        return replace(job, **changes)

    return make


def _words(i, start, end):
    return start[i // 2 % 2], ("cat", "dog")[i % 2], end[i // 4 % len(end)]
