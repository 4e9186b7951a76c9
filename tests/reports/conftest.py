"""A pipeline's result, small and made up, with an evaluation that follows from its probabilities."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from regraft.backbones.preprocessing import Preprocessing
from regraft.data.dataset import Dataset
from regraft.evaluation.calibration import Calibration
from regraft.evaluation.metrics import evaluate
from regraft.evidence.evidence import gather
from regraft.evidence.trust import Trust


def proof(probabilities, truth):
    """Return the evidence of a classifier that carries nothing."""
    nothing = Trust(Calibration(), None, None)
    return gather(
        nothing,
        probabilities,
        truth,
        settings={},
        protocol="holdout",
        features=None,
        strangers={},
        control=None,
        seed=0,
    )


@pytest.fixture
def make_result():
    """Return a function that makes a result of `n` test images, `wrong` of them named wrongly."""

    def make(classes=("cat", "dog", "owl"), n=30, wrong=3, truth=None, interval=None, **changes):
        rng = np.random.default_rng(0)
        k = len(classes)
        truth = np.arange(n) % k if truth is None else np.asarray(truth)
        n = len(truth)
        predicted = truth.copy()
        predicted[:wrong] = (truth[:wrong] + 1) % k
        probabilities = rng.uniform(0, 0.3, (n, k))
        probabilities[np.arange(n), predicted] = rng.uniform(0.5, 2, n)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        # Twice the test images: the test's places in the dataset are not their places in the test.
        test_index = np.arange(n, 2 * n)
        dataset = Dataset(
            examples=[rng.integers(0, 256, (12, 16, 3), dtype=np.uint8) for _ in range(2 * n)],
            names=tuple(f"folder/picture_{i}.png" for i in range(2 * n)),
            labels={"label": np.concatenate([truth, truth])},
            classes={"label": tuple(classes)},
            name="pets",
            notes=("The class of an image is the name of its folder.",),
        )
        evaluation = evaluate(truth, probabilities, tuple(classes))
        if interval:
            evaluation = replace(evaluation, accuracy_ci95=interval)
        weights = SimpleNamespace(source="package toy-weights", sha256="ab" * 32, licence="Apache-2.0", random=False)
        result = SimpleNamespace(
            dataset=dataset,
            protocol="holdout",
            evaluations={"test": evaluation},
            test_index=test_index,
            test_probabilities=probabilities,
            candidates=(
                SimpleNamespace(name="logistic", accuracy=0.912, accuracy_se=0.013, log_loss=0.25, settings={"C": 0.1}),
                SimpleNamespace(name="centroid", accuracy=0.87, accuracy_se=None, log_loss=0.5, settings="cosine"),
            ),
            chosen="logistic",
            backbones=(
                SimpleNamespace(
                    name="toynet", feature_dim=1280, weights=weights, preprocessing=Preprocessing(32, crop=1)
                ),
            ),
            timings={"read": 1.0, "features": 6.0, "head": 2.0, "evaluation": 0.5, "total": 10.0},
            images_per_second=123.4,
            cache_hits=10,
            cache_misses=50,
            precision="bf16",
            engine="openvino",
            skipped=(),
            notes=(),
            seed=7,
            command="regraft fit pets --seed 7",
            version="0.1.0",
            created="2025-01-02T03:04:05+00:00",
            n_train=n,
            n_val=0,
            n_test=n,
            history=(),
            attempts=(),
            augmentation=None,
            evidence=proof(probabilities, truth),
            audit=SimpleNamespace(sentences=list),
            classifier=SimpleNamespace(
                backbones=(), precisions=(), head="logistic", tensors={}, settings={}, growth=None, memory=None
            ),
            taught=None,
            settings={},
            probed=True,
            trainable=0,
        )
        vars(result).update(changes)
        return result

    return make
