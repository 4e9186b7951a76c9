"""Word vectors as a backbone: averages as published, the same in any company, whole in a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.registry import Backbone
from regraft.backbones.weights import FileWeights, HeldWeights
from regraft.backbones.word_vectors import WordAverage, find_vectors, from_held
from regraft.errors import UsageError, WeightsError

WORDS = ("the", "film", "good", "bad", "n't", "is")
VECTORS = np.random.default_rng(0).normal(size=(6, 4))
TEXTS = ("The film is good", "the film isn't good", "", "xyzzy", "a bad plot")


@pytest.fixture
def glove(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text("".join(f"{w} {' '.join(map(repr, v))}\n" for w, v in zip(WORDS, VECTORS.tolist(), strict=True)))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    """Return the folder of a small model of fastText in two forms, and the model itself."""
    fasttext = pytest.importorskip("gensim.models.fasttext")
    folder = tmp_path_factory.mktemp("fasttext")
    said = [f"the film was {word} and the plot was {word}".split() for word in ("good", "bad", "slow", "great")] * 10
    model = fasttext.FastText(said, vector_size=8, min_count=1, epochs=2, workers=1, bucket=200, seed=1)
    fasttext.save_facebook_model(model, str(folder / "model.bin"))
    model.wv.save_word2vec_format(folder / "model.vec")
    model.wv.save_word2vec_format(folder / "words.bin", binary=True)
    return folder, model


def weighed(rows: list[int]) -> np.ndarray:
    """Return smooth inverse frequency as the paper has it, with Zipf's shares, in double precision."""
    share = 1 / np.arange(1, 7)
    share /= share.sum()
    weight = 1e-3 / (1e-3 + share)
    common = (share * weight) @ VECTORS
    common /= np.linalg.norm(common)
    mean = (weight[:, None] * VECTORS)[rows].mean(axis=0)
    return mean - common * (common @ mean)


def test_a_text_is_the_weighed_mean_of_its_words(glove: Path) -> None:
    backbone = find_vectors(glove)
    values = backbone.vectors(TEXTS)
    assert values.dtype == np.float32 and values.shape == (5, 4)
    expected = [weighed([0, 1, 5, 2]), weighed([0, 1, 5, 4, 2]), np.zeros(4), np.zeros(4), weighed([3])]
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert backbone.vectors([]).shape == (0, 4)


def test_a_text_has_the_same_vector_in_any_company(glove: Path) -> None:
    backbone = find_vectors(glove)
    together = backbone.vectors(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(backbone.vectors([text])[0], vector)


def test_it_is_a_backbone_of_texts(glove: Path) -> None:
    backbone = find_vectors(str(glove))
    assert isinstance(backbone, Backbone)
    assert (backbone.name, backbone.architecture, backbone.modality) == ("glove.txt", "word-vectors", "text")
    assert (backbone.feature_dim, backbone.pool, backbone.weights) == (4, "avg", FileWeights(glove))
    assert backbone.preprocessing.to_dict() == {"smoothing": 1e-3, "common": True}
    assert backbone.preprocessing.digest != WordAverage(common=False).digest
    with pytest.raises(UsageError, match=r"Fine-tuning needs a network, but glove.txt are word vectors"):
        backbone.build()


def test_what_is_out_of_vocabulary_is_said(glove: Path) -> None:
    backbone = find_vectors(glove)
    assert backbone.out_of_vocabulary(["The film!", "xyzzy xyzzy"]) == 0.5
    assert backbone.out_of_vocabulary(["", "!!"]) == 0
    assert backbone.note(["The film!", "xyzzy xyzzy"]) == (
        "50.0% of the texts' 4 words are not among the 6 of glove.txt and are left out, such as xyzzy."
    )
    assert backbone.note(["The film"]) == "All 2 words of the texts are among the 6 of glove.txt."
    assert backbone.note([""]) == "There are no words in the texts."


def test_emoji_other_scripts_and_a_million_letters(glove: Path) -> None:
    odd = ["\U0001f600\U0001f44d", "هذا فيلم جيد", "\ud83d lone", "good " * 200_000, "x" * 1_000_000]
    values = find_vectors(glove).vectors(odd)
    assert np.isfinite(values).all()
    assert not values[[0, 1, 2, 4]].any()
    np.testing.assert_allclose(values[3], weighed([2]), atol=1e-6)


def test_the_mapped_form_is_made_once(glove: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kept"
    first = find_vectors(glove, folder).vectors(TEXTS)
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]
    monkeypatch.setattr("regraft.backbones.word_vectors.convert", None)
    np.testing.assert_array_equal(find_vectors(glove, folder).vectors(TEXTS), first)


def test_of_words_that_are_there_twice_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "twice.txt").write_text("a 1 0 0\nb 0 1 0\na 0 0 1\n")
    values = find_vectors(tmp_path / "twice.txt").vectors(["a", "b a"])
    assert abs(values[0, 0]) > 0
    assert values[:, 2] == pytest.approx(values[:, 2].mean()) or values[0, 2] < values[0, 0]


