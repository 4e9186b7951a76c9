"""Every command of the how-to many-images.md is run, in order, here and on clusters that are started for it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "many-images.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TINY = ("--backbone", "test_efficientnet", "--weights", "none")


def blocks(kind: str) -> list[str]:
    return [content for named, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if named == kind]


def commands(kind: str) -> Iterator[list[str]]:
    for line in "".join(blocks(kind)).splitlines():
        program, *arguments = shlex.split(line)
        if program == "regraft":
            # Texts keep their encoder, and a saved classifier its network.
            yield arguments + list(TINY if arguments[0] == "embed" and "review" not in arguments else ())
        else:
            assert line == 'pip install "regraft[scale]"'


@pytest.fixture
def here(saved: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with all that the page names."""
    pytest.importorskip("ray")
    pytest.importorskip("sentence_transformers")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(colours, "photos")
    shutil.copyfile(saved, "flowers.regraft")
    shutil.make_archive("photos", "zip", colours)
    files = sorted(colours.rglob("*.jpg"))
    pq.write_table(pa.table({"image": [file.read_bytes() for file in files]}), "images.parquet")
    pq.write_table(pa.table({"review": ["a fine film", "dull and long"]}), "reviews.parquet")
    return tmp_path


def test_every_command_and_program_does_what_the_page_says(here: Path, cli: Callable[..., Any]) -> None:
    for arguments in commands("shell"):
        ran = cli(*arguments)
        assert ran.code == 0, ran.err
        rows = 2 if "review" in arguments else 18
        assert ran.out.startswith(f"{rows} rows in 1 files, ")
        assert pq.read_table(arguments[arguments.index("--out") + 1]).num_rows == rows
    [program] = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(program, "page", "exec"), names)
    assert names["features"].shape[0] == len(names["names"]) == 18
    first, second = (pq.read_table(place).sort_by("row") for place in ("features/", "features-by-ray/"))
    assert first["features"] == second["features"]


def test_a_cluster_that_is_there_already_is_asked_by_its_address(here: Path, cli: Callable[..., Any]) -> None:
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    try:
        [arguments] = commands("")
        [there] = [arguments[i + 1] for i, word in enumerate(arguments) if word == "--address"]
        place = {
            there: ray.get_runtime_context().gcs_address,
            "s3://bucket/photos": f"file://{here / 'photos'}",
            "s3://bucket/features": f"file://{here / 'by-address'}",
        }
        ran = cli(*(place.get(word, word) for word in arguments))
    finally:
        ray.shutdown()
    assert ran.code == 0, ran.err
    assert pq.read_table("by-address").num_rows == 18


def test_the_columns_of_the_page_are_those_of_the_files(here: Path, cli: Callable[..., Any]) -> None:
    cells = re.findall(r"^\| (`.*?) \| (.*?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {"embed": set(), "predict": set()}  # type: dict[str, set[str]]
    for names, meaning in cells:
        of = re.match(r"of `(\w+)`", meaning)
        for command in told if of is None else (of[1],):
            told[command] |= set(re.findall(r"`(\w+)`", names))
    assert cli("embed", "photos", "--out", "f", *TINY).code == 0
    assert cli("predict", "flowers.regraft", "photos", "--out", "p").code == 0
    assert set(pq.read_table("f").column_names) == told["embed"]
    assert set(pq.read_table("p").column_names) == told["predict"] - {"plausible"}


def test_the_page_names_the_columns_that_rows_are_called_by() -> None:
    from regraft.bulk.parquet import NAMES
    from regraft.bulk.shards import SHARD_ROWS

    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "called by a column " + ", ".join(f"`{name}`" for name in NAMES[:-1]) + f" or `{NAMES[-1]}`" in page
    assert f"files of {SHARD_ROWS:,} rows" in page
