"""The store of features: what goes in comes out, whatever happens to the process, the disk or the file."""

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from regraft.features import cache
from regraft.features.cache import FLUSH_EVERY, FeatureCache, cache_root, clear, fingerprint, info
from regraft.features.engine_openvino import OpenVINOEngine, engine_folder

PRODUCER = {"backbone": "tiny", "weights": "ab", "pool": "avg", "precision": "f32"}


def name(number: int) -> str:
    """A digest (hex) like a file's."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def values(number: int) -> np.ndarray:
    """Features that tell whose they are in every component."""
    return np.arange(64, dtype=np.float32) + 1000 * number


def filled(root: Path, count: int, producer: dict[str, str] = PRODUCER) -> Path:
    store = FeatureCache(producer, root)
    for number in range(count):
        store.put(name(number), values(number))
    store.close()
    assert store.problem is None
    return store.path


def kept(root: Path) -> int:
    return sum(entry.images for entry in info(root))


# --- what goes in comes out -------------------------------------------------------------------------


def test_features_come_back_as_they_were(tmp_path):
    filled(tmp_path, 3)
    store = FeatureCache(PRODUCER, tmp_path)
    for number in range(3):
        found = store.get(name(number))
        assert found.dtype == np.float32
        assert np.array_equal(found, values(number))
    assert store.get(name(3)) is None
    store.close()


def test_other_types_become_float32(tmp_path):
    store = FeatureCache(PRODUCER, tmp_path)
    store.put("a", np.arange(8, dtype=np.float64)[::2])
    store.close()
    assert FeatureCache(PRODUCER, tmp_path).get("a").tolist() == [0, 2, 4, 6]


def test_what_is_pending_is_written_in_lots_and_at_the_end(tmp_path):
    store = FeatureCache(PRODUCER, tmp_path)
    for number in range(FLUSH_EVERY + 1):
        store.put(name(number), values(number))
    assert kept(tmp_path) == FLUSH_EVERY
    store.close()
    assert kept(tmp_path) == FLUSH_EVERY + 1


def test_the_first_features_of_an_image_stay(tmp_path):
    filled(tmp_path, 1)
    store = FeatureCache(PRODUCER, tmp_path)
    store.put(name(0), values(9))
    store.close()
    assert store.problem is None
    assert np.array_equal(FeatureCache(PRODUCER, tmp_path).get(name(0)), values(0))


def test_a_closed_cache_is_empty_and_takes_nothing(tmp_path):
    store = FeatureCache(PRODUCER, tmp_path)
    store.close()
    store.put(name(0), values(0))
    assert store.get(name(0)) is None
    store.close()
    assert store.problem is None
    assert kept(tmp_path) == 0


@pytest.mark.parametrize("part", PRODUCER)
def test_each_way_of_producing_features_has_a_file_of_its_own(part, tmp_path):
    other = {**PRODUCER, part: "other"}
    filled(tmp_path, 2)
    assert FeatureCache(other, tmp_path).get(name(0)) is None
    assert fingerprint(PRODUCER) != fingerprint(other)


def test_a_fingerprint_does_not_depend_on_the_order_of_its_parts():
    assert fingerprint(PRODUCER) == fingerprint(dict(reversed(PRODUCER.items())))


def test_the_place_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("REGRAFT_CACHE", "~/mine")
    assert cache_root() == Path.home() / "mine"
    monkeypatch.delenv("REGRAFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root().name == "regraft"


def test_threads_share_it(tmp_path):
    store = FeatureCache(PRODUCER, tmp_path)

    def work(start):
        for number in range(start, 1200, 4):
            store.put(name(number), values(number))
            store.get(name(number - 300))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert store.problem is None
    assert kept(tmp_path) == 1200


# --- kills, and two processes at once ---------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_cache
from regraft.features import cache
cache.FLUSH_EVERY = 7
root, start, stop, go = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])
print("ready", flush=True)
while not go.exists():
    pass
store = cache.FeatureCache(test_cache.PRODUCER, root)
for number in range(start, stop):
    found = store.get(test_cache.name(number))
    if found is None:
        store.put(test_cache.name(number), test_cache.values(number))
    else:
        assert (found == test_cache.values(number)).all()
store.close()
assert store.problem is None, store.problem
"""


