"""A tiny network with weights of its own, and jobs on a few drawn images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.backbones.registry import get_backbones
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
