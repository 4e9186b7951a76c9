"""The model card of a classifier that has learnt nothing, or not all of its classes, from images."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.classifier import Classifier
from regraft.evaluation.metrics import Evaluation
from regraft.zero_shot.result import Grounds, overall

SHOWN_CLASSES = 50


def card(classifier: Classifier, grounds: Sequence[Grounds], measured: Evaluation | None = None) -> str:
    """Return the model card, Markdown with YAML metadata on top.

    Parameters
    ----------
    classifier : Classifier
    grounds : sequence of Grounds
    measured : Evaluation, optional
        On labelled images.
    """
    import yaml

    licences = sorted({backbone.weights.licence.lower() for backbone in classifier.backbones})
    head = yaml.safe_dump(
        {
            "license": licences[0] if licences == ["apache-2.0"] else "other",
            "library_name": "regraft",
            "pipeline_tag": "zero-shot-image-classification",
            "tags": ["zero-shot", "regraft"],
        },
        sort_keys=False,
    )
    trained = sum(each.kind == "trained" for each in grounds)
    lines = [f"An image classifier of {len(grounds)} classes, {trained} of them learnt from images.", ""]
    for backbone in classifier.backbones:
        weights = backbone.weights
        lines.append(f"- Backbone: {backbone.name}, weights from {weights.source} (licence {weights.licence})")
    lines += [f"- Head: {classifier.head}", "", "| class | what is known of it |", "|---|---|"]
    lines += [f"| {_plain(each.name)} | {_plain(each.text)} |" for each in grounds[:SHOWN_CLASSES]]
    lines += [f"\nand {len(grounds) - SHOWN_CLASSES:,} more."] if len(grounds) > SHOWN_CLASSES else []
    lines += ["", "## How good it is", ""]
    if measured is None:
        lines.append("It was not measured: no labelled images were given.")
    else:
        low, high = measured.accuracy_ci95
        lines.append(
            f"It names {measured.accuracy:.1%} of {measured.n:,} labelled images correctly (95% interval {low:.1%} to "
            f"{high:.1%})."
        )
    doubt = overall(tuple(grounds))
    lines += ["", "## Known limits", ""]
    lines += [f"- {_plain(doubt)}"] if doubt else []
    lines += ["- It answers with one of its classes whatever it is shown, and its probabilities are not calibrated."]
    return f"---\n{head}---\n\n# Zero-shot: {_plain(', '.join(classifier.classes[:5]))}\n\n" + "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return text that Markdown takes for text: names are the user's, and may hold anything."""
    flat = "".join(letter if letter.isprintable() else " " for letter in text)
    for mark in "\\`*[]<>|#":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
