"""A folder in which every command of the pages finds what it names, each thing as small as it can be."""

from __future__ import annotations

import csv
import shutil
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FLOWERS = ("daisy", "rose", "tulip")
LOOKS = {"daisy": "blue", "rose": "red", "tulip": "green"}
REVIEWS = {
    "good": ("works well", "I love it", "a fine lamp", "very pleased", "would buy it again", "lasts for years"),
    "bad": ("it broke", "a waste of money", "arrived damaged", "never again", "stopped after a week", "I sent it back"),
}

ENDS = ("", " so far", " for me", ", as I said")


def write_table(path: str, header: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def tone(path: Path, pitch: float, seed: int) -> None:
    """Write half a second of a noisy tone."""
    rate = 8000
    time = np.arange(rate // 2) / rate
    samples = np.sin(2 * np.pi * pitch * time) + np.random.default_rng(seed).normal(0, 0.2, len(time))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 12000).astype("<i2").tobytes())


def images(draw_classes: Callable[..., Path]) -> None:
    """Make folders and tables of images."""
    drawn = draw_classes(Path("drawn"), count=20)
    for name in FLOWERS:
        shutil.copytree(drawn / LOOKS[name], Path("flowers") / name)
    files = [(name, path) for name in FLOWERS for path in sorted((Path("flowers") / name).iterdir())]
    for folder in ("photos", "pile", "flat"):
        Path(folder).mkdir()
    for number, (name, path) in enumerate(files):
        shutil.copyfile(path, f"photos/p{number}.jpg")
        shutil.copyfile(path, f"pile/{number}.jpg")
        shutil.copyfile(path, f"flat/{name}_{number}.jpg")
    for number, name in enumerate(("a.jpg", "rose.jpg", "v1.jpg", "v2.jpg", "v3.jpg")):
        shutil.copyfile(f"photos/p{20 + number}.jpg", name)
    write_table("flowers.csv", ("file", "kind"), ((f"p{i}", name) for i, (name, _) in enumerate(files)))
    rows = [(f"photos/p{i}.jpg", name, f"patient {i // 2}") for i, (name, _) in enumerate(files)]
    write_table("patients.csv", ("image", "label", "patient"), rows)
    parts = ("train", "test", "train", "val", "test")
    several = [(f"photos/p{i}.jpg", name, 1 + i % 3, parts[i % 5]) for i, (name, _) in enumerate(files)]
    write_table("photos.csv", ("image", "breed", "size", "split"), several)
    Path("birds.txt").write_text(
        "kingfisher: a small blue bird with a long beak at a river\n"
        "owl: a large round head with a flat face and big eyes\n"
    )


def domains() -> None:
    """Make two cameras that have seen the same classes, and which of their images show one thing."""
    for camera in ("day", "night"):
        for name in FLOWERS:
            shutil.copytree(Path("flowers") / name, Path("cameras") / camera / name)
    for path in sorted(Path("cameras/night").rglob("*.jpg")):
        path.rename(path.with_name(f"night-{path.name}"))
    pairs = []
    for camera in ("day", "night"):
        for folder in sorted((Path("cameras") / camera).iterdir()):
            files = sorted(f"{camera}/{folder.name}/{path.name}" for path in folder.iterdir())
            pairs += list(zip(files[::2], files[1::2], strict=True))
    write_table("same_object.csv", ("source", "target"), pairs)


def texts_and_sounds() -> None:
    """Make a table of reviews, a file of word vectors, and recordings of two words."""
    said = [(f"{text}{end}", name) for end in ENDS for name, all_ in REVIEWS.items() for text in all_]
    split = ("test" if number % 4 else "train" for number in range(len(said)))
    write_table(
        "reviews.csv", ("text", "label", "split"), ((*each, part) for each, part in zip(said, split, strict=True))
    )
    words = sorted({word.lower() for all_ in REVIEWS.values() for text in all_ for word in text.split()})
    rng = np.random.default_rng(0)
    lines = [" ".join([word, *(f"{value:.3f}" for value in rng.normal(size=8))]) for word in words]
    Path("glove.6B.300d.txt").write_text("\n".join(lines) + "\n")
    rows = []
    for name, pitch in (("yes", 400.0), ("no", 1500.0)):
        for number in range(16):
            path = Path("words") / name / f"{number}.wav"
            tone(path, pitch, number)
            rows.append((path.as_posix(), name, f"speaker {number % 4}"))
    write_table("words.csv", ("file", "label", "speaker"), rows)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Path:
    """Return the folder of all that pages name; nothing may change it."""
    import regraft

    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        images(draw_classes)
        domains()
        texts_and_sounds()
        regraft.fit("flowers", backbone="tf_efficientnet_lite0", head="logistic").classifier.save("flowers.regraft")
        regraft.fit("reviews.csv", backbone="glove.6B.300d.txt").classifier.save("reviews.regraft")
    return folder


@pytest.fixture
def playground(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy of that folder, which may be changed."""
    shutil.copytree(prepared, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"
