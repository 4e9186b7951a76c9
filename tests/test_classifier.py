"""What a user keeps: the same answers whichever way it is asked, saved or not, and nothing strange accepted."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import regraft
from regraft.backbones.lookup import get_backbones
from regraft.classifier import Classifier
from regraft.errors import BundleError, DataError, UsageError, WeightsError
from regraft.evaluation.calibration import Calibration
from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.growing import grow
from regraft.evidence.memory import Memory
from regraft.heads import HEADS, build_head
from regraft.persistence import Bundle, packed, write_bundle


@pytest.fixture
def classifier(fitted: Any) -> Classifier:
    return fitted.classifier


@pytest.fixture
def files(colours: Path) -> list[Path]:
    return sorted(colours.rglob("*.jpg"))


@cache
def made_up(head: str) -> Classifier:
    """Return a classifier of three classes whose head was fitted on made-up features (n, 8)."""
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    X = rng.normal(size=(30, 8)).astype(np.float32) + y[:, None]
    settings = {"units": (4,), "epochs": 2} if head == "mlp" else {}
    tensors, learnt = build_head(head, **settings).fit(X, y).state()
    backbones = get_backbones("tf_efficientnet_lite0")
    return Classifier(("a", "b", "c"), backbones, ("f32",), (8,), head, tensors, learnt, {"data": "made up"})


# --- asking -------------------------------------------------------------------------------------


def test_all_ways_of_asking_agree_exactly(
    classifier: Classifier, saved: Path, colours: Path, files: list[Path], fitted: Any
) -> None:
    loaded = Classifier.load(saved)
    assert loaded.classes == classifier.classes == fitted.dataset.class_names == ("blue", "green", "red")
    expected = classifier.predict_proba(files)
    assert expected.shape == (18, 3)
    np.testing.assert_array_equal(loaded.predict_proba(files), expected)
    np.testing.assert_array_equal(loaded.predict_proba(colours), expected)
    np.testing.assert_array_equal(regraft.evaluate(loaded, colours).probabilities, expected)
    for asked in (classifier.predict(files), loaded.predict(files), loaded.predict(colours)):
        rows = [[prediction.probabilities[name] for name in loaded.classes] for prediction in asked]
        np.testing.assert_array_equal(np.array(rows), expected)
        assert [p.label for p in asked] == [loaded.classes[i] for i in expected.argmax(axis=1)]
        assert [p.label for p in asked] == [file.parent.name for file in files]
        assert [p.confidence for p in asked] == expected.max(axis=1).tolist()


def test_files_folders_bytes_and_arrays_are_the_same_images(
    classifier: Classifier, colours: Path, files: list[Path]
) -> None:
    file = files[0]
    pixels = np.asarray(Image.open(file).convert("RGB"))
    found = classifier.predict([file, str(file), file.read_bytes(), pixels, colours / "red"])
    assert [p.label for p in found[:4]] == ["blue"] * 4
    assert len({p.confidence for p in found[:3]}) == 1
    assert [p.name for p in found[:4]] == [str(file), str(file), "image 2", "image 3"]
    assert [p.label for p in found[4:]] == ["red"] * 6
    assert [p.name for p in found[4:]] == [str(f) for f in files if f.parent.name == "red"]
    [alone] = classifier.predict(file.read_bytes())
    assert alone.probabilities == pytest.approx(found[0].probabilities, abs=1e-6)


def test_unreadable_images_are_marked_in_their_place(classifier: Classifier, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    found = classifier.predict([tmp_path / "empty.jpg", files[0], b"<html>", files[-1]])
    assert [p.label for p in found] == [None, "blue", None, "red"]
    assert [p.error for p in found] == ["empty (0 bytes)", None, "not an image (looks like HTML)", None]
    assert found[0].to_dict() == {
        "name": str(tmp_path / "empty.jpg"),
        "label": None,
        "confidence": None,
        "probabilities": {},
        "unfamiliar": None,
        "error": "empty (0 bytes)",
    }
    assert [p.label for p in classifier.predict([b"", b"x"])] == [None, None]
    with pytest.raises(DataError, match=r"Every example must be readable, but 2 are not \(.*empty\.jpg: empty \(0 byt"):
        classifier.predict_proba([tmp_path / "empty.jpg", b"", files[0]])


def test_progress_is_told(classifier: Classifier, files: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    classifier.predict(files[:3], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_of_equally_probable_classes_the_first_is_named(classifier: Classifier) -> None:
    found = classifier._prediction("a", np.array([0.2, 0.4, 0.4]))
    assert (found.label, list(found.probabilities)) == ("green", ["green", "red", "blue"])


def test_features_of_another_length_are_told(classifier: Classifier, files: list[Path]) -> None:
    with pytest.raises(BundleError, match=r"lengths \(8,\), but its backbones give \(1280,\); fit anew"):
        made_up("logistic").predict(files[:1])


# --- saving and loading -------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
def test_every_head_comes_back_as_it_was(tmp_path: Path, head: str) -> None:
    classifier = made_up(head)
    classifier.save(tmp_path / "m.regraft")
    loaded = Classifier.load(tmp_path / "m.regraft")
    for name in ("classes", "backbones", "precisions", "widths", "head", "settings", "info"):
        assert getattr(loaded, name) == getattr(classifier, name)
    X = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
    np.testing.assert_array_equal(loaded.score(X), classifier.score(X))
    loaded.save(tmp_path / "again.regraft")
    assert Bundle(tmp_path / "again.regraft").manifest == Bundle(tmp_path / "m.regraft").manifest


def test_predicting_with_a_saved_classifier_loads_neither_torch_nor_scikit_learn(saved: Path, colours: Path) -> None:
    code = (
        "import sys, regraft\n"
        f"[found] = regraft.Classifier.load({str(saved)!r}).predict([{str(colours / 'red' / 'red-0-0.jpg')!r}])\n"
        "heavy = {'torch', 'timm', 'torchvision', 'sklearn', 'scipy', 'pyarrow', 'h5py', 'pandas', 'matplotlib'}\n"
        "print(found.label, *sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["red"]


def test_weights_that_no_one_else_has_are_held(tmp_path: Path) -> None:
    [drawn] = get_backbones("lcnet_035", weights="none")
    state = {name: tensor.numpy() for name, tensor in drawn.build().state_dict().items()}
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(packed(state))
    [own] = get_backbones("lcnet_035", weights=weights)
    for backbone, source in ((own, "file own.safetensors"), (drawn, "none (random weights)")):
        replace(made_up("logistic"), backbones=(backbone,)).save(tmp_path / "m.regraft")
        weights.unlink(missing_ok=True)
        loaded = Classifier.load(tmp_path / "m.regraft")
        held = loaded.backbones[0].weights
        assert (held.source, held.random, held.portable) == (source, backbone is drawn, False)
        for name, tensor in loaded.backbones[0].build().state_dict().items():
            np.testing.assert_array_equal(tensor.numpy(), state[name])
        loaded.save(tmp_path / "again.regraft")
        assert Bundle(tmp_path / "again.regraft").manifest == Bundle(tmp_path / "m.regraft").manifest


# --- refusing -----------------------------------------------------------------------------------


def saved_with(path: Path, classifier: Classifier, change: Callable[[dict[str, Any], dict[str, np.ndarray]], Any]):
    """Save a classifier after a change to its manifest or its head's arrays, its hashes being right."""
    classifier.save(path)
    manifest, tensors = Bundle(path).manifest, Bundle(path).tensors("head")
    tensors = {name: array.copy() for name, array in tensors.items()}
    change(manifest, tensors)
    manifest.pop("files", None)
    write_bundle(path, manifest, {"head": tensors})
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest, tensors: manifest.pop("classes"),
        lambda manifest, tensors: manifest.update(classes=["a", "b"]),
        lambda manifest, tensors: manifest.update(classes=["a", "b", "b"]),
        lambda manifest, tensors: manifest.update(classes=3),
        lambda manifest, tensors: manifest.update(backbones=[]),
        lambda manifest, tensors: manifest.update(info=None),
        lambda manifest, tensors: manifest["backbones"][0].update(width=9),
        lambda manifest, tensors: manifest["backbones"][0].update(width=10**18),
        lambda manifest, tensors: manifest["backbones"][0].update(width=-8),
        lambda manifest, tensors: manifest["backbones"][0].update(parameters=10**400),
        lambda manifest, tensors: manifest["backbones"].append("another"),
        lambda manifest, tensors: manifest["head"].update(name=["logistic"]),
        lambda manifest, tensors: manifest["head"].update(settings={}),
        lambda manifest, tensors: tensors.update(coef=tensors["coef"][:2]),
        lambda manifest, tensors: tensors.update(coef=tensors["coef"][:, :7]),
        lambda manifest, tensors: tensors.update(coef=tensors["coef"] * np.nan),
        lambda manifest, tensors: tensors.update(intercept=tensors["intercept"] + np.inf),
        lambda manifest, tensors: tensors.pop("intercept"),
    ],
)
def test_malformed_parts_are_refused_in_one_sentence(tmp_path: Path, change: Any) -> None:
    path = saved_with(tmp_path / "m.regraft", made_up("logistic"), change)
    with pytest.raises(BundleError, match=r"^m\.regraft must have all the parts that FORMAT\.md names, but it lacks"):
        Classifier.load(path)


