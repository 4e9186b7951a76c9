"""Saved classifiers that were changed: numbers, names, shapes, members, the archive itself."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from hostile.archive_bombs import OUTSIDE
from hostile.mutations import NUMBERS, Random
from hostile.seeds import written

Parts = dict[str, bytes]
"""A bundle's members by their names."""

TWISTED: tuple[Any, ...] = (
    *(0, -1, 1, 2, 3, 10**6, 10**8, 10**9, 10**12, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, True, None),
    *("", "a", "../../x", "/etc/passwd", "\ud800", "x" * 100_000, "hf-hub:evil/evil", "none", "held", "url", "hub"),
    *([], {}, [[]], [None], [0, 0], ["a"] * 3, [1e308, -1e308], {"a": {"b": []}}, [0] * 10_000),
)
"""What a value of a manifest is replaced by."""


def _classifier(name: str) -> Any:
    from regraft.backbones.lookup import get_backbones
    from regraft.classifier import Classifier
    from regraft.evaluation.conformal import Conformal

    rng, own = np.random.default_rng(3), name == "held"
    modality = "audio" if name == "audio" else "image"
    asked = {"weights": "none", "image_size": 64} if own or modality == "audio" else {}
    architecture = "test_efficientnet" if asked else "tf_efficientnet_lite0"
    backbones = get_backbones(architecture, modality=modality, pool="avg" if modality == "audio" else "auto", **asked)
    d, k, m = backbones[0].feature_dim, 2, 40
    mean, unit = rng.normal(size=d).astype(np.float32), rng.normal(size=(m, d)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    heads: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {
        "centroid": ({"mean": mean, "centroids": unit[:k]}, {"scale": 4.0}),
        "logistic": ({"coef": unit[:k], "intercept": np.zeros(k, np.float32)}, {"power": 0.5}),
        "knn": (
            {"mean": mean, "examples": unit, "labels": (np.arange(m) % k).astype(np.int64)},
            {"n_neighbors": 5, "n_classes": k, "temperature": 0.1, "smoothing": 1.0},
        ),
        "mlp": (
            {
                "weight_0": unit[:8],
                "bias_0": np.zeros(8, np.float32),
                "weight_1": unit[:k, :8],
                "bias_1": np.zeros(k, np.float32),
            },
            {"layers": 2},
        ),
    }
    head = name if name in heads else "centroid"
    tensors, settings = heads[head]
    more = _trust(rng, d, k) if name != "logistic" else {}
    return Classifier(
        classes=("blue", "red"),
        backbones=backbones,
        precisions=("f32",),
        widths=(d,),
        head=head,
        tensors=tensors,
        settings=settings,
        info={"data": "colours", "n_train": 12},
        conformal=Conformal(np.sort(rng.random(20)), 20),
        card="# A model\n",
        **more,
    )


def _trust(rng: Random, d: int, k: int) -> dict[str, Any]:
    """Return the parts of a classifier that tell how far it is to be trusted, on made-up features."""
    from regraft.evaluation.calibration import Calibration
    from regraft.evaluation.out_of_distribution import OutOfDistribution
    from regraft.evidence.memory import Memory

    y, p = np.arange(24) % k, rng.dirichlet(np.ones(k), 24)
    features = np.abs(rng.normal(size=(24, d))).astype(np.float32)
    return {
        "calibration": Calibration("temperature", 1.2),
        "familiarity": OutOfDistribution.fit(features, widths=(d,)),
        "memory": Memory.draw(features, y, p, (d,)),
    }


KINDS = ("centroid", "logistic", "knn", "mlp", "held", "audio")
"""Sound bundles: four heads on the default network, and one on networks that the bundle holds itself."""


@cache
def sound_bundle(name: str) -> bytes:
    """Return the bytes of a sound bundle."""
    return _zip(_parts(written("m.regraft", lambda path: _classifier(name).save(path))))  # without the hour


def _parts(content: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(parts: Parts, compression: int = zipfile.ZIP_STORED, *more: tuple[str, bytes]) -> bytes:
    import warnings

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the same name twice
        for name, content in (*parts.items(), *more):
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            archive.writestr(member, content)
    return target.getvalue()


def _vouched(parts: Parts, manifest: Any = None) -> Parts:
    """Return the members with a manifest that has their true digests: the change is not just noticed by them."""
    manifest = json.loads(parts["model.json"]) if manifest is None else manifest
    files = {n: c for n, c in parts.items() if n.endswith(".safetensors")}
    if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict):
        found = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in files.items()}
        manifest["files"].update(found)
    return {**parts, "model.json": json.dumps(manifest).encode()}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a manifest."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in items for found in _places(each, (*path, key)))]


