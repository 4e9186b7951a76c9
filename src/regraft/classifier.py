"""What a user keeps: backbones and a head that name the class of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.filenames import on_one_line
from regraft.data.sources import list_examples
from regraft.errors import BundleError, DataError, UsageError
from regraft.evaluation.calibration import Calibration
from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.growth import Growth
from regraft.evidence.memory import Memory
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.heads.scoring import SCORERS
from regraft.persistence import (
    Bundle,
    backbone_record,
    held_weights,
    read_backbone,
    version_of,
    write_bundle,
)
from regraft.prediction import Prediction

__all__ = ["Classifier", "Prediction"]

PARTS: dict[str, Any] = {
    "calibration": Calibration,
    "conformal": Conformal,
    "familiarity": OutOfDistribution,
    "memory": Memory,
    "growth": Growth,
}
"""What a bundle holds beside backbones and head; an older one holds none of them."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """Backbones, a fitted head and the order of the classes; classes that were learnt after the fit come last.

    Parameters
    ----------
    classes : tuple of str
        In the order of the columns of every probability array.
    backbones : tuple of Backbone
        Their features stand side by side.
    precisions : tuple of str
        In which each backbone's features were computed.
    widths : tuple of int
        Length of each backbone's features.
    head : str
        Name of the head's method.
    tensors : dict of str to array
        The head's learned state.
    settings : dict
        The head's settings, plain JSON values.
    info : dict
        Where it comes from: data, counts, figures. Plain JSON values.
    calibration : Calibration
        What makes the head's probabilities as sure as they deserve to be.
    conformal : Conformal or None
        What says which of the head's classes are plausible; None where too few images were held out.
    familiarity : OutOfDistribution or None
        What tells images unlike all that the head learnt from.
    memory : Memory or None
        Features of some images of each class, for classes that are learnt or forgotten later.
    growth : Growth or None
        The classes that were learnt after the fit; None where there are none.
    card : str
        The model card, Markdown.
    """

    classes: tuple[str, ...]
    backbones: tuple[Backbone, ...]
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    head: str
    tensors: dict[str, np.ndarray]
    settings: dict[str, Any]
    info: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    conformal: Conformal | None = None
    familiarity: OutOfDistribution | None = None
    memory: Memory | None = None
    growth: Growth | None = None
    card: str = ""

    @property
    def modality(self) -> str:
        """What it names: "image", "text" or "audio"."""
        return self.backbones[0].modality

    @property
    def fitted_classes(self) -> tuple[str, ...]:
        """The classes that the head was fitted on."""
        return self.classes if self.growth is None else self.classes[: self.growth.base]

    @property
    def learnt_classes(self) -> tuple[str, ...]:
        """The classes that were learnt after the fit."""
        return self.classes[len(self.fitted_classes) :]

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, k) of features (n, d)."""
        of_head = self.score_fitted(features)
        return of_head if self.growth is None else self.growth.apply(features, of_head)

    def score_fitted(self, features: np.ndarray) -> np.ndarray:
        """Return what the head alone says of features (n, d): probabilities of the classes it was fitted on."""
        return self.calibration.apply(SCORERS[self.head](features, self.tensors, self.settings))

    def unfamiliar(self, features: np.ndarray, probabilities: np.ndarray) -> np.ndarray | None:
        """Return which images are unlike all that was learnt from; None where the classifier cannot tell.

        Parameters
        ----------
        features : float array of shape (n, d)
        probabilities : float array of shape (n, k)
            What `score` says of them.
        """
        if self.familiarity is None:
            return None
        if self.growth is not None:
            return self.growth.unfamiliar(self.familiarity, features, probabilities)
        return self.familiarity.score(features, probabilities) > self.familiarity.threshold

    def features(self, sources: Any, *, engine: EngineName = "auto", progress: Progress | None = None) -> Features:
        """Return the features of images: files, folders, bytes or arrays; unreadable ones are skipped."""
        examples, names = list_examples(sources, self.modality)
        return self._extract(examples, names, engine, progress)

    def _extract(
        self, examples: Sequence[Any], names: Sequence[str], engine: EngineName, progress: Progress | None
    ) -> Features:
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
                f"The head must have features of the lengths {self.widths}, but its backbones give {features.widths}; "
                "fit anew."
            )
        return features

    def predict_proba(self, sources: Any) -> np.ndarray:
        """Return the probability of each class for each image.

        Parameters
        ----------
        sources : path, bytes, array, or a list of them
            A folder stands for all images below it.

        Returns
        -------
        float array of shape (n, k)

        Raises
        ------
        DataError
            If an image cannot be read; `predict` reports such images one by one instead.
        """
        features = self.features(sources)
        if features.skipped:
            bad = features.skipped[0]
            raise DataError(
                f"Every example must be readable, but {len(features.skipped)} are not ({bad.name}: {bad.reason}); "
                "leave them out, or use predict(), which marks them."
            )
        return self.score(features.values)

    def predict(
        self,
        sources: Any,
        *,
        coverage: float | None = None,
        engine: EngineName = "auto",
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """Name the class of each image.

        Parameters
        ----------
        sources : path, bytes, array, or a list of them
            A folder stands for all images below it.
        coverage : float, optional
            Share of images whose true class shall be among the plausible ones, such as 0.9.
        engine : {"auto", "openvino", "torch"}
        progress : callable, optional
            Called with (images done, n).

        Returns
        -------
        list of Prediction
            In the order given; images that cannot be read have a label of None and the reason.

        Raises
        ------
        UsageError
            If the classifier cannot give sets of that coverage.
        """
        self.check_coverage(coverage)
        examples, names = list_examples(sources, self.modality)
        features = self._extract(examples, names, engine, progress)
        unread = sorted(set(range(len(names))) - set(features.index.tolist()))
        found = {
            position: Prediction(skipped.name, None, None, {}, skipped.reason)
            for position, skipped in zip(unread, features.skipped, strict=True)
        }
        read = features.index.tolist()
        if read:
            said = self.name_features(features.values, [names[position] for position in read], coverage)
            found |= dict(zip(read, said, strict=True))
        return [found[position] for position in range(len(names))]

    def name_features(
        self, features: np.ndarray, names: Sequence[str], coverage: float | None = None
    ) -> list[Prediction]:
        """Name the class of images whose features are known already.

        Parameters
        ----------
        features : float array of shape (n, d), n >= 1
        names : sequence of str, length n
            What the images are called.
        coverage : float, optional
            As of `predict`.
        """
        rows = self.score(features)
        strange = self.unfamiliar(features, rows)
        sets = None if coverage is None or self._plausible is None else self._plausible.sets(rows, coverage)
        return [
            self._prediction(
                name,
                rows[number],
                None if strange is None else bool(strange[number]),
                None if sets is None else sets[number],
            )
            for number, name in enumerate(names)
        ]

    def check_coverage(self, coverage: float | None) -> None:
        """Raise UsageError unless the classifier can give sets of a coverage; None asks for none."""
        if coverage is None:
            return
        if self._plausible is None:
            raise UsageError(
                "--coverage must have a classifier that knows how its errors are spread, but this one does not: too "
                "few examples were held out, or it was saved by an older release; fit anew with more of them."
            )
        self._plausible.threshold(coverage)

    @property
    def gives_sets(self) -> bool:
        """Whether it can say which classes cannot be ruled out."""
        return self._plausible is not None

    @property
    def _plausible(self) -> Conformal | None:
        return self.conformal if self.growth is None else self.growth.conformal

    def _prediction(
        self, name: str, row: np.ndarray, unfamiliar: bool | None = None, plausible: np.ndarray | None = None
    ) -> Prediction:
        order = np.argsort(-row, kind="stable")
        ranked = {self.classes[i]: float(row[i]) for i in order}
        label = self.classes[order[0]]
        kept = None if plausible is None else tuple(self.classes[i] for i in order if plausible[i])
        return Prediction(name, label, ranked[label], ranked, unfamiliar=unfamiliar, plausible=kept)

    def save(self, path: str | Path) -> None:
        """Write the classifier to one file; backbones that no one else can find by name go with it.

        Raises
        ------
        BundleError
            If the place cannot be written.
        """
        tensors: dict[str, Any] = {"head": self.tensors}
        records = []
        for position, backbone in enumerate(self.backbones):
            held = held_weights(backbone)
            if held is not None:
                tensors[f"backbone-{position}"] = held
            records.append(backbone_record(backbone, self.precisions[position], self.widths[position], held))
        manifest: dict[str, Any] = {
            # Older releases know nothing of learnt classes, and are told so; all else that is new they leave aside.
            "version": version_of(self.backbones, self.growth is not None),
            "classes": list(self.classes),
            "backbones": records,
            "head": {"name": self.head, "settings": self.settings},
            "info": self.info,
        }
        for name in PARTS:
            part = getattr(self, name)
            if part is not None:
                arrays, manifest[name] = part.state()
                if arrays:
                    tensors[name] = arrays
        write_bundle(path, manifest, tensors, self.card)

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """Read a saved classifier.

        Raises
        ------
        BundleError
            If the file is no bundle, is damaged or too new, or the weights at hand are not the ones it was made with.
        WeightsError
            If the weights are neither here nor to be had.
        """
        bundle = Bundle(path)
        if "tasks" in bundle.manifest:
            raise BundleError(
                f"{bundle.path.name} must hold a classifier of one task, but holds a model of several; use it with "
                "`regraft predict`, or load it with regraft.multitask.model.Tasks.load."
            )
        try:
            classifier = cls._from_bundle(bundle)
            classifier._check()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, DataError) as error:
            raise BundleError(
                f"{bundle.path.name} must have all the parts that FORMAT.md names, but it lacks some or they are "
                f"malformed ({type(error).__name__}: {on_one_line(error)[:200]}); save it again."
            ) from error
        return classifier

    @classmethod
    def _from_bundle(cls, bundle: Bundle) -> Classifier:
        records, head = bundle.manifest["backbones"], bundle.manifest["head"]
        parts = {
            name: kind.from_state(bundle.tensors(name) if bundle.has(name) else {}, bundle.manifest[name])
            for name, kind in PARTS.items()
            if name in bundle.manifest
        }
        if head["name"] not in SCORERS:
            raise BundleError(
                f"{bundle.path.name} must have one of the heads {', '.join(SCORERS)}, but has {head['name']!r}; "
                "install a newer regraft."
            )
        return cls(
            classes=tuple(map(str, bundle.manifest["classes"])),
            backbones=tuple(read_backbone(bundle, position) for position in range(len(records))),
            precisions=tuple(str(record["precision"]) for record in records),
            widths=tuple(int(record["width"]) for record in records),
            head=head["name"],
            tensors=bundle.tensors("head"),
            settings=dict(head["settings"]),
            info=dict(bundle.manifest["info"]),
            card=bundle.card(),
            **parts,
        )

    def _check(self) -> None:
        """Try the head on made-up features: arrays that do not fit show now, and not with the first image."""
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes have one name")
        if self.memory is not None:
            self.memory.check(len(self.fitted_classes), len(self.classes), self.widths)
        held = [self.tensors] + [part.state()[0] for name in PARTS if (part := getattr(self, name)) is not None]
        if not all(np.isfinite(array).all() for tensors in held for array in tensors.values()):
            raise ValueError("the head's arrays are not all finite")
        made_up = np.random.default_rng(0).normal(scale=3, size=(2, sum(self.widths))).astype(np.float32)
        with np.errstate(all="ignore"):
            found = self.score(made_up)
        if found.shape != (2, len(self.classes)) or not np.allclose(found.sum(axis=1), 1) or found.min() < 0:
            raise ValueError(f"the head does not give a probability for each of {len(self.classes)} classes")
        self.unfamiliar(made_up, found)
