"""The model card: what a classifier is for, what it learnt from, how good it is and where it fails, in Markdown.

Its head is the metadata that the Hugging Face hub reads, so that a bundle's README.md can be uploaded as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from regraft.backbones.registry import Backbone
from regraft.evidence.memory import PER_CLASS
from regraft.evidence.trust import COVERAGE
from regraft.result import Result

SHOWN_CLASSES = 50
TASKS = {"image": "image-classification", "text": "text-classification", "audio": "audio-classification"}
"""What the hub calls the task of each modality."""

CALLED = {"image": "An image", "text": "A text", "audio": "A recording"}
EXAMPLES = {"image": "photo.jpg", "text": "What a lovely day!", "audio": "recording.wav"}
"""What a classifier is called with, for instance."""

SPDX = {
    "apache-2.0": "apache-2.0",
    "mit": "mit",
    "bsd-3-clause": "bsd-3-clause",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0",
}
"""Licences by the names that the hub knows; any other is "other"."""


def card(result: Result) -> str:
    """Return the model card of a fitted classifier.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
        Markdown with YAML metadata on top.

    References
    ----------
    Mitchell et al., Model Cards for Model Reporting, 2019.
    """
    import yaml

    head = yaml.safe_dump(_metadata(result), sort_keys=False, allow_unicode=True)
    sections = (_summary, _data, _figures, _trust, _limits, _use, _again)
    body = "\n\n".join("\n".join(section(result)) for section in sections)
    return f"---\n{head}---\n\n# {_plain(result.dataset.name)}\n\n{body}\n"


def _metadata(result: Result) -> dict[str, Any]:
    test, task = result.evaluations["test"], TASKS[result.dataset.modality]
    licences = {backbone.weights.licence.lower() for backbone in result.backbones}
    known = SPDX.get(next(iter(licences))) if len(licences) == 1 else None
    metrics = [("accuracy", test.accuracy), ("f1", test.macro_f1)]
    if test.roc_auc is not None:
        metrics.append(("roc_auc", test.roc_auc))
    measured = {
        "task": {"type": task, "name": task.capitalize().replace("-", " ")},
        "dataset": {"type": "custom", "name": _plain(result.dataset.name), "split": "test"},
        "metrics": [{"type": name, "value": round(value, 4)} for name, value in metrics],
    }
    return {
        "license": known or "other",
        **({} if known else {"license_name": ", ".join(sorted(licences))}),
        "library_name": "regraft",
        "pipeline_tag": task,
        "tags": [task, "transfer-learning", "regraft"],
        **_base(result.backbones),
        "metrics": [name for name, _ in metrics],
        "model-index": [{"name": _plain(result.dataset.name), "results": [measured]}],
    }


def _base(backbones: tuple[Backbone, ...]) -> dict[str, Any]:
    """Return the hub's repositories that the weights are from."""
    found = [part["repository"] for b in backbones if (part := b.weights.to_dict()).get("kind") == "hub"]
    return {"base_model": found} if found else {}


def _summary(result: Result) -> Iterator[str]:
    test = result.evaluations["test"]
    low, high = test.accuracy_ci95
    things = result.dataset.things
    how = "in cross-validation" if result.protocol == "cross-validation" else f"of {things} it has not learnt from"
    yield (
        f"{CALLED[result.dataset.modality]} classifier of {len(test.classes)} classes. It names {test.accuracy:.1%} "
        f"(95% interval {low:.1%} to {high:.1%}, {test.n:,} {things}) {how} correctly."
    )
    yield ""
    yield f"- Strategy: {_strategy(result)}"
    for backbone in result.backbones:
        weights = backbone.weights
        yield (
            f"- Backbone: {backbone.name}, {backbone.parameters:g} million parameters, weights from {weights.source} "
            f"(licence {weights.licence}, sha256 `{weights.sha256()[:16]}…`)"
        )
    yield f"- Head: {result.chosen}, {result.trainable:,} parameters learnt"


def _strategy(result: Result) -> str:
    if result.probed:
        return "probe: a head on frozen, pretrained features"
    chosen = next(attempt.name for attempt in result.attempts if attempt.chosen)
    return f"{result.strategy}: {chosen}"


