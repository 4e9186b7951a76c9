"""regraft cluster: what it prints, writes, and refuses before any work."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

LITE0 = ("--backbone", "tf_efficientnet_lite0")


def test_clusters_are_printed_and_the_page_is_written(
    cli: Cli, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("cluster", colours, "--clusters", "3", *LITE0)
    assert (ran.code, ran.err) == (0, "")
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("colours-clusters-")
    assert {path.name for path in run.iterdir()} == {"clusters.html", "clusters.csv", "clusters.json", "config.yaml"}
    lines = ran.out.splitlines()
    assert lines[0] == "18 images, with labels to compare with."
    assert {tuple(line.split()[:4]) for line in lines[1:4]} == {("cluster", str(i), "6", "images") for i in (1, 2, 3)}
    assert lines[4] == "- 18 images lie in 3 clusters, as asked for."
    assert "they agree closely: ARI 1.00" in lines[5]
    assert lines[-1].split() == ["page", str(Path("runs") / run.name / "clusters.html")]
    assert "regraft cluster " in (run / "clusters.html").read_text()


def test_json_is_the_file(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("cluster", colours, *LITE0, "--json", "-q", "--out", tmp_path / "deep" / "out")
    assert (ran.code, ran.err) == (0, "")
    printed = json.loads(ran.out)
    assert printed.pop("out") == str(tmp_path / "deep" / "out")
    assert printed == json.loads((tmp_path / "deep" / "out" / "clusters.json").read_text())
    assert printed["chosen_by"] == "auto"
    assert [each["clusters"] for each in printed["evidence"]] == [2, 3]
    assert printed["agreement"]["nmi"] == pytest.approx(1)
    with (tmp_path / "deep" / "out" / "clusters.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [each["image"] for each in printed["images"]]


def test_the_evidence_is_printed(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("cluster", colours, *LITE0, "--out", tmp_path / "out")
    table = ran.out.splitlines()[1:4]
    assert table[0].split() == ["clusters", "silhouette", "stability", "product"]
    assert [line.split()[0] for line in table[1:]] == ["2", "3"]
    assert table[2].endswith("<-")


def test_what_is_refused_before_any_work(
    cli: Cli, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regraft.exploration.clustering.extract", None)  # whoever calls it fails
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    for options, words in (
        (("--out", tmp_path / "run"), "--out must be a new or empty folder"),
        (("--clusters", "0"), "--clusters must be auto or a whole number above 0, not '0'"),
        (("--clusters", "many"), "--clusters must be auto or a whole number above 0, not 'many'"),
        (("--map", "pca"), "'pca' is not one of"),
    ):
        ran = cli("cluster", colours, *options)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err


def test_more_clusters_than_images(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("cluster", colours, *LITE0, "--clusters", "19", "--out", tmp_path / "out")
    assert ran.code == 2
    assert "--clusters must be at most the number of readable images, which is 18, not 19" in ran.err
    assert not (tmp_path / "out").exists()