def writer(root: Path, start: int, stop: int, go: Path) -> subprocess.Popen:
    arguments = [str(Path(__file__).parent), str(root), str(start), str(stop), str(go)]
    process = subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def test_a_kill_at_any_moment_leaves_only_whole_and_right_features(tmp_path):
    moments = random.Random(0)
    go = tmp_path / "go"
    go.touch()
    before = 0
    for _ in range(4):
        process = writer(tmp_path, 0, 10**9, go)
        deadline = time.monotonic() + 60
        while kept(tmp_path) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        after = kept(tmp_path)
        assert after > before
        before = after
    store = FeatureCache(PRODUCER, tmp_path)
    assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = [store.get(name(number)) for number in range(before)]
    assert all(np.array_equal(row, values(number)) for number, row in enumerate(found))
    store.put(name(before), values(before))
    store.close()
    assert store.problem is None
    assert kept(tmp_path) == before + 1


def test_two_processes_at_once_lose_nothing(tmp_path):
    """Both make the same file at the same moment, and write what overlaps."""
    processes = [writer(tmp_path, start, start + 400, tmp_path / "go") for start in (0, 200)]
    (tmp_path / "go").touch()
    for process in processes:
        assert process.wait() == 0
        process.stdout.close()
    assert kept(tmp_path) == 600
    store = FeatureCache(PRODUCER, tmp_path)
    assert all(np.array_equal(store.get(name(number)), values(number)) for number in range(600))
    store.close()


# --- damage, and places that cannot be used ---------------------------------------------------------


def test_a_file_that_is_no_database_is_made_anew(tmp_path):
    path = filled(tmp_path, 2)
    path.write_bytes(b"no database at all" * 1000)
    store = FeatureCache(PRODUCER, tmp_path)
    assert store.problem is None
    assert store.get(name(0)) is None
    store.put(name(0), values(0))
    store.close()
    assert kept(tmp_path) == 1


def damage(path: Path) -> None:
    """Overwrite the pages behind the tables' first ones."""
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(os.urandom(path.stat().st_size - 5 * 4096))


def test_damage_found_while_reading_is_told_and_the_next_job_starts_anew(tmp_path):
    path = filled(tmp_path, 500)
    damage(path)
    store = FeatureCache(PRODUCER, tmp_path)
    found = [store.get(name(number)) for number in range(500)]
    assert "malformed" in store.problem
    assert store.problem.endswith("the job goes on without it")
    assert all(row is None or np.array_equal(row, values(i)) for i, row in enumerate(found))
    store.put(name(0), values(0))
    store.close()
    filled(tmp_path, 20)
    assert kept(tmp_path) == 20


def test_damage_found_while_writing_is_told(tmp_path):
    damage(filled(tmp_path, 500))
    store = FeatureCache(PRODUCER, tmp_path)
    for number in range(500, 1000):
        store.put(name(number), values(number))
    store.close()
    assert "malformed" in store.problem


def test_a_full_disk_is_told_and_keeps_what_it_had(tmp_path):
    filled(tmp_path, 10)
    store = FeatureCache(PRODUCER, tmp_path)
    store._connection.execute("PRAGMA max_page_count = 1")  # SQLite raises it to the pages in use
    for number in range(10, 10 + FLUSH_EVERY):
        store.put(name(number), values(number))
    assert "full" in store.problem
    assert store.get(name(0)) is None
    store.close()
    assert kept(tmp_path) == 10


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "features").write_text("mine")
    store = FeatureCache(PRODUCER, tmp_path)
    assert str(tmp_path / "features") in store.problem
    store.put(name(0), values(0))
    assert store.get(name(0)) is None
    store.close()
    assert (tmp_path / "features").read_text() == "mine"


def test_a_folder_in_the_place_of_the_file_is_told_and_left_alone(tmp_path):
    path = tmp_path / "features" / f"{fingerprint(PRODUCER)}.sqlite"
    path.mkdir(parents=True)
    assert "cannot be used" in FeatureCache(PRODUCER, tmp_path).problem
    assert path.is_dir()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    filled(tmp_path, 2)
    (tmp_path / "features").chmod(0o500)
    for file in (tmp_path / "features").iterdir():
        file.chmod(0o400)
    store = FeatureCache(PRODUCER, tmp_path)
    assert "cannot be used" in store.problem
    (tmp_path / "features").chmod(0o700)


