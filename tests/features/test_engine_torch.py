"""Passes with torch on the CPU; and when a graphics card is asked for."""

import sys

import numpy as np
import pytest
import torch

from regraft.backbones.vision import FeatureNetwork
from regraft.features import engine_torch
from regraft.features.engine_torch import TorchEngine, graphics_card


@pytest.fixture(scope="module")
def pixels(small, photos):
    return np.stack([small.preprocessing.apply(photo) for photo in photos])


@pytest.fixture(scope="module")
def expected(small, pixels):
    with torch.no_grad():
        return FeatureNetwork(small.build(), small).eval()(torch.from_numpy(pixels).float()).numpy()


@pytest.mark.parametrize("batch", [1, 5, 16])
def test_gives_the_networks_features(batch, small, pixels, expected, features):
    engine = TorchEngine(small, "f32", device="cpu")
    found = features(engine, pixels, batch)
    assert found.dtype == np.float32
    assert found.shape == (16, engine.width) == (16, small.feature_dim)
    assert np.allclose(found, expected, atol=1e-4)


def test_reduced_precision_comes_out_as_float32_and_close(small, pixels, expected, features):
    found = features(TorchEngine(small, "bf16", device="cpu"), pixels)
    assert found.dtype == np.float32
    assert not np.array_equal(found, expected)
    assert np.allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_takes_pixels_that_are_no_block_of_memory(small, pixels, expected, features):
    found = features(TorchEngine(small, "f32", device="cpu"), np.repeat(pixels, 2, axis=2)[:, :, ::2])
    assert np.allclose(found, expected, atol=1e-4)


def test_runs_on_the_processor_where_there_is_no_card(small, monkeypatch):
    monkeypatch.setattr(engine_torch, "graphics_card", lambda: None)
    assert TorchEngine(small, "f32").device == "cpu"


@pytest.fixture
def machine(monkeypatch):
    """Return a function that says what this machine has."""

    def set_(platform, tools=(), cuda=False, mps=False):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(engine_torch.shutil, "which", lambda tool: tool if tool in tools else None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return set_


def test_a_card_is_found_where_torch_can_use_it(machine):
    machine("linux", ["nvidia-smi"], cuda=True)
    assert graphics_card() == "cuda"
    machine("linux", ["rocm-smi"], cuda=True)
    assert graphics_card() == "cuda"
    machine("darwin", mps=True)
    assert graphics_card() == "mps"
    machine("linux", ["nvidia-smi"])
    assert graphics_card() is None


def test_torch_is_not_asked_where_nothing_speaks_for_a_card(machine):
    machine("linux", cuda=True)
    assert graphics_card() is None