def _data(result: Result) -> Iterator[str]:
    dataset = result.dataset
    yield "## Data"
    yield ""
    yield (
        f"{dataset.count(len(dataset))}: {result.n_train:,} to learn from, {result.n_val:,} to choose by, "
        f"{result.n_test:,} evaluated on (protocol: {result.protocol}). "
        f"{len(result.skipped):,} were left out as unusable."
    )
    yield ""
    counts = [(name, int((dataset.y == label).sum())) for label, name in enumerate(dataset.class_names)]
    listed = ", ".join(f"{_plain(name)} ({count:,})" for name, count in counts[:SHOWN_CLASSES])
    more = f", and {len(counts) - SHOWN_CLASSES:,} more" if len(counts) > SHOWN_CLASSES else ""
    yield f"Classes: {listed}{more}."
    if result.taught is not None:
        yield ""
        yield result.taught.sentence()


def _figures(result: Result) -> Iterator[str]:
    test = result.evaluations["test"]
    low, high = test.accuracy_ci95
    yield "## How good it is"
    yield ""
    yield "| figure | value | 95% interval |"
    yield "|---|---|---|"
    yield f"| accuracy | {test.accuracy:.4f} | {low:.4f} to {high:.4f} |"
    for name in ("balanced_accuracy", "macro_f1", "log_loss", "roc_auc", "average_precision"):
        value = getattr(test, name)
        interval = result.evidence.intervals.get(name)
        shown = "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
        yield f"| {name.replace('_', ' ')} | {'undefined' if value is None else f'{value:.4f}'} | {shown} |"
    evidence = result.evidence
    after, coverage = evidence.after, evidence.coverage
    yield f"| expected calibration error | {after.ece:.4f} | {after.ece_ci95[0]:.4f} to {after.ece_ci95[1]:.4f} |"
    yield f"| Brier score | {after.brier:.4f} | |"
    if coverage is not None:
        low, high = coverage.coverage_ci95
        yield f"| coverage of the {COVERAGE:.0%} sets | {coverage.coverage:.4f} | {low:.4f} to {high:.4f} |"
    yield ""
    yield f"| class | precision | recall | F1 | {result.dataset.things} |"
    yield "|---|---|---|---|---|"
    for name, of in list(test.per_class.items())[:SHOWN_CLASSES]:
        shown = " | ".join("–" if v is None else f"{v:.3f}" for v in (of.precision, of.recall, of.f1))
        yield f"| {_plain(name)} | {shown} | {of.support} |"


def _trust(result: Result) -> Iterator[str]:
    yield "## How far to trust it"
    yield ""
    yield from (f"- {sentence}" for sentence in result.evidence.sentences())


def _limits(result: Result) -> Iterator[str]:
    yield "## Known limits"
    yield ""
    things = result.dataset.things
    found = [*result.audit.sentences(), *result.notes]
    yield from (f"- {_plain(sentence)}" for sentence in dict.fromkeys(found))
    yield (
        f"- It answers with one of its classes whatever it is shown; {things} unlike all it has learnt from are marked "
        "as unfamiliar, at a stated rate of false alarms, and no mark is no promise."
    )
    if result.classifier.memory is not None:
        yield (
            f"- The file holds features of up to {PER_CLASS} training {things} of each class, from which much of what "
            "they show can be guessed; keep it as secret as they are."
        )
    yield f"- The figures are about {things} like those of the test part, and say nothing of others."


def _use(result: Result) -> Iterator[str]:
    yield "## Use"
    yield ""
    yield "```python"
    yield "from regraft import Classifier"
    yield ""
    yield 'classifier = Classifier.load("model.regraft")'
    yield f'for prediction in classifier.predict(["{EXAMPLES[result.dataset.modality]}"]):'
    yield "    print(prediction.label, prediction.confidence, prediction.unfamiliar)"
    yield "```"


def _again(result: Result) -> Iterator[str]:
    yield "## How to reproduce"
    yield ""
    yield "```"
    yield result.command
    yield "```"
    yield ""
    yield f"Seed {result.seed}; regraft {result.version}; {result.engine}, {result.precision}; {result.created}."


def _plain(text: str) -> str:
    """Return text that Markdown takes for text: names are the user's, and may hold anything."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    for mark in "\\`*[]<>|#":
        flat = flat.replace(mark, f"\\{mark}")
    return flat