def test_a_lock_that_is_never_released_is_told_and_harms_nothing(tmp_path, monkeypatch):
    path = filled(tmp_path, 2)
    connect = sqlite3.connect
    monkeypatch.setattr(cache.sqlite3, "connect", lambda *args, **kwargs: connect(*args, **{**kwargs, "timeout": 0.01}))
    store = FeatureCache(PRODUCER, tmp_path)
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    store.put(name(2), values(2))
    store.close()
    assert "locked" in store.problem
    other.close()
    assert kept(tmp_path) == 2


# --- info and clear ---------------------------------------------------------------------------------


def test_info_tells_what_the_cache_holds_the_largest_first(tmp_path):
    assert info(tmp_path) == []
    filled(tmp_path, 2)
    filled(tmp_path, 900, {**PRODUCER, "pool": "max"})
    found = info(tmp_path)
    assert [(entry.images, entry.producer["pool"]) for entry in found] == [(900, "max"), (2, "avg")]
    assert found[0].megabytes > 900 * 256 / 1e6
    assert found[0].producer == {**PRODUCER, "pool": "max"}


def test_info_names_an_unreadable_file_and_no_strangers(tmp_path):
    path = filled(tmp_path, 2)
    path.write_bytes(b"x" * 5000)
    (path.parent / "mine.sqlite").write_bytes(b"y")
    found = info(tmp_path)
    assert [(entry.producer, entry.images) for entry in found] == [({"backbone": "unreadable"}, 0)]


def test_info_and_clear_use_the_place_of_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "a b#c?d"))
    filled(cache_root(), 3)
    assert [entry.images for entry in info()] == [3]
    assert clear() > 0
    assert info() == []


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_clear_deletes_what_is_ours(tmp_path):
    path = filled(tmp_path, 2)
    Path(f"{path}-wal").write_bytes(b"")
    engines = tmp_path / "engines"
    for folder in (engines / ("0" * 32), engines / "new-ab12cd_3"):
        (folder / "compiled").mkdir(parents=True)
        for file in ("f32.xml", "f32.bin", "bf16.xml", "bf16.bin", "bf16-12.xml", "bf16-12.bin", "compiled/123.blob"):
            (folder / file).write_bytes(b"x" * 10**5)
    (engines / f"{'0' * 32}.openvino.json").write_text("{}")
    assert clear(tmp_path) == pytest.approx(1.4, abs=0.05)
    assert everything(tmp_path) == {"features", "engines"}
    assert clear(tmp_path) == 0


def test_clear_deletes_nothing_else(tmp_path):
    ours = filled(tmp_path, 2).parent
    engine = tmp_path / "engines" / ("a" * 32)
    (engine / "compiled").mkdir(parents=True)
    (engine / "f32.xml").touch()
    strangers = [tmp_path / "a.txt", ours / "mine.sqlite", ours / "notes.sqlite-wal", ours / "a.jpg"]
    strangers += [engine / "thesis.xml", engine / "compiled" / "mine.blob", engine.parent / "settings.json"]
    strangers += [engine.parent / "mine" / "f32.xml"]
    strangers[-1].parent.mkdir()
    for file in strangers:
        file.write_text("mine")
    clear(tmp_path)
    assert all(file.read_text() == "mine" for file in strangers)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(strangers)


def test_clear_does_not_follow_links_out_of_the_cache(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "compiled").mkdir(parents=True)
    files = [elsewhere / "f32.xml", elsewhere / "compiled" / "1.blob"]
    for file in files:
        file.write_text("mine")
    (tmp_path / "cache" / "engines").mkdir(parents=True)
    (tmp_path / "cache" / "engines" / ("b" * 32)).symlink_to(elsewhere)
    clear(tmp_path / "cache")
    assert all(file.read_text() == "mine" for file in files)


def test_clear_knows_all_that_an_engine_writes(lite0, tmp_path):
    OpenVINOEngine(lite0, "f32")
    made = engine_folder(lite0)
    copy = tmp_path / "engines" / made.name
    shutil.copytree(made, copy)
    assert len([path for path in copy.rglob("*") if path.is_file()]) >= 6
    assert clear(tmp_path) > 40
    assert everything(tmp_path) == {"engines"}


def test_a_producer_is_kept_with_the_features(tmp_path):
    path = filled(tmp_path, 1)
    connection = sqlite3.connect(path)
    assert json.loads(connection.execute("SELECT json FROM producer").fetchone()[0]) == PRODUCER
    connection.close()


def test_no_cache_finds_and_keeps_nothing():
    store = cache.NoCache()
    store.put(name(1), values(1))
    assert store.get(name(1)) is None
    assert store.problem is None
    store.close()
