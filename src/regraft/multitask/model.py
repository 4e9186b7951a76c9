"""What a user keeps of several tasks: backbones, and a head for each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.sources import list_examples
from regraft.errors import BundleError
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress
from regraft.multitask.answers import Answer, TaskPrediction
from regraft.multitask.kinds import KINDS
from regraft.multitask.tasks import KIND_NAMES, KindName
from regraft.persistence import TASKS, Bundle, backbone_record, held_weights, read_backbone, write_bundle

CHUNK = 1024
"""Rows that go through a shared layer at once."""


@dataclass(frozen=True, eq=False)
class TaskHead:
    """One task's head.

    Parameters
    ----------
    name : str
        The task.
    kind : {"classes", "multi-label", "ordinal", "numbers"}
    classes : tuple of str
        In the order of the probabilities; empty where the task is of numbers.
    backbones : tuple of int
        Which of the model's backbones it takes; their features stand side by side.
    hidden : str or None
        Which of the model's shared layers lies between; None where the head is on the features themselves.
    coef, intercept : float32 arrays of shape (o, d) and (o,)
    learnt : {"linear", "alone", "together"}
        How it was learnt.
    """

    name: str
    kind: KindName
    classes: tuple[str, ...]
    backbones: tuple[int, ...]
    hidden: str | None
    coef: np.ndarray
    intercept: np.ndarray
    learnt: str


@dataclass(frozen=True, eq=False)
class Tasks:
    """Backbones, and the fitted heads of several tasks.

    Parameters
    ----------
    heads : tuple of TaskHead
    backbones : tuple of Backbone
    precisions : tuple of str
        In which each backbone's features are computed.
    widths : tuple of int
        Length of each backbone's features.
    hidden : dict of str to (weight, bias)
        Shared layers: weights (h, d) and biases (h,), before a rectifier.
    info : dict
        Where it comes from. Plain JSON values.
    card : str
        The model card, Markdown.
    """

    heads: tuple[TaskHead, ...]
    backbones: tuple[Backbone, ...]
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    hidden: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    card: str = ""

    @property
    def modality(self) -> str:
        """What it reads: "image", "text" or "audio"."""
        return self.backbones[0].modality

    def score(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Return what is said of features (n, d) by task: probabilities (n, k), or numbers (n,)."""
        edges = np.cumsum((0, *self.widths))
        layers: dict[str, np.ndarray] = {}
        found = {}
        for head in self.heads:
            parts = [features[:, edges[i] : edges[i + 1]] for i in head.backbones]
            values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
            if head.hidden is not None:
                if head.hidden not in layers:
                    layers[head.hidden] = _through(values, *self.hidden[head.hidden])
                values = layers[head.hidden]
            found[head.name] = KINDS[head.kind].answers(values @ head.coef.T + head.intercept)
        return found

    def predict(
        self, sources: Any, *, engine: EngineName = "auto", progress: Progress | None = None
    ) -> list[TaskPrediction]:
        """Say of each example what each task asks for.

        Parameters
        ----------
        sources : path, bytes, array, or a list of them
            A folder stands for all examples below it.
        engine : {"auto", "openvino", "torch"}
        progress : callable, optional
            Called with (examples done, n).

        Returns
        -------
        list of TaskPrediction
            In the order given; examples that cannot be read have no answers, and the reason.

        Raises
        ------
        DataError
            If there are no examples, or they are of another kind than is wanted.
        BundleError
            If the backbones give features of other lengths than the heads must have.
        """
        examples, names = list_examples(sources, self.modality)
        features = extract(
            examples,
            names,
            self.backbones,
            engine=engine,
            precisions=self.precisions,
            skip_unreadable=True,
            progress=progress,
        )
        if len(features.index) and features.widths != self.widths:
            raise BundleError(
                f"The heads must have features of the lengths {self.widths}, but the backbones give "
                f"{features.widths}; fit anew."
            )
        unread = sorted(set(range(len(names))) - set(features.index.tolist()))
        found = {
            position: TaskPrediction(skipped.name, {}, skipped.reason)
            for position, skipped in zip(unread, features.skipped, strict=True)
        }
        read = features.index.tolist()
        if read:
            found |= dict(zip(read, self.answer(features.values, [names[i] for i in read]), strict=True))
        return [found[position] for position in range(len(names))]

    def answer(self, features: np.ndarray, names: Sequence[str]) -> list[TaskPrediction]:
        """Say of examples whose features (n, d), n >= 1, are known already what each task asks for."""
        said = self.score(features)

        def answered(row: int) -> dict[str, Answer]:
            kinds = {head.name: (KINDS[head.kind], head.classes) for head in self.heads}
            return {task: Answer(*kind.answer(said[task][row], classes)) for task, (kind, classes) in kinds.items()}

        return [TaskPrediction(name, answered(row)) for row, name in enumerate(names)]

    def save(self, path: str | Path) -> None:
        """Write the model to one file; backbones that no one else can find by name go with it.

        Raises
        ------
        BundleError
            If the place cannot be written.
        """
        tensors: dict[str, Any] = {"tasks": self._tensors()}
        records = []
        for position, backbone in enumerate(self.backbones):
            held = held_weights(backbone)
            if held is not None:
                tensors[f"backbone-{position}"] = held
            records.append(backbone_record(backbone, self.precisions[position], self.widths[position], held))
        tasks = [
            {
                "name": head.name,
                "kind": head.kind,
                "classes": list(head.classes),
                "backbones": list(head.backbones),
                "hidden": head.hidden,
                "learnt": head.learnt,
            }
            for head in self.heads
        ]
        manifest = {"version": TASKS, "tasks": tasks, "backbones": records, "info": self.info}
        write_bundle(path, manifest, tensors, self.card)

    def _tensors(self) -> dict[str, np.ndarray]:
        found = {}
        for position, head in enumerate(self.heads):
            found[f"coef.{position}"] = head.coef.astype(np.float32)
            found[f"intercept.{position}"] = head.intercept.astype(np.float32)
        for name, (weight, bias) in self.hidden.items():
            found[f"hidden.{name}.weight"], found[f"hidden.{name}.bias"] = weight, bias
        return found

    @classmethod
    def load(cls, path: str | Path) -> Tasks:
        """Read a saved model.

        Raises
        ------
        BundleError
            If the file is no bundle of several tasks, is damaged or too new, or the weights at hand are others.
        WeightsError
            If the weights are neither here nor to be had.
        """
        bundle = Bundle(path)
        if "tasks" not in bundle.manifest:
            raise BundleError(
                f"{bundle.path.name} must hold a model of several tasks, but holds a classifier of one; "
                "load it with Classifier.load."
            )
        try:
            model = cls._from_bundle(bundle)
            model._check()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise BundleError(
                f"{bundle.path.name} must have all the parts that FORMAT.md names, but it lacks some or they are "
                f"malformed ({type(error).__name__}: {error}); save it again."
            ) from error
        return model

    @classmethod
    def _from_bundle(cls, bundle: Bundle) -> Tasks:
        records, tensors = bundle.manifest["backbones"], bundle.tensors("tasks")
        heads = tuple(_head(position, record, tensors) for position, record in enumerate(bundle.manifest["tasks"]))
        layers = dict.fromkeys(head.hidden for head in heads if head.hidden is not None)
        return cls(
            heads=heads,
            backbones=tuple(read_backbone(bundle, position) for position in range(len(records))),
            precisions=tuple(str(record["precision"]) for record in records),
            widths=tuple(int(record["width"]) for record in records),
            hidden={name: (tensors[f"hidden.{name}.weight"], tensors[f"hidden.{name}.bias"]) for name in layers},
            info=dict(bundle.manifest["info"]),
            card=bundle.card(),
        )

    def _check(self) -> None:
        """Try the heads on made-up features: arrays that do not fit show now, and not with the first example."""
        if not self.heads or len({head.name for head in self.heads}) < len(self.heads):
            raise ValueError("no task, or two tasks of one name")
        if not all(np.isfinite(array).all() for array in self._tensors().values()):
            raise ValueError("the heads' arrays are not all finite")
        made_up = np.random.default_rng(0).normal(size=(2, sum(self.widths))).astype(np.float32)
        for head, said in zip(self.heads, self.score(made_up).values(), strict=True):
            wanted = (2,) if head.kind == "numbers" else (2, len(head.classes))
            if said.shape != wanted or len(set(head.classes)) < len(head.classes):
                raise ValueError(f"the head of {head.name!r} does not fit its classes")


def holds_tasks(path: str | Path) -> bool:
    """Return whether a saved file holds a model of several tasks, and not a classifier.

    Raises
    ------
    BundleError
        If it is neither.
    """
    return "tasks" in Bundle(path).manifest


def _head(position: int, record: dict[str, Any], tensors: dict[str, np.ndarray]) -> TaskHead:
    kind = record["kind"]
    if kind not in KIND_NAMES:
        raise ValueError(f"kind {kind!r}")
    return TaskHead(
        name=str(record["name"]),
        kind=kind,
        classes=tuple(map(str, record["classes"])),
        backbones=tuple(map(int, record["backbones"])),
        hidden=None if record["hidden"] is None else str(record["hidden"]),
        coef=tensors[f"coef.{position}"],
        intercept=tensors[f"intercept.{position}"],
        learnt=str(record["learnt"]),
    )


def _through(values: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    starts: Sequence[int] = range(0, max(len(values), 1), CHUNK)
    return np.concatenate([np.maximum(values[i : i + CHUNK] @ weight.T + bias, 0) for i in starts])
