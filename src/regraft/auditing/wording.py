"""An audit in words: one sentence for each finding, with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regraft.auditing.findings import Audit, Cue

EVERYTHING = "all of these"
"""The cue that joins all others."""

WORTH_SAYING = 0.005
"""Share of the images from which on superfluous copies are worth a sentence: flowers, for one, has 1 in 1,000."""

ERRORS_WORTH_SAYING = 0.03
"""The same for likely label errors. Without any planted ones, confident learning finds 2% in hotdog, 1.4% in flowers,
0.2% in hand signs and none in cats and dogs; with 5% flipped, 4% or more."""

UNEVEN = 10.0
"""The largest class over the smallest, from which on accuracy alone misleads."""


@dataclass(frozen=True)
class Words:
    """How the findings are told of one modality.

    Parameters
    ----------
    one : str
        What a copy is a copy of.
    alike, likeness : str
        What copies do that are not byte for byte the same, and how they came about.
    cues, without : str
        What shortcuts are looked for in, and without what they tell the classes.
    remedy : str
        What to do against shortcuts.
    """

    one: str
    alike: str
    likeness: str
    cues: str
    without: str
    remedy: str


WORDS = {
    "image": Words(
        "picture",
        "look",
        "saved anew or alike",
        "file size, shape, colour and border",
        "without a look at the subject",
        "take the images of all classes in the same way",
    ),
    "text": Words(
        "text",
        "read",
        "alike but for a few letters",
        "length, capitals, digits, punctuation and links",
        "without reading a word",
        "collect the texts of all classes in the same way",
    ),
    "audio": Words(
        "recording",
        "sound",
        "saved anew or alike",
        "file size and length",
        "without listening",
        "make the recordings of all classes in the same way",
    ),
}


def sentences(audit: Audit) -> list[str]:
    """Return what a person must hear of an audit, most serious first; nothing for sound data."""
    return [
        *_leaks(audit),
        *_contradictions(audit),
        *_shortcuts(audit),
        *_order(audit),
        *_label_errors(audit),
        *_unreadable(audit),
        *_copies(audit),
        *_classes(audit),
    ]


def _leaks(audit: Audit) -> list[str]:
    found = []
    words = WORDS[audit.modality]
    for part, called in (("test", "test"), ("val", "validation")):
        leaks = [leak for leak in audit.leaks if leak.part == part]
        if not leaks:
            continue
        exact = sum(leak.kind == "exact" for leak in leaks)
        total = audit.classes.parts[part]
        how = (
            "byte for byte" if exact == len(leaks) else f"{exact:,} of them byte for byte" if exact else words.likeness
        )
        found.append(
            f"{len(leaks):,} of the {total:,} {called} {audit.things} ({_share(len(leaks), total)}) {_are(leaks)} also "
            f"in the training part ({how}), so the {called} figures flatter: take the copies out, as audit --fix-out "
            "does."
        )
    return found


def _contradictions(audit: Audit) -> list[str]:
    groups = [group for group in audit.duplicates if group.contradicts]
    if not groups:
        return []
    names = {label: name for name, label in zip(groups[0].names, groups[0].labels, strict=True)}
    example = " and ".join(f"{name} ({label})" for label, name in list(names.items())[:2])
    words = WORDS[audit.modality]
    if any(group.kind == "exact" for group in groups):
        what = "is there several times" if len(groups) == 1 else "are there several times"
    else:
        what = f"{words.alike}s the same as another" if len(groups) == 1 else f"{words.alike} the same as others"
    return [
        f"{len(groups):,} {words.one}{'s' if len(groups) > 1 else ''} {what}, with different labels, such as "
        f"{example}: decide which label is right."
    ]


def _shortcuts(audit: Audit) -> list[str]:
    found = [cue for cue in audit.shortcuts if cue.found]
    if not found:
        return []
    # Single cues say more than all of them together.
    single = [cue for cue in found if cue.name != EVERYTHING] or found
    cue = max(single, key=lambda cue: (len(cue.gives_away) > 0, cue.accuracy, max(cue.gives_away.values(), default=0)))
    also = [other.name for other in single if other is not cue]
    more = f" (so {'does' if len(also) == 1 else 'do'} {_listed(also)})" if also else ""
    words = WORDS[audit.modality]
    return [
        f"{_what_it_tells(cue, audit)}{more}, {words.without}: unless it is what the classes are about, "
        f"{words.remedy}, or the classifier learns that."
    ]


def _what_it_tells(cue: Cue, audit: Audit) -> str:
    together = cue.name == EVERYTHING
    subject = f"{WORDS[audit.modality].cues} together" if together else f"{cue.name} alone"
    subject = subject[:1].upper() + subject[1:]
    names = f"{'name' if together else 'names'} {cue.accuracy:.0%} of the {audit.things} rightly"
    figures = f"{names} where guessing names {cue.guess:.0%}"
    if not cue.gives_away:
        return f"{subject} {figures}"
    name, share = max(cue.gives_away.items(), key=lambda item: item[1])
    others = len(cue.gives_away) - 1
    also = f" (and much of {others:,} other{'s' if others > 1 else ''})" if others else ""
    return f"{subject} {'give' if together else 'gives'} away {share:.0%} of the class {name}{also} and {figures}"


def _order(audit: Audit) -> list[str]:
    order = audit.order
    if not order.related or order.random is None or order.blocks is None:
        return []
    return [
        f"Neighbouring examples are related: a linear probe is right for {order.random:.1%} on random folds and for "
        f"{order.blocks:.1%} on folds of consecutive examples, so a random split flatters; use --split blocks "
        "unless the split is your own, or --group-column if you know what belongs together."
    ]


def _label_errors(audit: Audit) -> list[str]:
    likely = audit.likely_errors
    if not likely or len(likely) < ERRORS_WORTH_SAYING * audit.n:
        return []
    worst = likely[0]
    return [
        f"About {len(likely):,} of {audit.n:,} labels ({_share(len(likely), audit.n)}) look wrong, first of all "
        f"{worst.name}, labelled {worst.label}, which looks like {worst.suggested}: look through the suspects and mend "
        "what is wrong."
    ]


def _unreadable(audit: Audit) -> list[str]:
    bad = audit.unreadable
    if not bad:
        return []
    return [
        f"{len(bad):,} of {audit.n + len(bad):,} {audit.things} cannot be used, such as {bad[0].name} "
        f"({bad[0].reason}): mend or remove them."
    ]


def _copies(audit: Audit) -> list[str]:
    surplus = audit.superfluous
    if not surplus or surplus < WORTH_SAYING * audit.n:
        return []
    if surplus == audit.n - 1:
        return [
            f"All {audit.n:,} {audit.things} are copies of one {WORDS[audit.modality].one}, so nothing can be "
            "learnt: add others."
        ]
    exact = sum(len(group.positions) - 1 for group in audit.duplicates if group.kind == "exact")
    how = (
        "byte for byte"
        if exact == surplus
        else f"{exact:,} of them byte for byte"
        if exact
        else WORDS[audit.modality].likeness
    )
    copies = "is a copy" if surplus == 1 else "are copies"
    return [
        f"{surplus:,} of {audit.n:,} {audit.things} ({_share(surplus, audit.n)}) {copies} of others ({how}): "
        "keep one of each, as audit --fix-out does, or they end up on both sides of a split."
    ]


def _classes(audit: Audit) -> list[str]:
    classes, found, things = audit.classes, [], audit.things
    if len(classes.counts) < 2:
        only = next(iter(classes.counts), "none")
        found.append(
            f"There is only one class, {only}, so there is nothing to tell apart: add {things} of another class."
        )
    for part, names in classes.missing.items():
        has = {"train": "training", "val": "validation"}.get(part, part)
        found.append(
            f"The {has} part has no {audit.thing} of {_some(names)}: "
            + ("nothing can be learnt of it; add some." if part == "train" else "nothing is measured of it; add some.")
        )
    if classes.tiny:
        n = len(classes.tiny)
        found.append(
            f"{n:,} {'class has' if n == 1 else 'classes have'} fewer than 5 {things} ({_some(classes.tiny)}), too few "
            f"to learn and to test: add {things}, or join classes."
        )
    elif classes.ratio is not None and classes.ratio >= UNEVEN:
        least = min(classes.counts, key=lambda name: classes.counts[name])
        found.append(
            f"The largest class has {classes.ratio:.0f} times as many {things} as the smallest ({least}, "
            f"{classes.counts[least]:,}): judge by the balanced accuracy and by each class, not by the accuracy."
        )
    return found


def _share(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f}%" if share < 10 else f"{share:.0f}%"


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
