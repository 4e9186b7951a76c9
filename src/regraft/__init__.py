"""Regraft puts a new head on a pretrained network: labelled images in, a trustworthy classifier out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from regraft.auditing.auditing import audit as audit
    from regraft.backbones.registry import get_backbones as get_backbones
    from regraft.classifier import Classifier as Classifier
    from regraft.classifier import Prediction as Prediction
    from regraft.comparison import compare as compare
    from regraft.data.dataset import Dataset as Dataset
    from regraft.data.sources import read_source as read_source
    from regraft.errors import RegraftError as RegraftError
    from regraft.evaluation.metrics import Evaluation as Evaluation
    from regraft.finetuning.settings import Training as Training
    from regraft.pipeline import embed as embed
    from regraft.pipeline import evaluate as evaluate
    from regraft.pipeline import fit as fit
    from regraft.result import Result as Result
    from regraft.runs import write_run as write_run
    from regraft.transferability.advice import advise as advise
    from regraft.transferability.ranking import rank as rank

_WHERE = {
    "Classifier": "regraft.classifier",
    "Dataset": "regraft.data.dataset",
    "Evaluation": "regraft.evaluation.metrics",
    "Prediction": "regraft.classifier",
    "RegraftError": "regraft.errors",
    "Result": "regraft.result",
    "Training": "regraft.finetuning.settings",
    "advise": "regraft.transferability.advice",
    "audit": "regraft.auditing.auditing",
    "compare": "regraft.comparison",
    "embed": "regraft.pipeline",
    "evaluate": "regraft.pipeline",
    "fit": "regraft.pipeline",
    "get_backbones": "regraft.backbones.registry",
    "rank": "regraft.transferability.ranking",
    "read_source": "regraft.data.sources",
    "write_run": "regraft.runs",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    # Public names are loaded when first used, so that `import regraft` and `regraft --help` answer at once.
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'regraft' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
