"""Findings as JSON, and as sentences in the order of how serious they are."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from regraft.auditing.findings import Audit, Classes, Cue, Group, Leak, Order, Suspect
from regraft.data.dataset import Skipped

KEYS = {"duplicates", "leaks", "label_errors", "unreadable", "shortcuts", "order", "classes", "n", "notes", "seconds"}

EVEN = Classes({"cat": 100, "dog": 100}, {"train": 160, "test": 40}, 1.0, (), {})
SOUND = Audit(200, (), (), (), (), (), Order(0.9, (0.85, 0.93), 0.9, (0.85, 0.93), 0.0, (-0.02, 0.02), n=200), EVEN)


def copies(count: int, kind: str = "exact", labels: tuple[str, ...] | None = None) -> Group:
    positions = tuple(range(count))
    return Group(kind, positions, tuple(f"{i}.png" for i in positions), labels or ("cat",) * count)


def leak(kind: str = "exact", part: str = "test") -> Leak:
    return Leak(kind, part, 180, 3, "test/a.png", "train/b.png", "cat", "cat")


def suspect(i: int = 0, likely: bool = True) -> Suspect:
    return Suspect(i, f"{i}.png", "cat", "dog", 0.97, 0.01, likely)


def cue(name: str = "border", found: bool = True, accuracy: float = 0.9, **given: float) -> Cue:
    return Cue(name, accuracy, (accuracy - 0.05, accuracy + 0.05), 0.5, given, found)


RELATED = Order(0.85, (0.83, 0.87), 0.8, (0.78, 0.82), 0.05, (0.03, 0.07), True, 1000)


def test_sound_data_say_nothing() -> None:
    assert SOUND.sentences() == []
    weak = replace(SOUND, shortcuts=(cue(found=False),), label_errors=(suspect(likely=False),) * 30)
    assert weak.sentences() == []


def test_one_superfluous_copy_in_a_thousand_is_no_matter() -> None:
    large = replace(SOUND, n=1000, duplicates=(copies(2),))
    assert large.sentences() == []
    assert len(replace(large, n=100).sentences()) == 1


def test_most_serious_first() -> None:
    everything = replace(
        SOUND,
        duplicates=(copies(5), copies(2, labels=("cat", "dog"))),
        leaks=(leak(),),
        label_errors=tuple(suspect(i) for i in range(20)),
        unreadable=(Skipped("x.jpg", "empty (0 bytes)"),),
        shortcuts=(cue(dog=1.0),),
        order=RELATED,
        classes=replace(EVEN, tiny=("owl",)),
    )
    words = ("also in the training part", "different labels", "Border alone", "Neighbouring", "labels (10%)", "x.jpg")
    words += ("are copies of others", "fewer than 5 images")
    said = everything.sentences()
    assert len(said) == len(words)
    for sentence, part in zip(said, words, strict=True):
        assert part in sentence
        assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"leaks": (leak(),)},
            "1 of the 40 test images (2.5%) is also in the training part (byte for byte), so the test figures flatter: "
            "take the copies out, as audit --fix-out does.",
        ),
        (
            {"leaks": (leak(), leak("near"), leak("near"))},
            "3 of the 40 test images (7.5%) are also in the training part (1 of them byte for byte), so the test "
            "figures flatter: take the copies out, as audit --fix-out does.",
        ),
        (
            {"duplicates": (copies(2, "near", ("cat", "dog")),), "n": 1000},
            "1 picture looks the same as another, with different labels, such as 0.png (cat) and 1.png (dog): decide "
            "which label is right.",
        ),
        (
            {"shortcuts": (cue(dog=0.8, cat=0.5), cue("file size"), cue("all of these", accuracy=0.99))},
            "Border alone gives away 80% of the class dog (and much of 1 other) and names 90% of the images rightly "
            "where guessing names 50% (so does file size), without a look at the subject: unless it is what the "
            "classes are about, take the images of all classes in the same way, or the classifier learns that.",
        ),
        (
            {"shortcuts": (cue("all of these"),)},
            "File size, shape, colour and border together name 90% of the images rightly where guessing names 50%, "
            "without a look at the subject: unless it is what the classes are about, take the images of all classes in "
            "the same way, or the classifier learns that.",
        ),
        (
            {"order": RELATED},
            "Neighbouring examples are related: a linear probe is right for 85.0% on random folds and for 80.0% on "
            "folds of consecutive examples, so a random split flatters; use --split blocks unless the "
            "split is your own, or --group-column if you know what belongs together.",
        ),
        (
            {"label_errors": tuple(suspect(i) for i in range(8))},
            "About 8 of 200 labels (4.0%) look wrong, first of all 0.png, labelled cat, which looks like dog: look "
            "through the suspects and mend what is wrong.",
        ),
        (
            {"unreadable": (Skipped("x.jpg", "empty (0 bytes)"),)},
            "1 of 201 images cannot be used, such as x.jpg (empty (0 bytes)): mend or remove them.",
        ),
        (
            {"duplicates": (copies(5), copies(3, "near"))},
            "6 of 200 images (3.0%) are copies of others (4 of them byte for byte): keep one of each, as audit "
            "--fix-out does, or they end up on both sides of a split.",
        ),
        (
            {"duplicates": (copies(200),)},
            "All 200 images are copies of one picture, so nothing can be learnt: add others.",
        ),
        (
            {"classes": Classes({"cat": 9}, {}, None, (), {})},
            "There is only one class, cat, so there is nothing to tell apart: add images of another class.",
        ),
        (
            {"classes": replace(EVEN, missing={"test": ("dog",)})},
            "The test part has no image of dog: nothing is measured of it; add some.",
        ),
        (
            {"classes": replace(EVEN, missing={"train": ("a", "b", "c", "d", "e")})},
            "The training part has no image of a, b, c and 2 more: nothing can be learnt of it; add some.",
        ),
        (
            {"classes": replace(EVEN, counts={"cat": 120, "dog": 10}, ratio=12.0)},
            "The largest class has 12 times as many images as the smallest (dog, 10): judge by the balanced accuracy "
            "and by each class, not by the accuracy.",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_finding_in_words(changes, said: str) -> None:
    assert replace(SOUND, **changes).sentences() == [said]


def test_a_leak_into_the_validation_part() -> None:
    parts = {"train": 160, "val": 20, "test": 20}
    [said] = replace(SOUND, leaks=(leak("near", "val"),), classes=replace(EVEN, parts=parts)).sentences()
    assert said.startswith("1 of the 20 validation images (5.0%) is also in the training part (saved anew or alike)")


def test_json_has_the_keys_and_plain_values() -> None:
    full = replace(
        SOUND,
        duplicates=(copies(2, labels=("cat", "dog")),),
        leaks=(leak(),),
        label_errors=(suspect(),),
        unreadable=(Skipped("x.jpg", "empty (0 bytes)"),),
        shortcuts=(cue(dog=1.0), cue("file size", found=False)),
        notes=("A note.",),
    ).timed(1.5)
    plain = json.loads(json.dumps(full.to_dict(), allow_nan=False))
    assert set(plain) == KEYS
    assert plain["duplicates"][0] == {
        "kind": "exact",
        "images": ["0.png", "1.png"],
        "labels": ["cat", "dog"],
        "positions": [0, 1],
        "contradicts": True,
    }
    assert plain["leaks"][0]["train_image"] == "train/b.png"
    assert plain["label_errors"][0] == {
        "image": "0.png",
        "label": "cat",
        "suggested": "dog",
        "probability": 0.97,
        "label_probability": 0.01,
        "likely": True,
        "position": 0,
    }
    assert plain["unreadable"] == [{"image": "x.jpg", "reason": "empty (0 bytes)"}]
    assert [entry["name"] for entry in plain["shortcuts"]] == ["border"]
    assert plain["order"]["gap_ci95"] == [-0.02, 0.02]
    assert plain["classes"]["parts"] == {"train": 160, "test": 40}
    assert (plain["seconds"], plain["notes"], plain["n"]) == (1.5, ["A note."], 200)


def test_what_is_undefined_is_none_with_a_reason() -> None:
    plain = replace(SOUND, order=Order(n=3, reason="too few"), classes=Classes({"cat": 3}, {}, None, (), {})).to_dict()
    assert plain["order"]["random"] is None
    assert plain["order"]["reason"] == "too few"
    assert plain["classes"]["ratio"] is None
