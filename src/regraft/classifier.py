"""What a user keeps: backbones and a head that name the class of a image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import VOUCHED, Backbone
from regraft.backbones.weights import HeldWeights, HubWeights, UrlWeights, Weights
from regraft.data.sources import list_images
from regraft.errors import BundleError, DataError
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.heads.scoring import SCORERS
from regraft.persistence import Bundle, write_bundle


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one image.

    Parameters
    ----------
    name : str
        The image.
    label : str or None
        The most probable class; None where the image could not be read.
    confidence : float or None
        Its probability.
    probabilities : dict of str to float
        Every class, the most probable first.
    error : str or None
        Why the image could not be read.
    """

    name: str
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    error: str | None = None

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return plain values for JSON, with the `top` most probable classes."""
        shown = dict(list(self.probabilities.items())[:top])
        values = {
            "name": self.name,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": shown,
        }
        return values if self.error is None else {**values, "error": self.error}


@dataclass(frozen=True, eq=False)
class Classifier:
    """Backbones, a fitted head and the order of the classes.

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
    """

    classes: tuple[str, ...]
    backbones: tuple[Backbone, ...]
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    head: str
    tensors: dict[str, np.ndarray]
    settings: dict[str, Any]
    info: dict[str, Any] = field(default_factory=dict)

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, k) of features (n, d)."""
        return SCORERS[self.head](features, self.tensors, self.settings)

    def features(self, sources: Any, *, engine: EngineName = "auto", progress: Progress | None = None) -> Features:
        """Return the features of images: files, folders, bytes or arrays; unreadable ones are skipped."""
        examples, names = list_images(sources)
        return self._extract(examples, names, engine, progress)

    def _extract(
        self, examples: Sequence[Any], names: Sequence[str], engine: EngineName, progress: Progress | None
    ) -> Features:
        return extract(
            examples,
            names,
            self.backbones,
            engine=engine,
            precisions=self.precisions,
            skip_unreadable=True,
            progress=progress,
        )

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
            If a image cannot be read; `predict` reports such images one by one instead.
        """
        features = self.features(sources)
        if features.skipped:
            bad = features.skipped[0]
            raise DataError(
                f"Every image must be readable, but {len(features.skipped)} are not ({bad.name}: {bad.reason}); "
                "leave them out, or use predict(), which marks them."
            )
        return self.score(features.values)

    def predict(
        self, sources: Any, *, engine: EngineName = "auto", progress: Progress | None = None
    ) -> list[Prediction]:
        """Name the class of each image.

        Parameters
        ----------
        sources : path, bytes, array, or a list of them
            A folder stands for all images below it.
        engine : {"auto", "openvino", "torch"}
        progress : callable, optional
            Called with (images done, n).

        Returns
        -------
        list of Prediction
            In the order given; images that cannot be read have a label of None and the reason.
        """
        examples, names = list_images(sources)
        features = self._extract(examples, names, engine, progress)
        unread = sorted(set(range(len(names))) - set(features.index.tolist()))
        found = {
            position: Prediction(skipped.name, None, None, {}, skipped.reason)
            for position, skipped in zip(unread, features.skipped, strict=True)
        }
        if len(features.index):
            for position, row in zip(features.index.tolist(), self.score(features.values), strict=True):
                found[position] = self._prediction(names[position], row)
        return [found[position] for position in range(len(names))]

    def _prediction(self, name: str, row: np.ndarray) -> Prediction:
        order = np.argsort(-row, kind="stable")
        ranked = {self.classes[i]: float(row[i]) for i in order}
        label = self.classes[order[0]]
        return Prediction(name, label, ranked[label], ranked)

    def save(self, path: str | Path) -> None:
        """Write the classifier to one file; backbones that no one else can find by name go with it.

        Raises
        ------
        BundleError
            If the place cannot be written.
        """
        tensors: dict[str, Any] = {"head": self.tensors}
        backbones = []
        for position, backbone in enumerate(self.backbones):
            weights = {"sha256": backbone.weights.sha256(), **backbone.weights.to_dict()}
            if not backbone.weights.portable:
                facts = {"source": backbone.weights.source, "licence": backbone.weights.licence}
                weights = {
                    "kind": "held",
                    "sha256": weights["sha256"],
                    "random": backbone.weights.random,
                    **facts,
                }
                tensors[f"backbone-{position}"] = _held_tensors(backbone)
            backbones.append(
                {
                    "name": backbone.name,
                    "architecture": backbone.architecture,
                    "feature_dim": backbone.feature_dim,
                    "parameters": backbone.parameters,
                    "top1": backbone.top1,
                    "pool": backbone.pool,
                    "modality": backbone.modality,
                    "preprocessing": backbone.preprocessing.to_dict(),
                    "precision": self.precisions[position],
                    "width": self.widths[position],
                    "weights": weights,
                }
            )
        manifest = {
            "classes": list(self.classes),
            "backbones": backbones,
            "head": {"name": self.head, "settings": self.settings},
            "info": self.info,
        }
        write_bundle(path, manifest, tensors)

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """Read a saved classifier.

        Raises
        ------
        BundleError
            If the file is no bundle, is damaged or too new, or the weights at hand are not the ones it was made with.
        """
        bundle = Bundle(path)
        try:
            return cls._from_bundle(bundle)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise BundleError(
                f"{bundle.path.name} must have all the parts that FORMAT.md names, but it lacks some or they are "
                f"malformed ({type(error).__name__}: {error}); save it again."
            ) from error

    @classmethod
    def _from_bundle(cls, bundle: Bundle) -> Classifier:
        manifest = bundle.manifest
        parts = manifest["backbones"]
        backbones = tuple(_backbone(bundle, position, part) for position, part in enumerate(parts))
        head = manifest["head"]
        if head["name"] not in SCORERS:
            raise BundleError(
                f"{bundle.path.name} must have one of the heads {', '.join(SCORERS)}, but has {head['name']!r}; "
                "install a newer regraft."
            )
        classes = tuple(map(str, manifest["classes"]))
        classifier = cls(
            classes=classes,
            backbones=backbones,
            precisions=tuple(str(part["precision"]) for part in parts),
            widths=tuple(int(part["width"]) for part in parts),
            head=head["name"],
            tensors=bundle.tensors("head"),
            settings=dict(head["settings"]),
            info=dict(manifest["info"]),
        )
        found = classifier.score(np.zeros((1, sum(classifier.widths)), np.float32)).shape
        if found != (1, len(classes)):
            raise ValueError(f"the head gives {found[-1]} probabilities for {len(classes)} classes")
        return classifier


def _held_tensors(backbone: Backbone) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in backbone.build().state_dict().items()}


def _backbone(bundle: Bundle, position: int, part: dict[str, Any]) -> Backbone:
    recorded = str(part["weights"]["sha256"])
    weights = _weights(bundle, position, part["weights"])
    if weights.here() and weights.sha256() != recorded:
        raise BundleError(
            f"{bundle.path.name} must run on the weights it was made with (sha256 {recorded[:12]}...), "
            f"but {weights.source} has others ({weights.sha256()[:12]}...); install the release it was made with, "
            "or fit anew."
        )
    return Backbone(
        name=str(part["name"]),
        architecture=str(part["architecture"]),
        feature_dim=int(part["feature_dim"]),
        preprocessing=Preprocessing.from_dict(part["preprocessing"]),
        weights=weights,
        parameters=float(part["parameters"]),
        top1=part["top1"],
        pool=part["pool"],
        modality=str(part["modality"]),
    )


def _weights(bundle: Bundle, position: int, part: dict[str, Any]) -> Weights:
    kind = part["kind"]
    if kind == "package":
        # Only packages that we vouch for: looking for any other would let a file choose what is imported.
        for backbone in VOUCHED:
            if backbone.weights.to_dict().get("package") == part["package"]:
                return backbone.weights
    if kind == "hub":
        return HubWeights(str(part["repository"]), str(part["licence"]), part["file"])
    if kind == "url":
        known = [b.weights for b in VOUCHED if isinstance(b.weights, UrlWeights)]
        return next((w for w in known if w.url == part["url"]), UrlWeights(str(part["url"]), str(part["licence"])))
    if kind == "held":
        return HeldWeights(
            str(part["sha256"]),
            lambda: bundle.member(f"backbone-{position}"),
            str(part["source"]),
            str(part["licence"]),
            bool(part["random"]),
        )
    raise BundleError(
        f"{bundle.path.name} must name weights of a kind this release knows (package, hub, url, held), "
        f"but names {kind!r}; install a newer regraft."
    )
