"""The file of a saved classifier: a zip of JSON and safetensors; nothing in it can run. See FORMAT.md."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.encoders import PackagedEncoder, TextBackbone, TextPreprocessing
from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import POOLS, VOUCHED, Backbone
from regraft.backbones.text import PACKAGE as ENCODER_PACKAGE
from regraft.backbones.weights import HeldWeights, HubWeights, UrlWeights, Weights
from regraft.backbones.word_vectors import ARCHITECTURE as WORD_VECTORS
from regraft.backbones.word_vectors import WordVectorBackbone, from_held
from regraft.data.dataset import NOUNS
from regraft.errors import BundleError

FORMAT = "regraft"
VERSION = 4
"""Texts, recordings, and layers below the last."""
TASKS = 5
"""Models of several tasks, which are no classifiers."""
GROWN = 3
"""The version of what the release before reads as well: images, with classes that were learnt after the fit."""
FITTED_ONLY = 2
"""The version of what older releases read as well: a classifier whose classes are all its head's."""

MANIFEST = "model.json"
CARD = "README.md"
LARGEST_MANIFEST = 64 * 2**20
LARGEST_MEMBER = 8 * 2**30
LARGEST_INPUT = 2048
"""Pixels of an input's side, as `regraft fit --image-size` allows."""

LARGEST_SCALE = 1e6
"""Pixels are at most 255, and so are their means and deviations, however they are scaled."""

LARGEST_SPECTRUM = 2**27
"""Tones times moments of the spectrogram of one window: 60 s at 48 kHz, in steps of 10 ms, have less than half."""

MOST_FEATURES = 2**18
"""Length of the features of all backbones together: what is tried on opening a classifier has to fit in memory."""

MOST_BACKBONES = 32

Tensors = Mapping[str, np.ndarray]