def twisted(parts: Parts, rng: Random) -> bytes:
    """Replace one to three values of the manifest, or take them out."""
    manifest = json.loads(parts["model.json"])
    for _ in range(int(rng.integers(1, 4))):
        places = [place for place in _places(manifest) if place and place[0] != "files"]
        *above, last = places[int(rng.integers(len(places)))]
        holder = manifest
        for key in above:
            holder = holder[key]
        if rng.random() < 0.2:
            del holder[last]
        else:
            holder[last] = json.loads(json.dumps(TWISTED[int(rng.integers(len(TWISTED)))]))
    return _zip(_vouched(parts, manifest))


def reshaped(parts: Parts, rng: Random) -> bytes:
    """Give an array another shape, another type, or values that are no numbers."""
    from safetensors.numpy import load, save

    names = [name for name in parts if name.endswith(".safetensors") and not name.startswith("backbone")]
    name = names[int(rng.integers(len(names)))]
    arrays = load(parts[name])
    key = sorted(arrays)[int(rng.integers(len(arrays)))]
    array = arrays[key]
    changes: tuple[Callable[[], Any], ...] = (
        lambda: array.reshape(-1),
        lambda: array[..., :0],
        lambda: array[:1],
        lambda: array.T.copy() if array.ndim else array,
        lambda: np.concatenate([np.atleast_1d(array)] * 2),
        lambda: np.full_like(array, -1 if array.dtype.kind in "iu" else np.nan),
        lambda: np.full_like(array, 100 if array.dtype.kind in "iu" else np.inf),
        lambda: array.astype(np.float64) * 1e300,
        lambda: (array * 0).astype(np.uint8),
        lambda: array.astype(bool),
        lambda: array.astype(np.int64) - 2**62,
        lambda: array[None, None],
    )
    with np.errstate(all="ignore"):
        arrays[key] = np.ascontiguousarray(changes[int(rng.integers(len(changes)))]())
    if rng.random() < 0.2:
        del arrays[key]
    return _zip(_vouched({**parts, name: save(arrays)}))


def offset(parts: Parts, rng: Random) -> bytes:
    """Change the header of a safetensors member: its length, its offsets, its types, its shapes, its nesting."""
    name = next(name for name in parts if name.endswith(".safetensors"))
    content = parts[name]
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    first = next(key for key in header if key != "__metadata__")
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    changes: tuple[Callable[[], Any], ...] = (
        lambda: header[first].update(data_offsets=[0, number]),
        lambda: header[first].update(data_offsets=[number, 0]),
        lambda: header[first].update(shape=[number, number]),
        lambda: header[first].update(shape=[0] * 5_000),
        lambda: header[first].update(dtype=("F8_E4M3", "BF16", "F4", "I64", "", None, "pickle")[int(rng.integers(7))]),
        lambda: header.update(dict.fromkeys(("a", "b", "c"), header[first])),
        lambda: header.update(__metadata__={"a": "b" * 100_000}),
        lambda: header.update(__metadata__=number),
        lambda: header.update({"../../x": header[first], "": header[first]}),
    )
    changes[int(rng.integers(len(changes)))]()
    text = json.dumps(header).encode()
    if rng.random() < 0.15:
        text = b"[" * 50_000
    claimed = number if rng.random() < 0.3 else len(text)
    return _zip(_vouched({**parts, name: struct.pack("<Q", claimed % 2**64) + text + content[8 + length :]}))


def manifested(parts: Parts, rng: Random) -> bytes:
    """Take another text for the manifest."""
    sound = parts["model.json"]
    texts: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: b"[" * 100_000,
        lambda: b'{"a":' * 100_000,
        lambda: b"\xff\xfe" + sound,
        lambda: sound.decode().encode("utf-16"),
        lambda: sound.replace(b'"version": ', b'"version": 9'),
        lambda: sound.replace(b'"version": ', b'"version": -'),
        lambda: sound.replace(b'"version": ', b'"version": 1e'),
        lambda: sound.replace(b'"format": "regraft"', b'"format": "pickle"'),
        lambda: sound.replace(b"0.", b"NaN,"),
        lambda: sound.replace(b"1", b"Infinity"),
        lambda: sound.replace(b"1", b"9" * 5_000),
        lambda: sound[:-1] + b',"files": {}}',
        lambda: sound[:-1] + b',"backbones": []}',
        lambda: b"null",
        lambda: b"[]",
        lambda: json.dumps({"format": "regraft", "version": 1}).encode(),
        lambda: b'{"format": "regraft", "version": 2, "classes": [' + b'"a",' * 10**6 + b'"b"]}',
        lambda: b'{"format": "regraft", "version": 2, "backbones": [' + b"{}," * 10**5 + b"{}]}",
    )
    return _zip({**parts, "model.json": texts[int(rng.integers(len(texts)))]()})


