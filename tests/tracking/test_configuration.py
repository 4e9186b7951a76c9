"""What a run was asked for and made with is written and read again, and tells whether data are the same."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft import __version__
from regraft.data.sources import read_source
from regraft.errors import UsageError
from regraft.exploration.images import Images
from regraft.tracking import configuration
from regraft.tracking.configuration import CONFIG, fingerprint, read, record, write


def test_what_is_written_is_read_as_the_text_that_it_is(tmp_path: Path) -> None:
    config = {
        "data": "caf\udce9/ä",
        "weights": "none",
        "label-column": "no",
        "null-like": "null",
        "layer": None,
        "seed": 0,
        "rate": 1e-05,
        "cut": True,
        "log": ["mlflow", "wandb"],
        "record": {"packages": {"torch": "2.10"}},
    }
    write(config, tmp_path)
    assert (tmp_path / CONFIG).read_text().startswith("# What this run was asked for")
    assert read(tmp_path / CONFIG) == {**config, "seed": "0", "rate": "1.0e-05", "cut": "true"}


def test_what_a_person_writes_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("a: no\nb: 010\nc: 1e-3\nd: 2024-01-02\ne: 5:30\nf: ~\ng:\nh: [1, off]\n")
    values = read(tmp_path / "run.yaml")
    assert values == {"a": "no", "b": "010", "c": "1e-3", "d": "2024-01-02", "e": "5:30", "f": None, "g": None} | {
        "h": ["1", "off"]
    }
    (tmp_path / "run.yaml").write_text("# nothing\n")
    assert read(tmp_path / "run.yaml") == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1", "while parsing"),
        (b"- a\n- b\n", "it is no list of names and values"),
        (b"1: a\n[1, 2]: b\n", "while constructing|no list of names"),
        (b"just words", "it is no list of names and values"),
        (b"a: \xff\xfe", "it is no UTF-8 text"),
        (b"a: !!python/object/apply:os.system [true]\n", "could not determine a constructor"),
        (None, "No such file or directory"),
    ],
    ids=["broken", "list", "keys", "words", "bytes", "code", "missing"],
)
def test_what_is_no_config_is_told(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "run.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=f"The options must be a YAML file of lines NAME: VALUE, but .*({words})"):
        read(tmp_path / "run.yaml")


def test_the_record_names_versions_machine_and_data(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    made = record(read_source(colours))
    assert made["regraft"] == __version__
    assert made["packages"]["numpy"] == np.__version__
    assert made["directory"] == str(tmp_path)
    assert made["data"]["examples"] == 18
    assert made["python"] == ".".join(map(str, sys.version_info[:3]))
    assert made["cores"] >= 1
    assert made["processes"] == "1"
    assert all(made[name] for name in ("platform", "processor", "created"))


def test_what_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(configuration, "NVIDIA", tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    made = record()
    assert (made["packages"], made["gpu"], made["threads"], made["data"]["examples"]) == ({}, None, None, 0)
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "information").write_text("Bus: 1\nModel: \t Some GPU\nIRQ: 3\n")
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    made = record()
    assert (made["gpu"], made["threads"], made["processes"]) == ("Some GPU, Some GPU", "4,2", "3")


def test_a_processor_has_a_name_where_linux_tells_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(configuration, "CPUINFO", tmp_path / "none")
    assert record()["processor"]


def test_a_moved_folder_is_the_same_data_and_any_change_is_another(
    draw_classes: Callable[..., Path], tmp_path: Path
) -> None:
    first = fingerprint(read_source(draw_classes(tmp_path / "a", count=2)))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert fingerprint(read_source(tmp_path / "b")) == first
    seen = {first["sha256"]}

    def changed() -> None:
        found = fingerprint(read_source(tmp_path / "b"))["sha256"]
        assert found not in seen
        seen.add(found)

    [image, other] = sorted((tmp_path / "b" / "red").iterdir())
    image.write_bytes(image.read_bytes() + b"\0")
    changed()
    image.rename(image.with_name("red.jpg"))
    changed()
    other.rename(tmp_path / "b" / "blue" / other.name)
    changed()


def test_labels_sizes_and_contents_count_for_whatever_is_learnt_from(colours: Path, tmp_path: Path) -> None:
    dataset = read_source(colours)
    pixels = [np.full((4, 4, 3), shade, np.uint8) for shade in range(18)]
    variants: list[Any] = [
        dataset,
        replace(dataset, labels={"label": dataset.y[::-1].copy()}),
        replace(dataset, labels={"label": np.full(18, -1)}),
        replace(dataset, examples=pixels),
        replace(dataset, examples=pixels[::-1]),
        replace(dataset, examples=["a text"] * 18),
        replace(dataset, examples=[b"bytes"] * 18),
        replace(dataset, examples=[tmp_path / "gone"] * 18),
        replace(dataset, examples=[object()] * 18),
        Images(dataset.examples, dataset.names, None, "x"),
        Images(dataset.examples, dataset.names, ("red",) * 18, "x"),
    ]
    found = [fingerprint(variant) for variant in variants]
    assert len({each["sha256"] for each in found}) == len(variants)
    assert {each["examples"] for each in found} == {18}
    assert fingerprint(dataset, variants[1])["examples"] == 36


def test_what_is_gone_when_a_run_is_written_does_not_cost_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    made = record(tmp_path / "gone")
    assert (made["directory"], made["data"]["examples"]) == (None, 1)


def test_of_a_file_its_bytes_count_and_of_a_folder_its_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("one")
    folder, file = fingerprint(tmp_path / "a"), fingerprint(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "b" / "c").write_text("two")
    assert fingerprint(tmp_path / "a") == folder
    assert fingerprint(tmp_path / "a" / "b" / "c") != file
    (tmp_path / "a" / "d").touch()
    assert fingerprint(tmp_path / "a") == {"examples": 2, "sha256": fingerprint(tmp_path / "a")["sha256"]} != folder
