"""Regraft puts a new head on a pretrained network: labelled images in, a trustworthy classifier out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from regraft.auditing.auditing import audit as audit
    from regraft.backbones.lookup import get_backbones as get_backbones
    from regraft.bulk.running import embed_shards as embed_shards
    from regraft.bulk.running import predict_shards as predict_shards
    from regraft.classifier import Classifier as Classifier
    from regraft.comparison import compare as compare
    from regraft.data.dataset import Dataset as Dataset
    from regraft.data.sources import read_source as read_source
    from regraft.domains.adapt import adapt as adapt
    from regraft.domains.adapted import Adapted as Adapted
    from regraft.domains.generalize import generalize as generalize
    from regraft.errors import RegraftError as RegraftError
    from regraft.evaluation.metrics import Evaluation as Evaluation
    from regraft.exploration.active_learning import suggest as suggest
    from regraft.exploration.clustering import cluster as cluster
    from regraft.exploration.similarity import search as search
    from regraft.few_shot.fewshot import fewshot as fewshot
    from regraft.finetuning.settings import Training as Training
    from regraft.growing.forgetting import forget as forget
    from regraft.growing.learning import learn as learn
    from regraft.multitask.fitting import fit_tasks as fit_tasks
    from regraft.multitask.model import Tasks as Tasks
    from regraft.pipeline import embed as embed
    from regraft.pipeline import evaluate as evaluate
    from regraft.pipeline import fit as fit
    from regraft.prediction import Prediction as Prediction
    from regraft.result import Result as Result
    from regraft.runs import write_run as write_run
    from regraft.transferability.advice import advise as advise
    from regraft.transferability.ranking import rank as rank
    from regraft.zero_shot.zeroshot import zeroshot as zeroshot

_WHERE = {
    "Adapted": "regraft.domains.adapted",
    "Classifier": "regraft.classifier",
    "Dataset": "regraft.data.dataset",
    "Evaluation": "regraft.evaluation.metrics",
    "Prediction": "regraft.prediction",
    "RegraftError": "regraft.errors",
    "Result": "regraft.result",
    "Tasks": "regraft.multitask.model",
    "Training": "regraft.finetuning.settings",
    "adapt": "regraft.domains.adapt",
    "advise": "regraft.transferability.advice",
    "audit": "regraft.auditing.auditing",
    "cluster": "regraft.exploration.clustering",
    "compare": "regraft.comparison",
    "embed": "regraft.pipeline",
    "embed_shards": "regraft.bulk.running",
    "evaluate": "regraft.pipeline",
    "fewshot": "regraft.few_shot.fewshot",
    "fit": "regraft.pipeline",
    "fit_tasks": "regraft.multitask.fitting",
    "forget": "regraft.growing.forgetting",
    "generalize": "regraft.domains.generalize",
    "get_backbones": "regraft.backbones.lookup",
    "learn": "regraft.growing.learning",
    "predict_shards": "regraft.bulk.running",
    "rank": "regraft.transferability.ranking",
    "read_source": "regraft.data.sources",
    "suggest": "regraft.exploration.active_learning",
    "search": "regraft.exploration.similarity",
    "write_run": "regraft.runs",
    "zeroshot": "regraft.zero_shot.zeroshot",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    # Public names are loaded when first used, so that `import regraft` and `regraft --help` answer at once.
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'regraft' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
