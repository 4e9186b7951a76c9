"""An audit for someone who only sees the page: each finding with its pictures, and what can be done here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regraft.auditing.findings import Audit, Cue
from regraft.auditing.wording import ERRORS_WORTH_SAYING, EVERYTHING, UNEVEN

PICTURES = 12
"""Of one finding on the page; the full report has more."""


def findings(audit: Audit, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was found, most serious first, as plain values for JSON; nothing for sound photos.

    Parameters
    ----------
    audit : Audit
    ids : sequence of str
        The page's id of each photo of the audited data set.

    Returns
    -------
    list of dict
        `title`, `text`, and `pictures` of `id`, `name`, `label`, `note` and `suggested`, the class that it looks like.
    """
    told = [
        *_leaks(audit, ids),
        *_contradictions(audit, ids),
        *_shortcuts(audit),
        *_order(audit),
        *_labels(audit, ids),
        *_unreadable(audit),
        *_copies(audit, ids),
        *_classes(audit),
    ]
    return [{"pictures": [], **finding} for finding in told]


def looked_for(audit: Audit) -> list[dict[str, Any]]:
    """Return what was looked for and how much of it is there, for JSON: `name`, `text`, and `found`, whether any."""
    surplus, likely, bad = audit.superfluous, len(audit.likely_errors), len(audit.unreadable)
    cues = [cue.name for cue in audit.shortcuts if cue.found and cue.name != EVERYTHING]
    judged = not any(note.startswith("Labels") for note in audit.notes)
    return [
        {"name": "Copies", "text": _photos(surplus) if surplus else "none", "found": surplus > 0},
        {
            "name": "Perhaps in the wrong class",
            "text": (_photos(likely) if likely else "none") if judged else "cannot be judged yet",
            "found": likely > 0,
        },
        {
            "name": "What gives classes away",
            "text": (", ".join(cues) or "nothing") if audit.shortcuts else "cannot be judged yet",
            "found": bool(cues),
        },
        {"name": "Cannot be used", "text": _files(bad) if bad else "none", "found": bad > 0},
    ]


def _leaks(audit: Audit, ids: Sequence[str]) -> list[dict[str, Any]]:
    if not audit.leaks:
        return []
    pictures = [
        _picture(ids, leak.position, leak.name, leak.label, f"the same as {leak.copy_name}")
        for leak in audit.leaks[:PICTURES]
    ]
    return [
        {
            "title": f"{_photos(len(audit.leaks))} to test on {_is(len(audit.leaks))} also among those to learn from",
            "text": "The result will look better than it is. Take the copies out of the test folder.",
            "pictures": pictures,
        }
    ]


def _contradictions(audit: Audit, ids: Sequence[str]) -> list[dict[str, Any]]:
    groups = [group for group in audit.duplicates if group.contradicts]
    if not groups:
        return []
    pictures = [
        _picture(ids, position, name, label)
        for group in groups
        for position, name, label in zip(group.positions, group.names, group.labels, strict=True)
    ]
    one = len(groups) == 1
    return [
        {
            "title": "One photo is in two classes" if one else f"{len(groups):,} photos are in two classes each",
            "text": "It cannot be both: remove it from the class where it does not belong.",
            "pictures": pictures[:PICTURES],
        }
    ]


def _shortcuts(audit: Audit) -> list[dict[str, Any]]:
    found = [cue for cue in audit.shortcuts if cue.found]
    single = [cue for cue in found if cue.name != EVERYTHING] or found
    if not single:
        return []
    best = max(single, key=lambda cue: cue.accuracy)
    return [
        {
            "title": f"{_named(best)} gives the classes away",
            "text": f"Without a look at the subject, that names {best.accuracy:.0%} of the photos rightly, where "
            f"guessing names {best.guess:.0%}; the classifier may learn that instead. Take the photos of all classes "
            "in the same way: same camera, same size, same background.",
        }
    ]


def _named(cue: Cue) -> str:
    return "How the photos were made" if cue.name == EVERYTHING else f"The {cue.name}"


def _order(audit: Audit) -> list[dict[str, Any]]:
    if not audit.order.related:
        return []
    return [
        {
            "title": "Neighbouring photos are related",
            "text": "They may be of one thing, or one after the other. New things will be named less well than the "
            "test says; add photos of other things and other days.",
        }
    ]


def _labels(audit: Audit, ids: Sequence[str]) -> list[dict[str, Any]]:
    likely = audit.likely_errors
    if not likely:
        return []
    pictures = [
        {**_picture(ids, s.position, s.name, s.label, f"looks like {s.suggested}"), "suggested": s.suggested}
        for s in likely[:PICTURES]
    ]
    few = len(likely) < ERRORS_WORTH_SAYING * audit.n
    what = "may be in the wrong class" if few else f"of {audit.n:,} look as if they were in the wrong class"
    return [
        {
            "title": f"{_photos(len(likely))} {what}",
            "text": "Look at them: some may just be hard to tell. Move those that are wrong, or remove them.",
            "pictures": pictures,
        }
    ]


def _unreadable(audit: Audit) -> list[dict[str, Any]]:
    bad = audit.unreadable
    if not bad:
        return []
    listed = "; ".join(f"{skipped.name} ({skipped.reason})" for skipped in bad[:5])
    more = f"; and {len(bad) - 5:,} more" if len(bad) > 5 else ""
    return [{"title": f"{_files(len(bad))} cannot be used", "text": f"Left out: {listed}{more}."}]


def _copies(audit: Audit, ids: Sequence[str]) -> list[dict[str, Any]]:
    groups = [group for group in audit.duplicates if not group.contradicts]
    if not groups:
        return []
    surplus = sum(len(group.positions) - 1 for group in groups)
    pictures = [
        _picture(ids, group.positions[i], group.names[i], group.labels[i], f"the same as {group.names[0]}")
        for group in groups
        for i in range(1, len(group.positions))
    ]
    return [
        {
            "title": f"{_photos(surplus)} {_is(surplus)} there twice",
            "text": "A copy teaches nothing, and flatters the test if it ends up there. Keep one of each.",
            "pictures": pictures[:PICTURES],
        }
    ]


def _classes(audit: Audit) -> list[dict[str, Any]]:
    classes, told = audit.classes, []
    for part, names in classes.missing.items():
        called = {"train": "learn from", "val": "choose by", "test": "test on"}[part]
        told.append(
            {"title": f"No photo to {called} of {', '.join(names[:5])}", "text": "Add some to that part of the folder."}
        )
    if classes.tiny:
        told.append(
            {
                "title": f"Very few photos of {', '.join(classes.tiny[:5])}",
                "text": "With fewer than 5 of a class, the result is little more than a try. 20 are a good start.",
            }
        )
    elif classes.ratio is not None and classes.ratio >= UNEVEN:
        least = min(classes.counts, key=lambda name: classes.counts[name])
        told.append(
            {
                "title": f"The classes are very uneven: {least} has {classes.counts[least]:,} photos, another "
                f"{max(classes.counts.values()):,}",
                "text": f"Judge by how {least} does, not by the accuracy of all; better still, add photos of it.",
            }
        )
    return told


def _picture(ids: Sequence[str], position: int, name: str, label: str, note: str = "") -> dict[str, Any]:
    return {"id": ids[position], "name": name, "label": label, "note": note, "suggested": None}


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