def test_a_bundle_holds_all_of_it(glove: Path) -> None:
    backbone = find_vectors(glove)
    content = backbone.held()
    record = {
        "name": backbone.name,
        "feature_dim": 4,
        "parameters": backbone.parameters,
        "preprocessing": backbone.preprocessing.to_dict(),
    }
    again = from_held(HeldWeights("0" * 64, lambda: content, "file glove.txt", "not stated", False), record)
    np.testing.assert_array_equal(again.vectors(TEXTS), backbone.vectors(TEXTS))
    assert again.held() == content
    assert (again.name, again.modality, again.feature_dim) == (backbone.name, "text", 4)


def test_a_bundle_that_lies_is_refused(glove: Path) -> None:
    from safetensors.numpy import load, save

    content = find_vectors(glove).held()
    parts = load(content)
    record = {"name": "x", "feature_dim": 4, "parameters": 0.0, "preprocessing": {"smoothing": 1e-3, "common": True}}
    for change in (
        {"vectors": parts["vectors"][:, :3]},
        {"vectors": parts["vectors"][:5]},
        {"words": parts["words"].astype(np.int64)},
        {"counts": np.ones(3, np.int64)},
        {"ngrams": np.ones((5, 4), np.float32)},
        {"ngrams": np.ones((5, 3), np.float32), "lengths": np.array([3, 6])},
        {"ngrams": np.ones((5, 4), np.float32), "lengths": np.array([0, 6])},
    ):
        lying = save({**parts, **{name: np.ascontiguousarray(part) for name, part in change.items()}})
        backbone = from_held(HeldWeights("0" * 64, lambda lying=lying: lying, "x", "x", False), record)
        with pytest.raises(WeightsError, match=r"must be whole, but held.safetensors has others"):
            backbone.vectors(["good"])
    for wrong in ({"smoothing": 0.0, "common": True}, {"smoothing": "much", "common": True}):
        with pytest.raises((ValueError, TypeError), match="preprocessing"):
            from_held(HeldWeights("0", lambda: content, "x", "x", False), {**record, "preprocessing": wrong})


def test_gensims_own_files_are_read(trained: tuple[Path, object]) -> None:
    folder, _ = trained
    binary, text = (find_vectors(folder / name).vectors(TEXTS) for name in ("words.bin", "model.vec"))
    np.testing.assert_allclose(binary, text, atol=1e-6)
    assert np.linalg.norm(binary[0]) > 0


def test_fasttext_makes_unknown_words_from_their_parts(trained: tuple[Path, object]) -> None:
    folder, model = trained
    backbone = find_vectors(folder / "model.bin")
    assert backbone.parameters == round((len(model.wv) + 200) * 8 / 1e6, 2)
    plain = find_vectors(folder / "model.vec")
    assert not plain.vectors(["goodness"]).any()
    made = backbone.vectors(["goodness"])[0]
    own = model.wv["goodness"]
    # But for the common direction, and its weight as of the rarest word, it is fastText's own vector.
    common = _common(model)
    rarest = 1e-3 / (1e-3 + _shares(model).min())
    np.testing.assert_allclose(made, rarest * (own - common * (common @ own)), atol=1e-6)
    assert "made from their parts, such as goodness" in backbone.note(["goodness"])
    assert backbone.out_of_vocabulary(["goodness"]) == 1


def test_fasttext_counts_its_words(trained: tuple[Path, object]) -> None:
    folder, model = trained
    share = _shares(model)
    row = model.wv.key_to_index["film"]
    own, common = model.wv.vectors[row], _common(model)
    expected = 1e-3 / (1e-3 + share[row]) * (own - common * (common @ own))
    np.testing.assert_allclose(find_vectors(folder / "model.bin").vectors(["film"])[0], expected, atol=1e-6)


def _shares(model) -> np.ndarray:
    counts = np.array([model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key], np.float64)
    return counts / counts.sum()


def _common(model) -> np.ndarray:
    share = _shares(model)
    direction = (share * 1e-3 / (1e-3 + share)) @ model.wv.vectors
    return direction / np.linalg.norm(direction)
