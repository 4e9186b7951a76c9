"""Run a published experiment on one's own copy of the data, and put its figures beside the published ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError
from regraft.features.streaming import Progress
from regraft.finetuning.settings import Training
from regraft.pipeline import fit
from regraft.recipes.recipe import Published, Recipe, Variant, load
from regraft.recipes.sampling import as_published, limited
from regraft.result import Result


@dataclass(frozen=True)
class Row:
    """One figure, published and measured.

    Parameters
    ----------
    variant, metric : str
    published : float or None
        None where nothing was published.
    measured : float or None
        None where this run has nothing of the kind.
    ci95 : (float, float) or None
        Of a measured accuracy.
    published_on, measured_on : {"val", "test"}
        The images that the figures are about; without validation images of its own a run measures on the test.
    says : str
        The published figure as it was put.
    """

    variant: str
    metric: str
    published: float | None
    measured: float | None
    ci95: tuple[float, float] | None
    published_on: str
    measured_on: str
    says: str


@dataclass(frozen=True)
class RecipeRun:
    """What came of a published experiment here.

    Parameters
    ----------
    recipe : Recipe
    rows : tuple of Row
    results : dict of str to Result
        Of each variant.
    notes : tuple of str
        What was inferred, changed or found wrong.
    seconds : float
    """

    recipe: Recipe
    rows: tuple[Row, ...]
    results: dict[str, Result]
    notes: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 2),
        }


def run(
    name: str,
    data: Any,
    *,
    variant: str | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
    command: str = "",
) -> RecipeRun:
    """Run a published experiment.

    Parameters
    ----------
    name : str
        Of the recipe.
    data : path, Dataset, ...
        Your copy of its data, or other labelled images: whatever `regraft.fit` reads.
    variant : str, optional
        One of the recipe's models; default: those that it names itself.
    backbone : str, optional
        Another network instead of the published one; networks that start from nothing stay as they are.
    weights : path or "none", optional
        A local weights file, or "none" for random weights.
    epochs : int, optional
        Passes over the training images, where it is not to be the published number.
    limit : int, optional
        At most so many training images, and as many validation and test images.
    progress : callable, optional
        Called with (images done, n).
    announce : callable, optional
        Called with each sentence about what is done, before the work starts.
    command : str
        How the user asked for this, for the record.

    Returns
    -------
    RecipeRun

    Raises
    ------
    RegraftError
        Its children say what is wrong with the request, the data or the weights, and what to do.
    """
    started = time.perf_counter()
    recipe = load(name)
    plans = {v.name: _plan(v, backbone, weights, epochs) for v in recipe.chosen(variant)}
    if epochs is not None and not any("training" in settings for settings, _ in plans.values()):
        raise UsageError(
            f"--epochs must be for a variant that is trained in epochs, not {', '.join(plans)}; leave it out."
        )
    dataset = as_published(_read(recipe, data), recipe.split, recipe.seed)
    if limit is not None:
        dataset = limited(dataset, limit, recipe.seed)
    results, rows, notes = {}, [], []
    for chosen in recipe.chosen(variant):
        settings, changed = plans[chosen.name]
        for sentence in (f"{recipe.name}, {chosen.name}: {chosen.title}.", *changed):
            if announce is not None:
                announce(sentence)
        result = fit(dataset, seed=recipe.seed, progress=progress, announce=announce, command=command, **settings)
        results[chosen.name] = result
        rows += _rows(chosen, result)
        notes += [*changed, *result.notes]
    return RecipeRun(recipe, tuple(rows), results, tuple(dict.fromkeys(notes)), time.perf_counter() - started)


def _read(recipe: Recipe, data: Any) -> Dataset:
    try:
        return read_source(data)
    except DataError:
        if not recipe.label_from_name:
            raise
        return read_source(data, label_from_name=True)


def _plan(
    variant: Variant, backbone: str | None, weights: str | Path | None, epochs: int | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments of `fit` for a variant, and what was changed of it, in sentences."""
    settings, training, changed = dict(variant.fit), dict(variant.training), []
    if settings["strategy"] != "scratch":
        if backbone is not None and backbone != settings["backbone"]:
            settings["backbone"] = backbone
            changed.append(f"{variant.name} is run with {backbone} instead of {variant.fit['backbone']}.")
            # The size was the published network's own; where it begins to be trained is a stage of that network.
            settings.pop("image_size", None)
            stage = training.get("unfreeze")
            if stage not in (None, "head", "all"):
                del training["unfreeze"]
                changed.append(f"{stage} is a stage of {variant.fit['backbone']}: {backbone} is trained from its own.")
        if weights is not None:
            settings["weights"] = weights
            changed.append(f"{variant.name} is run with {'random' if weights == 'none' else 'your own'} weights.")
    if settings["strategy"] != "probe":
        if epochs is not None and epochs != training.get("epochs"):
            many = f"{epochs} epoch{'s' * (epochs != 1)}"
            changed.append(
                f"{variant.name} is trained for {many} at most instead of {training.get('epochs', 'its own')}."
            )
            training["epochs"] = epochs
        settings["training"] = Training(**training)
    return settings, changed


def _rows(variant: Variant, result: Result) -> list[Row]:
    # Where nothing was published, the plain figure still says how well it went.
    rows = [_row(variant, figure, result) for figure in variant.published]
    return rows or [replace(_row(variant, Published("accuracy", 0.0), result), published=None, says="")]


def _row(variant: Variant, figure: Published, result: Result) -> Row:
    part = figure.part if figure.part in result.evaluations else "test"
    evaluation = result.evaluations[part]
    ci95 = evaluation.accuracy_ci95 if figure.metric == "accuracy" else None
    measured = {
        "accuracy": evaluation.accuracy,
        "F1": evaluation.macro_f1,
        "loss": evaluation.log_loss,
        "seconds": result.timings["total"],
        "seconds an epoch": _seconds_an_epoch(result),
    }[figure.metric]
    return Row(variant.name, figure.metric, figure.value, measured, ci95, figure.part, part, str(figure))


def _seconds_an_epoch(result: Result) -> float | None:
    """Return the mean over the last training, None where nothing was trained in epochs."""
    last = [epoch for epoch in result.history if epoch.attempt == result.history[-1].attempt]
    return last[-1].seconds / len(last) if last else None
