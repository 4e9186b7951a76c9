"""The record of changes, and the card that tells of them."""

from __future__ import annotations

from regraft.growing.history import CHANGES, noted, recorded

LEARNT = {"change": "learnt", "class": "a\nb", "images": 3, "taken": 1, "compared": 90}


def test_changes_are_recorded_one_after_the_other() -> None:
    info = {"data": "x"}
    twice = recorded(recorded(info, LEARNT), {"change": "forgot", "class": "c"})
    assert info == {"data": "x"}
    assert [change["change"] for change in twice[CHANGES]] == ["learnt", "forgot"]
    assert all(change["created"] and change["version"] for change in twice[CHANGES])


def test_a_card_without_metadata_or_title_is_noted_too() -> None:
    info = recorded({}, LEARNT)
    for card in ("plain", "# Title\n\nplain", "---\nlicense: mit\n---\n\n# Title\n\nplain"):
        once = noted(card, info, ["x"])
        assert once.index("`a b` was learnt from 3 images; 1 of 90 remembered") < once.index("plain")
        assert noted(once, info, ["x"]) == once
    assert noted("", info, ["x"]) == ""


def test_only_figures_leave_the_metadata() -> None:
    card = (
        "---\nlicense: mit\nmetrics:\n- accuracy\ntags:\n- one\nmodel-index:\n- name: x\n  results: []\n---\n\n# T\n\n"
    )
    assert noted(card, {}, ["x"]).startswith("---\nlicense: mit\ntags:\n- one\n---\n\n# T\n\n## Changed since")