def test_an_unknown_head_is_refused(tmp_path: Path) -> None:
    path = saved_with(tmp_path / "m.regraft", made_up("logistic"), lambda m, _: m["head"].update(name="forest"))
    with pytest.raises(BundleError, match=r"one of the heads .*logistic.* but has 'forest'; install a newer regraft"):
        Classifier.load(path)


def works_or_is_refused(path: Path) -> bool:
    """Return whether a bundle loads; whatever else than a refusal it raises, the test fails."""
    try:
        classifier = Classifier.load(path)
    except (BundleError, WeightsError) as error:
        assert "\n" not in str(error)
        return False
    width = sum(classifier.widths)
    found = classifier.score(np.random.default_rng(0).normal(size=(3, width)).astype(np.float32))
    assert found.shape == (3, len(classifier.classes))
    assert np.isfinite(found).all()
    return True


@pytest.mark.parametrize("head", HEADS)
def test_no_damage_to_the_bytes_goes_unnoticed(tmp_path: Path, head: str) -> None:
    classifier = made_up(head)
    classifier.save(tmp_path / "m.regraft")
    whole = (tmp_path / "m.regraft").read_bytes()
    X = np.random.default_rng(2).normal(size=(4, 8)).astype(np.float32)
    rng = random.Random(head)
    loaded = 0
    for _ in range(100):
        damaged = bytearray(whole)
        at = rng.randrange(len(whole))
        match rng.choice(("flip", "cut", "insert", "remove", "zero")):
            case "flip":
                damaged[at] ^= 1 << rng.randrange(8)
            case "cut":
                del damaged[at:]
            case "insert":
                damaged[at:at] = rng.randbytes(rng.randrange(1, 9))
            case "remove":
                del damaged[at : at + rng.randrange(1, 9)]
            case "zero":
                damaged[at : at + 16] = bytes(len(damaged[at : at + 16]))
        path = tmp_path / "damaged.regraft"
        path.write_bytes(damaged)
        if works_or_is_refused(path):
            loaded += 1
            # What still loads was damaged where nothing is learnt: the answers are the same.
            np.testing.assert_array_equal(Classifier.load(path).score(X), classifier.score(X))
    assert loaded < 30