def write_bundle(
    path: str | Path, manifest: dict[str, Any], tensors: Mapping[str, Tensors | bytes], card: str = ""
) -> None:
    """Write a bundle whole or not at all.

    Parameters
    ----------
    path : path
        An existing file is replaced only once the new one is complete.
    manifest : dict
        Plain JSON values; `version` is 2 unless it says otherwise.
    tensors : dict of str to dict of arrays, or to bytes of a safetensors file
        One safetensors member each.
    card : str
        The model card, Markdown; "" for none.

    Raises
    ------
    BundleError
        If the place cannot be written.
    """
    path = Path(path)
    members = {
        f"{name}.safetensors": content if isinstance(content, bytes) else packed(content)
        for name, content in tensors.items()
    }
    files = {name: {"sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b)} for name, b in members.items()}
    head = {"format": FORMAT, "version": FITTED_ONLY, **manifest, "files": files}
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            temporary = Path(file.name)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(MANIFEST, json.dumps(head, indent=1, allow_nan=False))
                for name, content in members.items():
                    archive.writestr(name, content)
                if card:
                    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
                    archive.writestr(CARD, card.encode("utf-8", errors="backslashreplace"))
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise BundleError(
            f"The classifier must be saved where files can be written, but {path} cannot ({error.strerror}); "
            "choose another place."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def packed(tensors: Tensors) -> bytes:
    """Return arrays as the bytes of a safetensors file."""
    from safetensors.numpy import save

    # Not ascontiguousarray, which gives a single number an axis that it has not.
    return save({name: np.asarray(array, order="C") for name, array in tensors.items()})


class Bundle:
    """An open bundle: its manifest is checked at once, its members when they are read.

    Parameters
    ----------
    path : path

    Raises
    ------
    BundleError
        If the file is missing, is no bundle, is damaged, or was written by a newer release.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = self._manifest()

    def _manifest(self) -> dict[str, Any]:
        if not self.path.is_file():
            raise BundleError(f"A saved classifier must be a file, but there is none at {self.path}; check the path.")
        manifest = self._json(self._member(MANIFEST, LARGEST_MANIFEST))
        if manifest.get("format") != FORMAT or type(manifest.get("version")) is not int:
            raise self._not_a_bundle("its manifest is of another kind")
        if manifest["version"] > TASKS:
            raise BundleError(
                f"{self.path.name} must have format version {TASKS} or lower, but has {manifest['version']}; "
                "install a newer regraft (`pip install -U regraft`)."
            )
        return manifest

    def _json(self, text: bytes) -> dict[str, Any]:
        try:
            manifest = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise self._not_a_bundle("its manifest is not JSON") from error
        if not isinstance(manifest, dict):
            raise self._not_a_bundle("its manifest is of another kind")
        return manifest

    def _member(self, name: str, limit: int) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                entry = archive.getinfo(name)
                if entry.file_size > limit or entry.compress_type != zipfile.ZIP_STORED:
                    raise self._not_a_bundle(f"its member {name} is too large or compressed")
                return archive.read(entry)
        except (
            zipfile.BadZipFile,
            KeyError,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise self._not_a_bundle(f"its member {name} cannot be read") from error

    def _not_a_bundle(self, why: str) -> BundleError:
        return BundleError(
            f"{self.path.name} must be a classifier saved by regraft, but {why}; save it again or copy it anew."
        )

    def card(self) -> str:
        """Return the model card; "" where there is none."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                there = CARD in archive.namelist()
        except (zipfile.BadZipFile, OSError) as error:
            raise self._not_a_bundle("it is no zip archive") from error
        return self._member(CARD, LARGEST_MANIFEST).decode("utf-8", errors="replace") if there else ""

    def has(self, name: str) -> bool:
        """Return whether the manifest names a safetensors member."""
        return f"{name}.safetensors" in self.manifest["files"]

    def recorded_sha256(self, name: str) -> str:
        """Return the sha256 that the manifest has for a safetensors member."""
        return str(self.manifest["files"][f"{name}.safetensors"]["sha256"])

    def member(self, name: str) -> bytes:
        """Return the bytes of a safetensors member, checked against the manifest's sha256."""
        content = self._member(f"{name}.safetensors", LARGEST_MEMBER)
        if hashlib.sha256(content).hexdigest() != self.recorded_sha256(name):
            raise BundleError(
                f"{self.path.name} is damaged: {name}.safetensors must have the sha256 in its manifest, and has "
                "another; copy it anew."
            )
        return content

    def tensors(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays of a safetensors member."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return load(self.member(name))
        except (SafetensorError, ValueError, KeyError) as error:
            raise self._not_a_bundle(f"its member {name} is not safetensors") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def held_weights(backbone: Backbone) -> bytes | None:
    """Return a backbone's weights as a safetensors file, or None where another machine finds them by name."""
    if backbone.weights.portable:
        return None
    if isinstance(backbone.weights, HeldWeights):
        return backbone.weights.fetch().read_bytes()
    if isinstance(backbone, WordVectorBackbone):
        return backbone.held()
    beside = backbone.carried() if isinstance(backbone, TextBackbone) else {}
    return packed({name: tensor.numpy() for name, tensor in backbone.build().state_dict().items()} | beside)


def backbone_record(backbone: Backbone, precision: str, width: int, held: bytes | None) -> dict[str, Any]:
    """Return what the manifest says of a backbone: see FORMAT.md.

    Parameters
    ----------
    backbone : Backbone
    precision : str
        In which its features were computed.
    width : int
        Length of its features.
    held : bytes or None
        Its weights, where the bundle holds them.
    """
    weights = backbone.weights
    where = {"sha256": weights.sha256(), **weights.to_dict()}
    if held is not None:
        facts = {"source": weights.source, "licence": weights.licence, "random": weights.random}
        where = {"kind": "held", "sha256": hashlib.sha256(held).hexdigest(), **facts}
    return {
        "name": backbone.name,
        "architecture": backbone.architecture,
        "feature_dim": backbone.feature_dim,
        "parameters": backbone.parameters,
        "top1": backbone.top1,
        "pool": backbone.pool,
        "modality": backbone.modality,
        "preprocessing": backbone.preprocessing.to_dict(),
        "precision": precision,
        "width": width,
        "weights": where,
        **({} if backbone.layer is None else {"layer": backbone.layer}),
        **({} if backbone.sound is None else {"sound": backbone.sound.to_dict()}),
    }


def version_of(backbones: Sequence[Backbone], grown: bool) -> int:
    """Return the least version of the format that has all that a classifier has."""
    if any(b.modality != "image" or b.layer is not None or b.pool in ("time", "thirds") for b in backbones):
        return VERSION
    return GROWN if grown else FITTED_ONLY


def read_backbone(bundle: Bundle, position: int) -> Backbone:
    """Return the backbone at a position of a bundle, with the very weights that it was made with.

    Raises
    ------
    BundleError
        If the weights at hand are others, or of a kind that this release does not know.
    WeightsError
        If they are neither here nor to be had.
    ValueError, TypeError, KeyError
        If the record is malformed.
    """
    records = bundle.manifest["backbones"]
    if len(records) > MOST_BACKBONES or sum(_width(each) for each in records) > MOST_FEATURES:
        raise ValueError(f"{len(records)} backbones, or more than {MOST_FEATURES:,} features")
    record = records[position]
    recorded = str(record["weights"]["sha256"])
    weights = _weights(bundle, position, record)
    if weights.sha256() != recorded:
        raise BundleError(
            f"{bundle.path.name} must run on the weights it was made with (sha256 {recorded[:12]}...), "
            f"but {weights.source} has others ({weights.sha256()[:12]}...); install the release it was made with, "
            "or fit anew."
        )
    if record["pool"] not in POOLS or record["modality"] not in NOUNS:
        raise ValueError(f"pool {record['pool']!r}, modality {record['modality']!r}")
    if record["modality"] == "text":
        return _text_backbone(weights, record)
    sound = record.get("sound")
    if (record["modality"] == "audio") != (sound is not None):
        raise ValueError(f"modality {record['modality']!r}, sound {sound!r}")
    return Backbone(
        name=str(record["name"]),
        architecture=_network_name(record["architecture"]),
        feature_dim=int(record["feature_dim"]),
        preprocessing=_preprocessing(record["preprocessing"]),
        weights=weights,
        parameters=float(record["parameters"]),
        top1=None if record["top1"] is None else float(record["top1"]),
        pool=record["pool"],
        modality=record["modality"],
        layer=None if record.get("layer") is None else _network_name(record["layer"]),
        sound=None if sound is None else _spectrogram(sound),
    )


def _width(record: dict[str, Any]) -> int:
    width = record["width"]
    if type(width) is not int or width < 1:
        raise ValueError(f"width {width!r}")
    return width


def _spectrogram(values: dict[str, Any]) -> Any:
    from regraft.backbones.spectrogram import Spectrogram

    if not isinstance(values["windows"], int) or not isinstance(values["mels"], int):
        raise TypeError(f"spectrogram {values}")
    spectrogram = Spectrogram.from_dict(values)
    tones, moments = 2 * spectrogram.frame * spectrogram.rate, spectrogram.seconds / spectrogram.hop
    if tones * moments > LARGEST_SPECTRUM:
        raise ValueError(f"spectrogram {values}")
    return spectrogram


def _text_backbone(weights: Weights, record: dict[str, Any]) -> Backbone:
    if record["architecture"] == WORD_VECTORS:
        return from_held(weights, record)
    return TextBackbone(
        name=str(record["name"]),
        architecture=str(record["architecture"]),
        feature_dim=int(record["feature_dim"]),
        preprocessing=TextPreprocessing.from_dict(record["preprocessing"]),
        weights=weights,
        parameters=float(record["parameters"]),
        pool=record["pool"],
        layer=None if record.get("layer") is None else _network_name(record["layer"]),
    )


def _network_name(name: str) -> str:
    # timm takes addresses for names too, and would fetch from them.
    if not re.fullmatch(r"[\w.]+", name):
        raise ValueError(f"architecture {name!r}")
    return name


def _preprocessing(values: dict[str, Any]) -> Preprocessing:
    pixels = Preprocessing.from_dict(values)
    sound = (
        isinstance(pixels.size, int)
        and 1 <= pixels.size <= LARGEST_INPUT
        and len(pixels.mean) == len(pixels.std) == 3
        and 0 < min(pixels.std) <= max(pixels.std) < LARGEST_SCALE
        and all(isinstance(value, float | int) and abs(value) < LARGEST_SCALE for value in pixels.mean)
        and 0 < pixels.crop <= 1
        and pixels.resize in ("crop", "stretch")
        and isinstance(pixels.interpolation, str)
        and isinstance(pixels.mirror, bool)
    )
    if not sound:
        raise ValueError(f"preprocessing {values}")
    return pixels


def _weights(bundle: Bundle, position: int, record: dict[str, Any]) -> Weights:
    part = record["weights"]
    kind = part["kind"]
    if kind == "package":
        # Only packages that we vouch for: looking for any other would let a file choose what is imported.
        if part["package"] == ENCODER_PACKAGE:
            return PackagedEncoder()
        for backbone in VOUCHED:
            if backbone.weights.to_dict().get("package") == part["package"]:
                return backbone.weights
        raise BundleError(
            f"{bundle.path.name} must name a package of weights that this release knows, "
            f"but names {part['package']!r}; install a newer regraft."
        )
    if kind == "hub":
        return HubWeights(str(part["repository"]), str(part["licence"]), part["file"])
    if kind == "url":
        return _behind_address(bundle, str(part["url"]), str(part["licence"]), record["architecture"])
    if kind == "held":
        member = f"backbone-{position}"
        return HeldWeights(
            # Their own sha256, not what the file says: features are kept under it for all that come later.
            bundle.recorded_sha256(member),
            lambda: bundle.member(member),
            str(part["source"]),
            str(part["licence"]),
            bool(part["random"]),
        )
    raise BundleError(
        f"{bundle.path.name} must name weights of a kind this release knows (package, hub, url, held), "
        f"but names {kind!r}; install a newer regraft."
    )


def _behind_address(bundle: Bundle, url: str, licence: str, architecture: str) -> Weights:
    """Return weights behind a web address: kept here already, or at an address that timm has for the network.

    A file must not choose what is fetched, nor what is kept under the name of a network's own weights.
    """
    known = [b.weights for b in VOUCHED if isinstance(b.weights, UrlWeights)]
    weights = next((w for w in known if w.url == url), UrlWeights(url, licence))
    if weights in known or weights.here():
        return weights
    name = _network_name(architecture).split(".")[0]
    if not url.startswith("https://") or url not in _addresses(name):
        raise BundleError(
            f"{bundle.path.name} must name weights by an address that timm has for {name}, but names {url[:200]!r}; "
            "get the file yourself and fit anew with --weights FILE, if you trust it."
        )
    return weights


def _addresses(architecture: str) -> set[str]:
    import timm
    from timm.models import get_arch_pretrained_cfgs

    configs = get_arch_pretrained_cfgs(architecture).values() if timm.is_model(architecture) else ()
    return {str(config.url) for config in configs if config.url}
