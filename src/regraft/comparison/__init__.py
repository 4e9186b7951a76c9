"""Is transfer worth it, and which kind: several strategies on one split, and the evidence for the difference."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from regraft import pipeline
from regraft.backbones.lookup import get_backbones
from regraft.comparison.comparison import Comparison, Row
from regraft.comparison.strategies import AUGMENTED, DEFAULTS, RANDOM_BACKBONE, STRATEGIES, Strategy
from regraft.comparison.verdict import compared
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import RegraftError, UsageError
from regraft.evaluation.intervals import wilson
from regraft.evaluation.transfer import Verdict
from regraft.features.streaming import Progress
from regraft.fitting import Announce
from regraft.protocol import check_classes, describe, settle_protocol
from regraft.request import Split, held_together
from regraft.result import Result

__all__ = ["DEFAULTS", "STRATEGIES", "Comparison", "Row", "Strategy", "Verdict", "compare"]


def compare(
    data: Any,
    labels: Any = None,
    *,
    strategies: Sequence[str] | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    budget: float | None = None,
    epochs: int | None = None,
    test_size: float = 0.2,
    split: Split = "random",
    seed: int = 0,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
    command: str = "",
) -> Comparison:
    """Fit several strategies on one split of the same images, and tell whether transfer was worth it.

    Parameters
    ----------
    data, labels, test_size, split, seed, column, label_column, group_column, images, label_from_name
        As in `fit`.
    strategies : sequence of str, optional
        Names in `STRATEGIES`; default: those of `DEFAULTS` for the data's modality.
    backbone : str, optional
        As in `fit`, for all but the two small networks that start from nothing; default: the strategy's own.
    weights : path, optional
        A local weights file for it.
    budget : float, optional
        Seconds for all together; what one does not need is for those after it.
    epochs : int, optional
        Passes over the training images, where a network is trained.
    skip_unreadable, progress, announce, command
        As in `fit`.

    Returns
    -------
    Comparison
        A strategy that cannot be fitted has a row with its error.

    Raises
    ------
    RegraftError
        If a strategy is unknown or named twice, the data cannot be used, or no strategy could be fitted.
    """
    started = time.perf_counter()
    _check(strategies, weights, budget, test_size, seed)
    dataset = read_source(
        data,
        labels=labels,
        column=column,
        label_column=label_column,
        group_column=group_column,
        images=images,
        label_from_name=label_from_name,
    )
    # The probe first, since what it leaves of a budget is most.
    names = sorted(strategies or DEFAULTS[dataset.modality], key=lambda name: name != "probe")
    settings = {name: _settings(name, backbone, weights, epochs, dataset.modality) for name in names}
    check_classes(dataset)
    dataset = held_together(dataset, split)
    dataset, protocol = settle_protocol(dataset, test_size, seed)
    say = announce or (lambda sentence: None)
    for sentence in describe(dataset, protocol):
        say(sentence)
    same = {"test_size": test_size, "seed": seed, "skip_unreadable": skip_unreadable, "progress": progress}
    rows: list[Row] = []
    for position, name in enumerate(names):
        if budget is not None and name != "probe":
            left = budget - (time.perf_counter() - started)
            settings[name]["budget"] = left / (len(names) - position)
        say(f"{name} ({position + 1} of {len(names)})")
        rows.append(_fitted(name, dataset, {**same, **settings[name]}))
        say(_outcome(rows[-1], dataset.things))
        if position == 0 and rows[0].result is not None:
            for sentence in rows[0].result.audit.sentences():
                say(f"Audit: {sentence}")
    if all(row.error for row in rows):
        raise RegraftError("At least one strategy must be fitted, but none could be: " + _reasons(rows))
    return compared(rows, dataset, protocol, seed=seed, seconds=time.perf_counter() - started, command=command)


def _check(
    strategies: Sequence[str] | None, weights: str | Path | None, budget: float | None, test_size: float, seed: int
) -> None:
    """Raise UsageError for what cannot be compared, whatever the data are."""
    for name in strategies or ():
        if name not in STRATEGIES:
            near = difflib.get_close_matches(name, STRATEGIES, n=1)
            raise UsageError(
                f"--strategies must be some of {', '.join(STRATEGIES)}, not {name!r}"
                + (f"; did you mean {near[0]!r}?" if near else ".")
            )
    if strategies is not None and (not strategies or len(set(strategies)) < len(strategies)):
        raise UsageError(f"--strategies must name one or more, each once, not {', '.join(strategies) or 'none'}.")
    if weights == "none":
        raise UsageError("--weights must be a file here, not none: add random-backbone to --strategies instead.")
    if budget is not None and not budget > 0:
        raise UsageError(f"--budget must be above 0 seconds, not {budget:g}.")
    if not 0 < test_size < 1:
        raise UsageError(f"--test-size must be a share between 0 and 1, not {test_size}.")
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")


def _settings(
    name: str, backbone: str | None, weights: str | Path | None, epochs: int | None, modality: str
) -> dict[str, Any]:
    """Return what `fit` is called with for a strategy; a backbone that does not exist is refused here."""
    chosen = STRATEGIES[name]
    settings: dict[str, Any] = {"strategy": chosen.strategy}
    if name != "probe":
        settings["training"] = chosen.training if epochs is None else replace(chosen.training, epochs=epochs)
    if name == "scratch-augmented" and modality in AUGMENTED:
        settings["training"] = replace(settings["training"], augment=AUGMENTED[modality])
    if chosen.small:
        return settings
    if not chosen.transfers:
        return {**settings, "backbone": backbone or RANDOM_BACKBONE}
    given = {"backbone": backbone, "weights": weights}
    if backbone is not None:
        get_backbones(backbone, modality=modality, weights=weights)
    return {**settings, **{key: value for key, value in given.items() if value is not None}}


def _fitted(name: str, dataset: Dataset, settings: dict[str, Any]) -> Row:
    started = time.perf_counter()
    if settings.get("budget", 1) <= 0:
        return Row(name, 0.0, error="Nothing was left of the budget; give more with --budget.")
    try:
        result = pipeline.fit(dataset, **settings)
    except RegraftError as error:
        return Row(name, time.perf_counter() - started, error=str(error))
    test = result.evaluations["test"]
    accuracy, interval = _validation(result)
    return Row(
        name,
        time.perf_counter() - started,
        backbone="+".join(each.name for each in result.backbones),
        trainable=result.trainable,
        val_accuracy=accuracy,
        val_ci95=interval,
        accuracy=test.accuracy,
        ci95=test.accuracy_ci95,
        f1=test.macro_f1,
        auc=test.roc_auc,
        result=result,
    )


def _validation(result: Result) -> tuple[float | None, tuple[float, float] | None]:
    """Return the accuracy on the images that a result was chosen by, and its interval."""
    if "val" in result.evaluations:
        return result.evaluations["val"].accuracy, result.evaluations["val"].accuracy_ci95
    chosen = next((each for each in result.attempts if each.chosen), None)
    if chosen is not None and chosen.n:
        return chosen.accuracy, wilson(round(chosen.accuracy * chosen.n), chosen.n)
    head = next((each for each in result.candidates if each.name == result.chosen), None)
    if head is None:
        return None, None
    from regraft.heads.selection import COMPARED_ON

    n = min(result.n_train, COMPARED_ON)
    return head.accuracy, wilson(round(head.accuracy * n), n)


def _outcome(row: Row, things: str) -> str:
    if row.error:
        return f"  failed: {row.error}"
    return f"  {row.accuracy:.1%} of the test {things} right, in {row.seconds:.0f} s"


def _reasons(rows: list[Row]) -> str:
    return "; ".join(f"{row.strategy}: {row.error}" for row in rows)