ODD: tuple[Any, ...] = (None, True, -1, 0, 10**30, 1e308, "", "x", "../../etc/passwd", [], [1], {}, {"a": 1}, "\ud800")


@pytest.mark.parametrize("head", HEADS)
def test_no_manifest_makes_a_traceback(tmp_path: Path, head: str) -> None:
    path = tmp_path / "m.regraft"
    made_up(head).save(path)
    with zipfile.ZipFile(path) as archive:
        text, learnt = archive.read("model.json"), archive.read("head.safetensors")
    rng = random.Random(head)
    refused = 0
    for _ in range(100):
        manifest = json.loads(text)
        places = list(_places(manifest))
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(ODD)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("model.json", json.dumps(manifest))
            archive.writestr("head.safetensors", learnt)
        path.write_bytes(content.getvalue())
        refused += not works_or_is_refused(path)
    assert refused > 30


def _places(value: Any) -> Any:
    """Yield (container, key) of everything inside a JSON value."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


# --- what it carries ------------------------------------------------------------------------------


@cache
def carrying() -> Classifier:
    """Return a made-up classifier that carries all that one can."""
    rng = np.random.default_rng(1)
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 8)).astype(np.float32) + y[:, None]
    plain = made_up("logistic")
    curve = (np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.3, 0.9]))
    calibration = Calibration("isotonic", curves=(curve, curve, curve), smoothing=0.01)
    p = calibration.apply(plain.score(X))
    return replace(
        plain,
        calibration=calibration,
        conformal=Conformal.fit(p, y),
        familiarity=OutOfDistribution.fit(X, p, widths=(8,)),
        memory=Memory.draw(X, y, p, (8,)),
        card="# A card",
    )


@cache
def grown() -> Classifier:
    """Return that classifier with a class that it learnt after its fit."""
    plain = carrying()
    assert plain.memory is not None
    new = np.random.default_rng(3).normal(size=(6, 8)).astype(np.float32) - 4
    memory = plain.memory.learnt(new, 3, plain.score(new))
    growth = grow(memory, [0.01], plain.familiarity).growth
    return replace(plain, classes=("a", "b", "c", "d"), memory=memory, growth=growth)


def test_what_it_carries_comes_back(tmp_path: Path) -> None:
    classifier = carrying()
    classifier.save(tmp_path / "m.regraft")
    loaded = Classifier.load(tmp_path / "m.regraft")
    X = np.random.default_rng(2).normal(size=(9, 8)).astype(np.float32) * 3
    rows = classifier.score(X)
    np.testing.assert_allclose(loaded.score(X), rows, rtol=1e-6)
    assert not np.allclose(rows, made_up("logistic").score(X))
    marked, expected = loaded.unfamiliar(X, rows), classifier.unfamiliar(X, rows)
    assert marked is not None and expected is not None
    assert marked.tolist() == expected.tolist()
    assert loaded.conformal is not None and classifier.conformal is not None
    assert loaded.conformal.sets(rows, 0.8).tolist() == classifier.conformal.sets(rows, 0.8).tolist()
    assert loaded.card == "# A card"


def test_learnt_classes_come_back_and_older_releases_are_told(tmp_path: Path) -> None:
    for classifier, version in ((carrying(), 2), (grown(), 3)):
        classifier.save(tmp_path / "m.regraft")
        assert Bundle(tmp_path / "m.regraft").manifest["version"] == version
        loaded = Classifier.load(tmp_path / "m.regraft")
        X = np.random.default_rng(2).normal(size=(9, 8)).astype(np.float32) * 3
        np.testing.assert_allclose(loaded.score(X), classifier.score(X), rtol=1e-6)
        assert (loaded.fitted_classes, loaded.classes) == (("a", "b", "c"), classifier.classes)
        loaded.check_coverage(0.5)
    assert grown().score(X).shape == (9, 4)
    assert grown().score_fitted(X).shape == (9, 3)


def test_a_classifier_of_an_older_release_carries_nothing(tmp_path: Path) -> None:
    made_up("logistic").save(tmp_path / "m.regraft")
    bundle = Bundle(tmp_path / "m.regraft")
    manifest = {name: value for name, value in bundle.manifest.items() if name not in ("calibration", "files")}
    write_bundle(tmp_path / "m.regraft", {**manifest, "version": 1}, {"head": bundle.tensors("head")})
    loaded = Classifier.load(tmp_path / "m.regraft")
    assert (loaded.conformal, loaded.familiarity, loaded.card) == (None, None, "")
    with pytest.raises(UsageError, match="--coverage must have a classifier that knows how its errors are spread"):
        loaded.predict([], coverage=0.9)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("calibration", lambda settings, tensors: settings.update(smoothing=-5.0)),
        ("calibration", lambda settings, tensors: settings.update(unknown=1)),
        ("calibration", lambda settings, tensors: tensors.update(y=tensors["y"] * np.nan)),
        ("calibration", lambda settings, tensors: tensors.update(corners=np.array([3, 6], np.int64))),
        ("conformal", lambda settings, tensors: settings.update(n=10**9)),
        ("conformal", lambda settings, tensors: settings.pop("n")),
        ("familiarity", lambda settings, tensors: settings.update(widths=[3, 4])),
        ("familiarity", lambda settings, tensors: tensors.pop("mean")),
        ("familiarity", lambda settings, tensors: tensors.update(directions=tensors["directions"][:, :3])),
        ("memory", lambda settings, tensors: tensors.update(labels=tensors["labels"] + 9)),
        ("memory", lambda settings, tensors: tensors.update(said=tensors["said"][:, 1:])),
        ("memory", lambda settings, tensors: tensors.update(said=tensors["said"] * np.float16(np.nan))),
        ("memory", lambda settings, tensors: settings.update(widths=[4, 4])),
        ("growth", lambda settings, tensors: settings.update(costs=[0.1, 0.1], limits=[None, None])),
        ("growth", lambda settings, tensors: tensors.update(coef=tensors["coef"][1:])),
        ("growth", lambda settings, tensors: tensors.update(intercept=tensors["intercept"] * np.nan)),
        ("growth", lambda settings, tensors: settings.pop("limits")),
    ],
)
def test_malformed_parts_that_it_carries_are_refused(tmp_path: Path, part: str, change: Any) -> None:
    path = tmp_path / "m.regraft"
    grown().save(path)
    bundle = Bundle(path)
    manifest = bundle.manifest
    names = ("head", "calibration", "conformal", "familiarity", "memory", "growth")
    tensors = {name: {n: array.copy() for n, array in bundle.tensors(name).items()} for name in names}
    change(manifest[part], tensors[part])
    manifest.pop("files")
    write_bundle(path, manifest, tensors)
    with pytest.raises(BundleError, match=r"^m\.regraft must "):
        Classifier.load(path)


def test_sets_and_marks_of_predictions(classifier: Classifier, files: list[Path]) -> None:
    plain, covered = classifier.predict(files), classifier.predict(files, coverage=0.9)
    assert all(prediction.plausible is None for prediction in plain)
    assert all(prediction.plausible is not None for prediction in covered)
    assert sum(p.label in (p.plausible or ()) for p in covered) >= 15
    assert "plausible" in covered[0].to_dict() and "plausible" not in plain[0].to_dict()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    [strange] = classifier.predict([noise])
    assert strange.unfamiliar is True
    assert [prediction.unfamiliar for prediction in plain].count(True) <= 3
    with pytest.raises(UsageError, match=r"--coverage must be between 0 and 1, not 1\.5"):
        classifier.predict(files, coverage=1.5)
