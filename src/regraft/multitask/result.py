"""What a fit of several tasks found: the model, and for each task what learning together did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regraft import __version__
from regraft.data.dataset import Dataset, Skipped
from regraft.multitask.kinds import KINDS
from regraft.multitask.kinds.base import Measure
from regraft.multitask.measuring import Compared, Figure, Verdict, verdict
from regraft.multitask.model import Tasks
from regraft.multitask.tasks import KindName

WAYS = {
    "linear": "a linear head on the frozen features",
    "alone": "a network for this task alone",
    "together": "the network of all tasks",
}
"""What a task's head may have been learnt by."""

TOLD = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "log_loss": "log loss",
    "mean_average_precision": "mean average precision",
    "subset_accuracy": "subset accuracy",
    "mean_absolute_error": "mean absolute error",
    "quadratic_kappa": "quadratic kappa",
    "r2": "R²",
}
"""What people call a measure."""


@dataclass(frozen=True, eq=False)
class TaskFound:
    """One task, and what learning it with the others did to it.

    Parameters
    ----------
    name : str
    kind : {"classes", "multi-label", "ordinal", "numbers"}
    classes : tuple of str
    n_train, n_val, n_test : int
        Examples with a label; those of validation are learnt from in the end, unless they are a part of the data's own.
    n_missing : int
        Examples without a label of this task.
    val_loss : dict of str to float
        By way: the loss on the validation examples, in units of the loss of one who sees no example.
    epochs : dict of str to int
        By trained way: the best epoch.
    kept : {"linear", "alone", "together"}
        The way with the least validation loss.
    compared : Compared
        All ways on the same test examples, which chose none of them.
    """

    name: str
    kind: KindName
    classes: tuple[str, ...]
    n_train: int
    n_val: int
    n_test: int
    n_missing: int
    val_loss: dict[str, float]
    epochs: dict[str, int]
    kept: str
    compared: Compared

    @property
    def measure(self) -> Measure:
        """By which gain and loss are told."""
        return KINDS[self.kind].measures[0]

    @property
    def shares(self) -> bool:
        """Whether it was learnt with others too."""
        return "together" in self.compared.ways

    @property
    def gain(self) -> Figure:
        """How much better together is than alone, by that measure; of a single task, a network than a linear head."""
        return self.compared.gain[self.measure.name]

    @property
    def verdict(self) -> Verdict:
        """Whether that made the task better, worse, or cannot be told from chance."""
        return verdict(self.gain)

    @property
    def error_cut(self) -> Figure | None:
        """Which share of the error of learning alone, or by a linear head, is gone; None where there was none.

        It gives tasks of all kinds one unit. The error is the distance from a perfect figure.
        """
        alone = self.compared.ways["alone" if self.shares else "linear"][self.measure.name].value
        error = 1 - alone if self.measure.higher else alone
        if error < 1e-9:
            return None
        low, high = (end / error for end in self.gain.ci95)
        return Figure(self.gain.value / error, (low, high))

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        name = TOLD[self.measure.name]
        figures = self.compared.ways
        if not self.shares:
            figure = figures[self.kept][self.measure.name]
            return (
                f"{self.name}: {name} {figure.value:.4g} (95% interval {figure.ci95[0]:.4g} to {figure.ci95[1]:.4g}), "
                f"{self.compared.usual[self.measure.name]:.4g} by one who sees nothing; kept: {WAYS[self.kept]}."
            )
        alone, together = (figures[way][self.measure.name].value for way in ("alone", "together"))
        low, high = self.gain.ci95
        how = {
            "gained": "gained by learning together",
            "lost": "lost by learning together (negative transfer)",
            "unclear": "neither clearly gained nor lost",
        }
        return (
            f"{self.name} {how[self.verdict]}: {name} {alone:.4g} alone, {together:.4g} together "
            f"(gain {self.gain.value:+.3g}, 95% interval {low:+.3g} to {high:+.3g}); kept: {WAYS[self.kept]}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        compared = self.compared
        return {
            "name": self.name,
            "kind": self.kind,
            "classes": list(self.classes),
            "n": {"train": self.n_train, "val": self.n_val, "test": self.n_test, "missing": self.n_missing},
            "measure": self.measure.name,
            "usual": compared.usual,
            **{way: _plain(figures) for way, figures in compared.ways.items()},
            "gain": _plain(compared.gain),
            "verdict": self.verdict,
            "kept": self.kept,
            "val_loss": self.val_loss,
            "epochs": self.epochs,
        }


@dataclass(frozen=True, eq=False)
class TasksResult:
    """A model of several tasks, and the evidence for it.

    Parameters
    ----------
    model : Tasks
    dataset : Dataset
        The readable examples and their split; its labels are in `tasks`.
    tasks : tuple of TaskFound
    weighting : {"equal", "uncertainty", "grad-norm"}
    weights : dict of str to float
        What each task's loss counted at the end of the training together.
    strategy : {"probe", "finetune"}
    protocol : {"given", "holdout"}
    settings : dict
    notes : tuple of str
        What the user should know.
    skipped : tuple of Skipped
    timings : dict of str to float
        Seconds.
    seed : int
    command : str
    """

    model: Tasks
    dataset: Dataset
    tasks: tuple[TaskFound, ...]
    weighting: str
    weights: dict[str, float]
    strategy: str
    protocol: str
    settings: dict[str, Any]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    timings: dict[str, float]
    seed: int
    command: str = ""

    def named(self, verdict: Verdict) -> tuple[str, ...]:
        """Return the tasks that gained, lost, or did neither clearly."""
        return tuple(task.name for task in self.tasks if task.verdict == verdict)

    @property
    def headline(self) -> str:
        """What learning together did, in one sentence; of a single task, how well it is told."""
        if len(self.tasks) == 1:
            return self.tasks[0].sentence
        gained, lost = self.named("gained"), self.named("lost")
        if gained and lost:
            return f"Learning together helped {_listed(gained)} and harmed {_listed(lost)}."
        if gained:
            return f"Learning together helped {_listed(gained)} and harmed none clearly."
        if lost:
            return f"Learning together harmed {_listed(lost)} and helped none clearly."
        return "Learning together made no task clearly better or worse than alone."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "data": self.dataset.name,
            "modality": self.dataset.modality,
            "headline": self.headline,
            "gained": list(self.named("gained")),
            "lost": list(self.named("lost")),
            "tasks": [task.to_dict() for task in self.tasks],
            "weighting": self.weighting,
            "weights": self.weights,
            "strategy": self.strategy,
            "protocol": self.protocol,
            "n": {part: len(self.dataset.part(part)) for part in ("train", "val", "test")},
            "backbones": [backbone.name for backbone in self.model.backbones],
            "settings": self.settings,
            "notes": list(self.notes),
            "skipped": [{"name": each.name, "reason": each.reason} for each in self.skipped],
            "timings": self.timings,
            "seed": self.seed,
            "command": self.command,
            "version": __version__,
        }


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.to_dict() for name, figure in figures.items()}


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
