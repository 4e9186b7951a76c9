"""What the page says of an audit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regraft.auditing.findings import Audit, Classes, Cue, Group, Leak, Order, Suspect
from regraft.data.dataset import Skipped
from regraft.serving.page.findings import findings, looked_for

IDS = [f"id-{i}" for i in range(80)]

SOUND = Audit(
    n=80,
    duplicates=(),
    leaks=(),
    label_errors=(),
    unreadable=(),
    shortcuts=(Cue("border", 0.5, (0.4, 0.6), 0.5, {}, False),),
    order=Order(),
    classes=Classes({"cats": 40, "dogs": 40}, {}, 1.0, (), {}),
)


def told(**changes: object) -> str:
    """Return the only finding's words."""
    (finding,) = findings(replace(SOUND, **changes), IDS)  # type: ignore[arg-type]
    return f"{finding['title']}. {finding['text']}"


def test_sound_photos_have_nothing_to_mend() -> None:
    assert findings(SOUND, IDS) == []
    assert [item["found"] for item in looked_for(SOUND)] == [False] * 4
    assert [item["text"] for item in looked_for(SOUND)] == ["none", "none", "nothing", "none"]


def test_copies_are_shown_without_the_one_to_keep() -> None:
    group = Group("exact", (3, 7, 9), ("cats/a.jpg", "cats/b.jpg", "cats/c.jpg"), ("cats",) * 3)
    audit = replace(SOUND, duplicates=(group,))
    (finding,) = findings(audit, IDS)
    assert finding["title"] == "2 photos are there twice"
    assert [picture["id"] for picture in finding["pictures"]] == ["id-7", "id-9"]
    assert finding["pictures"][0]["note"] == "the same as cats/a.jpg"
    assert looked_for(audit)[0] == {"name": "Copies", "text": "2 photos", "found": True}


def test_a_photo_in_two_classes_shows_both() -> None:
    group = Group("near", (3, 47), ("cats/a.jpg", "dogs/b.jpg"), ("cats", "dogs"))
    (finding,) = findings(replace(SOUND, duplicates=(group,)), IDS)
    assert finding["title"] == "One photo is in two classes"
    assert [(p["id"], p["label"]) for p in finding["pictures"]] == [("id-3", "cats"), ("id-47", "dogs")]


@pytest.mark.parametrize(("count", "words"), [(1, "1 photo may be"), (4, "4 photos of 80 look as if")])
def test_suspects_say_where_they_may_belong(count: int, words: str) -> None:
    suspects = tuple(Suspect(i, f"cats/{i}.jpg", "cats", "dogs", 0.9, 0.05, True) for i in range(count))
    (finding,) = findings(replace(SOUND, label_errors=suspects), IDS)
    assert words in finding["title"]
    assert finding["pictures"][0]["suggested"] == "dogs"
    assert finding["pictures"][0]["note"] == "looks like dogs"


def test_the_other_findings_have_words() -> None:
    cue = Cue("file size", 0.9, (0.8, 0.95), 0.5, {}, True)
    assert "The file size gives the classes away" in told(shortcuts=(cue,))
    assert "names 90% of the photos rightly, where guessing names 50%" in told(shortcuts=(cue,))
    assert "related" in told(order=Order(random=0.9, blocks=0.6, related=True))
    assert "Left out: a.jpg (broken)" in told(unreadable=(Skipped("a.jpg", "broken"),))
    leak = Leak("exact", "test", 1, 2, "test/a.jpg", "train/b.jpg", "cats", "cats")
    assert "also among those to learn from" in told(leaks=(leak,))
    tiny = Classes({"cats": 40, "dogs": 3}, {}, 13.0, ("dogs",), {})
    assert "Very few photos of dogs" in told(classes=tiny)
    uneven = Classes({"cats": 70, "dogs": 6}, {}, 11.7, (), {})
    assert "dogs has 6 photos, another 70" in told(classes=uneven)
    missing = Classes({"cats": 40, "dogs": 40}, {"train": 60, "test": 20}, 1.0, (), {"test": ("dogs",)})
    assert "No photo to test on of dogs" in told(classes=missing)


def test_what_cannot_be_judged_is_not_called_sound() -> None:
    audit = replace(SOUND, shortcuts=(), notes=("Labels cannot be judged: too few.",))
    assert [item["text"] for item in looked_for(audit)][1:3] == ["cannot be judged yet", "cannot be judged yet"]


def test_the_most_serious_comes_first() -> None:
    group = Group("exact", (3, 7), ("a.jpg", "b.jpg"), ("cats", "cats"))
    other = Group("exact", (4, 50), ("c.jpg", "d.jpg"), ("cats", "dogs"))
    titles = [finding["title"] for finding in findings(replace(SOUND, duplicates=(group, other)), IDS)]
    assert titles == ["One photo is in two classes", "1 photo is there twice"]
