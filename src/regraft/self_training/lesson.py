"""One lesson: heads learn with and without pseudo-labels, and labelled images that neither knows judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Dataset
from regraft.evaluation.significance import paired_gain
from regraft.heads.scoring import softmax
from regraft.self_training.pseudo_labels import RULES, PseudoLabels, Rule, mix_distance, pseudo_labels
from regraft.self_training.self_taught import SelfTaught

if TYPE_CHECKING:
    from regraft.heads.base import Head
    from regraft.heads.selection import Selection


class Lesson:
    """Labelled images and others, from which heads learn with and without pseudo-labels."""

    def __init__(
        self,
        dataset: Dataset,
        values: npt.NDArray[np.float32],
        train: npt.NDArray[np.intp],
        val: npt.NDArray[np.intp] | None,
        selection: Selection,
        unlabelled: npt.NDArray[np.float32],
    ) -> None:
        from regraft.heads.label_propagation import LabelPropagation

        self.X, self.y = values[train], dataset.y[train]
        self.groups = None if dataset.groups is None else dataset.groups[train]
        self.validation = None if val is None else (values[val], dataset.y[val])
        self.k = len(dataset.class_names)
        self.selection, self.unlabelled = selection, unlabelled
        self.expected = np.bincount(self.y, minlength=self.k) / len(self.y)
        # All images are nodes, those that judge too; their labels never spread.
        self.graph = LabelPropagation([np.concatenate([self.X, unlabelled])])
        self.said = selection.head.predict_proba(unlabelled)
        self.reached = self._reached(np.arange(len(self.y)))

    def mix_distance(self) -> float:
        """Return how far the classes' shares among the unlabelled images seem to be from those among the labelled."""
        return mix_distance(self.said, self.reached, self.expected)

    def judged(
        self, pairs: Sequence[tuple[np.ndarray, np.ndarray]] | None, class_names: Sequence[str], record: SelfTaught
    ) -> tuple[Selection, SelfTaught]:
        """Return the head to keep and what came of the pseudo-labels.

        Parameters
        ----------
        pairs : sequence of (train, test) pairs, or None
            Rows of the labelled images: who teaches and who judges; None where the validation part judges.
        class_names : sequence of str
        record : SelfTaught
            What is known so far.
        """
        from regraft.heads.selection import within_error

        truth, index, alone, taught = self._held_out(pairs)
        right = {rule: p.argmax(axis=1) == truth for rule, p in taught.items()}
        best = max(RULES, key=lambda rule: right[rule].mean())
        before, after = alone.argmax(axis=1) == truth, right[best]
        found = pseudo_labels(best, self.said, self.reached, self.expected)
        kept = not within_error(after.astype(float) - before)
        counts = np.bincount(found.labels, minlength=self.k).tolist()
        record = replace(
            record,
            pseudo_labels=dict(zip(class_names, counts, strict=True)),
            source=best.source,
            portion=best.portion,
            threshold=float(found.confidence.min()),
            n_held_out=len(truth),
            before=float(before.mean()),
            after=float(after.mean()),
            gain_ci95=paired_gain(after, before)[1],
            kept=kept,
            why="" if kept else "since that is no more than chance",
        )
        if not kept:
            return self.selection, record
        head, held_out = _calibrated(self._pupil(np.arange(len(self.y)), found), taught[best], truth)
        return replace(self.selection, head=head, held_out_proba=held_out, held_out_index=index), record

    def _held_out(
        self, pairs: Sequence[tuple[np.ndarray, np.ndarray]] | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[Rule, np.ndarray]]:
        """Return held-out images' classes, whose they are, and what is said of them without and with pseudo-labels."""
        if pairs is None:
            assert self.validation is not None
            X, truth = self.validation
            everyone, index = np.arange(len(self.y)), np.arange(len(truth))
            taught = {
                rule: self._pupil(everyone, pseudo_labels(rule, self.said, self.reached, self.expected)).predict_proba(
                    X
                )
                for rule in RULES
            }
            return truth, index, self.selection.head.predict_proba(X), taught
        alone: list[np.ndarray] = []
        parts: dict[Rule, list[np.ndarray]] = {rule: [] for rule in RULES}
        for train, test in pairs:
            # All is chosen anew without the held-out images: with few labels that alone is worth points.
            head = self._anew().fit(self.X[train], self.y[train], self._groups_at(train))
            said, reached = head.predict_proba(self.unlabelled), self._reached(train)
            alone.append(head.predict_proba(self.X[test]))
            for rule in RULES:
                pupil = self._pupil(train, pseudo_labels(rule, said, reached, self.expected), head)
                parts[rule].append(pupil.predict_proba(self.X[test]))
        index = np.concatenate([test for _, test in pairs])
        return self.y[index], index, np.concatenate(alone), {rule: np.concatenate(p) for rule, p in parts.items()}

    def _reached(self, train: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        return self.graph.spread(train, self.y[train], self.k)[0][len(self.y) :]

    def _anew(self) -> Head:
        from sklearn.base import clone

        head: Head = clone(self.selection.head)
        return head

    def _groups_at(self, rows: npt.NDArray[np.intp]) -> np.ndarray | None:
        return None if self.groups is None else self.groups[rows]

    def _pupil(self, train: npt.NDArray[np.intp], found: PseudoLabels, teacher: Head | None = None) -> Head:
        """Return a head of the teacher's kind and settings that has learnt from labels and pseudo-labels."""
        settings = (teacher or self.selection.head).settings_
        head = self._anew()
        known = head.get_params()
        # Pseudo-labels are easy to predict: a penalty or a temperature that was chosen on them would be far too sure.
        if "C" in known and "C" in settings:
            head.set_params(C=settings["C"], powers=(settings["power"],), cv=[])
        elif "alphas" in known and "alpha" in settings:
            head.set_params(Cs=(settings["C"],), alphas=(settings["alpha"],), cv=[])
        groups = self._groups_at(train)
        if groups is not None:
            groups = np.concatenate([groups, [f"unlabelled image {row}" for row in found.rows]])
        return head.fit(
            np.concatenate([self.X[train], self.unlabelled[found.rows]]),
            np.concatenate([self.y[train], found.labels]),
            groups,
        )


def _calibrated(head: Head, held_out: np.ndarray, truth: np.ndarray) -> tuple[Head, np.ndarray]:
    """Return a linear head with the temperature that suits held-out images, and their probabilities with it."""
    if set(head.tensors_) != {"coef", "intercept"}:
        return head, held_out
    from regraft.heads.temperature import fit_temperature

    logits = np.log(np.maximum(held_out, 1e-12))
    scale, _ = fit_temperature(logits, truth)
    head.tensors_ = {name: array * np.float32(scale) for name, array in head.tensors_.items()}
    head.settings_ = {**head.settings_, "inverse_temperature": scale * head.settings_.get("inverse_temperature", 1.0)}
    return head, softmax(scale * logits)
