"""An audit in words: one sentence for each finding, with what to do."""

from __future__ import annotations

from collections.abc import Sequence
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
    for part, called in (("test", "test"), ("val", "validation")):
        leaks = [leak for leak in audit.leaks if leak.part == part]
        if not leaks:
            continue
        exact = sum(leak.kind == "exact" for leak in leaks)
        total = audit.classes.parts[part]
        how = (
            "byte for byte"
            if exact == len(leaks)
            else f"{exact:,} of them byte for byte"
            if exact
            else "saved anew or alike"
        )
        found.append(
            f"{len(leaks):,} of the {total:,} {called} images ({_share(len(leaks), total)}) {_are(leaks)} also in the "
            f"training part ({how}), so the {called} figures flatter: take the copies out, as audit --fix-out does."
        )
    return found


def _contradictions(audit: Audit) -> list[str]:
    groups = [group for group in audit.duplicates if group.contradicts]
    if not groups:
        return []
    names = {label: name for name, label in zip(groups[0].names, groups[0].labels, strict=True)}
    example = " and ".join(f"{name} ({label})" for label, name in list(names.items())[:2])
    if any(group.kind == "exact" for group in groups):
        what = "is there several times" if len(groups) == 1 else "are there several times"
    else:
        what = "looks the same as another" if len(groups) == 1 else "look the same as others"
    return [
        f"{len(groups):,} picture{'s' if len(groups) > 1 else ''} {what}, with different labels, such as {example}: "
        "decide which label is right."
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
    return [
        f"{_what_it_tells(cue)}{more}, without a look at the subject: unless it is what the classes are about, take "
        "the images of all classes in the same way, or the classifier learns that."
    ]


def _what_it_tells(cue: Cue) -> str:
    together = cue.name == EVERYTHING
    subject = "File size, shape, colour and border together" if together else f"{cue.name.capitalize()} alone"
    names = f"{'name' if together else 'names'} {cue.accuracy:.0%} of the images rightly"
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
        f"{len(bad):,} of {audit.n + len(bad):,} images cannot be used, such as {bad[0].name} ({bad[0].reason}): mend "
        "or remove them."
    ]


def _copies(audit: Audit) -> list[str]:
    surplus = audit.superfluous
    if not surplus or surplus < WORTH_SAYING * audit.n:
        return []
    if surplus == audit.n - 1:
        return [f"All {audit.n:,} images are copies of one picture, so nothing can be learnt: add others."]
    exact = sum(len(group.positions) - 1 for group in audit.duplicates if group.kind == "exact")
    how = (
        "byte for byte" if exact == surplus else f"{exact:,} of them byte for byte" if exact else "saved anew or alike"
    )
    copies = "is a copy" if surplus == 1 else "are copies"
    return [
        f"{surplus:,} of {audit.n:,} images ({_share(surplus, audit.n)}) {copies} of others ({how}): "
        "keep one of each, as audit --fix-out does, or they end up on both sides of a split."
    ]


def _classes(audit: Audit) -> list[str]:
    classes, found = audit.classes, []
    if len(classes.counts) < 2:
        only = next(iter(classes.counts), "none")
        found.append(
            f"There is only one class, {only}, so there is nothing to tell apart: add images of another class."
        )
    for part, names in classes.missing.items():
        has = {"train": "training", "val": "validation"}.get(part, part)
        found.append(
            f"The {has} part has no image of {_some(names)}: "
            + ("nothing can be learnt of it; add some." if part == "train" else "nothing is measured of it; add some.")
        )
    if classes.tiny:
        n = len(classes.tiny)
        found.append(
            f"{n:,} {'class has' if n == 1 else 'classes have'} fewer than 5 images ({_some(classes.tiny)}), too few "
            "to learn and to test: add images, or join classes."
        )
    elif classes.ratio is not None and classes.ratio >= UNEVEN:
        least = min(classes.counts, key=lambda name: classes.counts[name])
        found.append(
            f"The largest class has {classes.ratio:.0f} times as many images as the smallest ({least}, "
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
