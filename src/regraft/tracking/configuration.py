"""What a run was asked for and made with: `config.yaml`, from which it can be repeated."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from regraft import __version__
from regraft.errors import UsageError

CONFIG = "config.yaml"

RECORD = "record"
"""Name of the part of `config.yaml` that is no option: what the run was made with, and on."""

PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "pillow", "opencv-python-headless", "openvino"),
    *("torch", "timm", "lightning", "peft", "transformers", "sentence-transformers", "gensim", "open_clip_torch"),
    *("soundfile", "soxr", "umap-learn", "POT"),
)
"""The packages whose versions figures may depend on."""

GONE = "gone"
"""In place of the size of a file that was there when it was learnt from, and is no longer: a run is not lost for it."""

CPUINFO = Path("/proc/cpuinfo")
NVIDIA = Path("/proc/driver/nvidia/gpus")

HEADER = "# What this run was asked for, and made with. `regraft rerun FOLDER` repeats it.\n"


class _Text(yaml.SafeLoader):
    """Reads scalars as the text they are, so that an option's own check sees what a command line would show it."""


_Text.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [(tag, form) for tag, form in resolvers if tag == "tag:yaml.org,2002:null"])
}


def read(path: str | Path) -> dict[str, Any]:
    """Return the options in a YAML file: every value is a text, a list of texts, a mapping, or None.

    Raises
    ------
    UsageError
        If it cannot be read, or is no mapping.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Text)
    except OSError as error:
        raise _bad(path, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise _bad(path, "it is no UTF-8 text") from error
    except yaml.YAMLError as error:
        raise _bad(path, " ".join(str(error).split())) from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise _bad(path, "it is no list of names and values")
    return values


def _bad(path: str | Path, why: str) -> UsageError:
    return UsageError(f"The options must be a YAML file of lines NAME: VALUE, but {path} is not ({why}); mend it.")


def write(config: Mapping[str, Any], folder: Path) -> None:
    """Write `config.yaml` into a folder that is there."""
    # Undecodable bytes of a path come as lone surrogates, which are escaped in ASCII.
    text = yaml.safe_dump(dict(config), sort_keys=False, default_flow_style=None, width=120)
    (folder / CONFIG).write_text(HEADER + text, encoding="ascii")


def record(*data: Any) -> dict[str, Any]:
    """Return what a run is made with and on: versions, machine, folder, and the data's fingerprint.

    Parameters
    ----------
    *data : Dataset, Images, Target or Path
        What was read.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "directory": _directory(),
        "data": fingerprint(*data),
        "regraft": __version__,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "gpu": _gpu(),
        # As torchrun and srun tell it, which is still known when the training is over.
        "processes": os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_STEP_NUM_TASKS") or "1",
    }


def fingerprint(*data: Any) -> dict[str, Any]:
    """Return how many examples there are, and a digest of their names, labels and sizes.

    A folder that was moved has the same one. Of a file its bytes count, of a folder its files' names and sizes.
    """
    count, made = 0, hashlib.sha256()
    for each in data:
        for line in _files(each) if isinstance(each, Path) else _examples(each):
            count += 1
            made.update(line.encode("utf-8", "backslashreplace") + b"\n")
    return {"examples": count, "sha256": made.hexdigest()}


def _files(path: Path) -> Iterator[str]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield f"{file.relative_to(path).as_posix()}\t{_content(file)}"
        return
    try:
        with path.open("rb") as content:
            yield hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        yield GONE


def _examples(data: Any) -> Iterator[str]:
    labels = _labels(data)
    for number, (name, example) in enumerate(zip(data.names, data.examples, strict=True)):
        yield "\t".join([name, *(str(column[number]) for column in labels), _content(example)])


def _labels(data: Any) -> list[Any]:
    """Return columns of labels, by name."""
    if isinstance(data.labels, Mapping):
        # What has no label is of no class.
        named = {task: dict(enumerate(data.classes[task])) for task in sorted(data.labels)}
        return [[names.get(int(i), "") for i in data.labels[task]] for task, names in named.items()]
    return [] if data.labels is None else [data.labels]


def _content(example: Any) -> str:
    """Return what tells an example from another of its name, without reading a file."""
    if isinstance(example, Path):
        try:
            return str(example.stat().st_size)
        except OSError:
            return GONE
    if isinstance(example, str):
        example = example.encode("utf-8", "backslashreplace")
    elif isinstance(example, np.ndarray):
        example = np.ascontiguousarray(example).tobytes()
    return hashlib.sha256(example).hexdigest() if isinstance(example, bytes) else ""


def _directory() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted meanwhile
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    return _after("model name", CPUINFO) or platform.processor() or platform.machine()


def _gpu() -> str | None:
    """Return the names of NVIDIA's GPUs, where Linux tells; torch is not loaded for this."""
    found = sorted(NVIDIA.glob("*/information"))
    return ", ".join(filter(None, (_after("Model", file) for file in found))) or None


def _after(name: str, file: Path) -> str:
    """Return what stands behind a name in a file of lines NAME: VALUE, or nothing."""
    try:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""