def addressed(parts: Parts, rng: Random) -> bytes:
    """Name weights that are elsewhere: in files, behind addresses, in packages, in hubs, under names with paths."""
    manifest = json.loads(parts["model.json"])
    weights: tuple[dict[str, Any], ...] = (
        {"kind": "file", "path": "/etc/passwd"},
        {"kind": "url", "url": "file:///etc/passwd"},
        {"kind": "url", "url": "file:///dev/zero"},
        {"kind": "url", "url": "http://127.0.0.1:9/w.pth"},
        {"kind": "url", "url": "https://127.0.0.1:9/.."},
        {"kind": "url", "url": f"ftp://127.0.0.1:9/../../../../tmp/{OUTSIDE}"},
        {"kind": "url", "url": ["a"]},
        {"kind": "package", "package": "antigravity"},
        {"kind": "package", "package": "../../x"},
        {"kind": "package", "package": None},
        {"kind": "hub", "repository": "../../etc", "file": "passwd"},
        {"kind": "hub", "repository": "evil/evil", "file": "../../../passwd"},
        {"kind": "hub", "repository": "evil/evil", "file": "pytorch_model.bin"},
        {"kind": "held", "source": f"../{OUTSIDE}", "random": False},
        {"kind": "random"},
        {"kind": "pickle"},
    )
    chosen = weights[int(rng.integers(len(weights)))]
    record = manifest["backbones"][0]
    record["weights"] = {"sha256": record["weights"]["sha256"], "licence": "none", **chosen}
    names = ("../../x", f"/tmp/{OUTSIDE}", "hf-hub:evil/evil", "local-dir:/etc", "x" * 10_000, "a\0b", "resnet50")
    if rng.random() < 0.4:
        record[("name", "architecture", "precision", "layer")[int(rng.integers(4))]] = names[int(rng.integers(7))]
    return _zip(_vouched(parts, manifest))


def archived(parts: Parts, rng: Random) -> bytes:
    """Change the archive: members twice, compressed, with addresses outside, large ones, none."""
    names = list(parts)
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: _zip(parts, zipfile.ZIP_DEFLATED),
        lambda: _zip(parts, zipfile.ZIP_LZMA),
        lambda: _zip(parts, zipfile.ZIP_STORED, ("model.json", b"{}")),
        lambda: _zip(parts, zipfile.ZIP_STORED, (names[1], parts[names[1]][:-4] + b"zzzz")),
        lambda: _zip(parts, zipfile.ZIP_STORED, (f"../{OUTSIDE}.txt", b"x"), (f"/tmp/{OUTSIDE}.txt", b"x")),
        lambda: _zip({**parts, "model.json": b" " * 10**7 + parts["model.json"]}),
        lambda: _zip({name: content for name, content in parts.items() if name != names[int(rng.integers(1, 3))]}),
        lambda: _zip({**parts, "README.md": b"\xff\xfe\0" * 10**6}),
        lambda: _zip({f"./{name}": content for name, content in parts.items()}),
        lambda: _zip(parts)[:-22] + b"PK\x05\x06" + rng.bytes(18),
        lambda: b"#!/bin/sh\n" + _zip(parts),
    )
    return changes[int(rng.integers(len(changes)))]()


CHANGES = (twisted, twisted, twisted, reshaped, reshaped, offset, manifested, addressed, archived)
"""What is done to a bundle; the manifest's values most often."""


def crafted_bundle(rng: Random) -> tuple[str, bytes]:
    """Return the name of the change, and a bundle that was changed so."""
    kind = KINDS[int(rng.choice(len(KINDS), p=(0.35, 0.2, 0.2, 0.15, 0.05, 0.05)))]
    change = CHANGES[int(rng.integers(len(CHANGES)))]
    return change.__name__, change(_parts(sound_bundle(kind)), rng)
