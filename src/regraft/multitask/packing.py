"""The chosen heads, and what lies below them, as the model that a user keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft import __version__
from regraft.backbones.registry import Backbone
from regraft.data.dataset import Dataset
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.multitask.model import TaskHead, Tasks
from regraft.multitask.result import TOLD, WAYS, TaskFound
from regraft.multitask.tasks import Task
from regraft.multitask.ways import Way

if TYPE_CHECKING:
    from regraft.multitask.trunks import Trunk


def pack(
    dataset: Dataset,
    backbones: tuple[Backbone, ...],
    features: Features,
    trunk: Trunk,
    tasks: Sequence[Task],
    ways: Sequence[dict[str, Way]],
    kept: Sequence[str],
    found: Sequence[TaskFound],
    engine: EngineName,
) -> Tasks:
    """Return the model to keep: for each task the way that was chosen, and each network once.

    Parameters
    ----------
    dataset : Dataset
    backbones : tuple of Backbone
        The frozen ones.
    features : Features
        Of these.
    trunk : Trunk
        What the trained networks share.
    tasks : sequence of Task
    ways : sequence of dict
        Of each task, what was learnt by each way.
    kept : sequence of str
        Of each task, the way that is kept.
    found : sequence of TaskFound
        For the record.
    engine : {"auto", "openvino", "torch"}
    """
    from regraft.multitask.trunks import FrozenTrunk, TunedTrunk

    parts = _Parts(dataset, engine)
    heads = []
    for task, each, way in zip(tasks, ways, kept, strict=True):
        chosen, hidden = each[way], None
        if chosen.network is None:
            own = parts.frozen(backbones, features)
        elif isinstance(trunk, FrozenTrunk):
            own, hidden = parts.frozen(backbones, features), _layer_name(task, way)
            if hidden not in parts.hidden:
                parts.hidden[hidden] = trunk.hidden(chosen.network)
        else:
            assert isinstance(trunk, TunedTrunk)
            own = parts.tuned(trunk, chosen.network, _layer_name(task, way))
        coef, intercept = chosen.coef.astype(np.float32), chosen.intercept.astype(np.float32)
        heads.append(TaskHead(task.name, task.kind, task.classes, own, hidden, coef, intercept, way))
    info = _info(dataset, found)
    return Tasks(
        heads=tuple(heads),
        backbones=tuple(parts.backbones),
        precisions=tuple(parts.precisions),
        widths=tuple(parts.widths),
        hidden=parts.hidden,
        info=info,
        card=_card(info, parts.backbones),
    )


class _Parts:
    """Backbones and shared layers, each of them once."""

    def __init__(self, dataset: Dataset, engine: EngineName) -> None:
        self.dataset, self.engine = dataset, engine
        self.backbones: list[Backbone] = []
        self.precisions: list[str] = []
        self.widths: list[int] = []
        self.hidden: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._places: dict[str, tuple[int, ...]] = {}

    def frozen(self, backbones: tuple[Backbone, ...], features: Features) -> tuple[int, ...]:
        """Return where the frozen backbones stand, putting them there first."""
        if "" not in self._places:
            self._places[""] = self._added(backbones, features.precisions, features.widths)
        return self._places[""]

    def tuned(self, trunk: Any, network: Any, name: str) -> tuple[int, ...]:
        """Return where a fine-tuned backbone stands, putting it there first."""
        if name not in self._places:
            backbone = trunk.tuned(network)
            # One example settles in which precision the network agrees with itself, and how long its features are.
            tried = extract(self.dataset.examples[:1], self.dataset.names[:1], (backbone,), engine=self.engine)
            self._places[name] = self._added((backbone,), tried.precisions, tried.widths)
        return self._places[name]

    def _added(
        self, backbones: tuple[Backbone, ...], precisions: tuple[str, ...], widths: tuple[int, ...]
    ) -> tuple[int, ...]:
        first = len(self.backbones)
        self.backbones += backbones
        self.precisions += precisions
        self.widths += widths
        return tuple(range(first, len(self.backbones)))


def _layer_name(task: Task, way: str) -> str:
    return "together" if way == "together" else f"alone, {task.name}"


def _info(dataset: Dataset, found: Sequence[TaskFound]) -> dict[str, Any]:
    return {
        "data": dataset.name,
        "examples": len(dataset),
        "modality": dataset.modality,
        "tasks": {
            each.name: {
                "learnt": each.kept,
                "n_test": each.n_test,
                "measure": each.measure.name,
                "test": each.compared.ways[each.kept][each.measure.name].to_dict(),
            }
            for each in found
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
    }


def _card(info: dict[str, Any], backbones: Sequence[Backbone]) -> str:
    """Return the model card, Markdown."""
    rows = []
    for name, task in info["tasks"].items():
        low, high = task["test"]["ci95"]
        figure = f"{task['test']['value']:.4g} ({low:.4g} to {high:.4g})"
        rows.append(
            f"| {_cell(name)} | {WAYS[task['learnt']]} | {TOLD[task['measure']]} | {figure} | {task['n_test']} |"
        )
    networks = [f"- {b.name}: {b.weights.source}; licence {b.weights.licence}" for b in backbones]
    return "\n".join(
        [
            "---",
            "library_name: regraft",
            "---",
            "",
            f"# {len(rows)} tasks, learnt from {_cell(info['data'])}",
            "",
            f"Made by regraft {info['version']} on {info['created'][:10]} of {info['examples']:,} examples.",
            "",
            "| task | learnt by | measure | on test examples, 95% interval | of them |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "Pretrained networks:",
            "",
            *networks,
            "",
        ]
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())
