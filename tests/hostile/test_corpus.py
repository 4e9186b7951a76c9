"""The corpus: the same for the same seed, of every kind, named so that a file can be made again."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("soundfile")

from hostile.bombs import BOMBS, HEAVY
from hostile.corpus import SHARES, corpus, hostile, make
from hostile.mutations import MUTATIONS
from hostile.seeds import SEEDS, seeds

PRINT = """
import sys; sys.path.append(sys.argv[1])
from hostile.corpus import corpus
import hashlib
print(hashlib.sha256(b"".join(file.name.encode() + file.content for file in corpus(60, 3))).hexdigest())
"""


def test_another_process_makes_the_same_files() -> None:
    here = hashlib.sha256(b"".join(file.name.encode() + file.content for file in corpus(60, 3))).hexdigest()
    tests = str(Path(__file__).parents[1])
    there = subprocess.run([sys.executable, "-c", PRINT, tests], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_seeds_differ_and_a_file_does_not_depend_on_the_others() -> None:
    first = [file.content for file in corpus(40, 0)]
    assert first != [file.content for file in corpus(40, 1)]
    assert hostile(17, 0).content == first[17]


def test_every_kind_and_every_mutation_comes() -> None:
    files = [hostile(number, 0) for number in range(2500)]
    kinds = Counter(file.kind for file in files)
    assert kinds.keys() == SHARES.keys() == {*SEEDS, "bundle"}
    assert {mutation.__name__ for mutation in MUTATIONS} <= {file.mutation for file in files}
    assert {bomb.__name__ for bombs in BOMBS.values() for bomb in bombs} <= {file.mutation for file in files}
    assert HEAVY.keys() <= BOMBS.keys()


def test_the_seeds_themselves_are_sound(tmp_path: Path) -> None:
    from regraft.data import images, sounds
    from regraft.data.sources import read_source

    for kind in ("jpeg", "png", "webp", "gif", "tiff", "image"):
        for content in seeds(kind):
            assert images.decode(content).ndim == 3
    for kind in ("sound", "flac"):
        for content in seeds(kind):
            assert len(sounds.decode(content)[0])
    for kind in ("hdf5", "zip", "tar", "targz", "jsonl", "parquet"):
        for number, content in enumerate(seeds(kind)):
            path = tmp_path / f"{number}{SEEDS[kind][0]}"
            path.write_bytes(content)
            assert len(read_source(path).class_names) == 2


def test_a_folder_of_files_is_named_by_number_kind_and_mutation(tmp_path: Path) -> None:
    paths = make(tmp_path / "corpus", 30, 5)
    assert sorted(paths) == sorted((tmp_path / "corpus").iterdir())
    for number, path in enumerate(paths):
        file = hostile(number, 5)
        assert path.name.startswith(f"{number:06}-{file.kind}-{file.mutation}")
        assert path.read_bytes() == file.content
