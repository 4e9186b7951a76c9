"""The report as one HTML file that needs nothing else: no fonts, no scripts, no network."""

from __future__ import annotations

import math
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from regraft.data.dataset import NOUNS
from regraft.evaluation.intervals import wilson
from regraft.reports import figures, pictures, trust
from regraft.reports.exhibits import Exhibits
from regraft.reports.verdict import how_evaluated, how_long, number, percent, verdict

MODEL = "model.regraft"

CONTROLLED = {"image": "The pixels alone", "text": "TF-IDF of the words", "audio": "The spectrograms' pixels alone"}
"""What a network's features are compared with."""

TABLE_CLASSES = 20
"""Up to so many classes the confusion matrix is a table of numbers; above, a heat map."""

WORST_CLASSES = 15
"""Rows of the per-class table that are open; the rest unfold."""

SKIPPED_OPEN, SKIPPED_SHOWN = 8, 200
PACKAGES = ("torch", "timm", "openvino", "scikit-learn", "numpy")


def render(result: Any, model: str = MODEL) -> str:
    """Return the report of a run as one self-contained HTML page.

    Parameters
    ----------
    result : the pipeline's result
        Evaluation, candidates, backbones, timings and the dataset with its images.
    model : str
        The saved classifier's file, as the page's example of its use should name it.

    Returns
    -------
    str
        The page. Names in it may hold surrogate escapes; `write` deals with those.
    """
    return template("report.html", settings=_settings).render(_context(result), model=model)


def template(name: str, **filters: Callable[..., Any]) -> Any:
    """Return one of the templates beside this file; what is put into it is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, number=number, seconds=how_long, **filters)
    return environment.get_template(name)


def write(result: Any, path: str | os.PathLike[str], model: str = MODEL) -> Path:
    """Write the report of a run, whole or not at all.

    Parameters
    ----------
    result : the pipeline's result
        As for `render`.
    path : path
        Where the page goes; an older one is replaced.
    model : str
        As for `render`.

    Returns
    -------
    Path
        The file written.
    """
    path = Path(path)
    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    page = render(result, model).encode("utf-8", errors="backslashreplace")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(page)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _context(result: Any) -> dict[str, Any]:
    evaluation = result.evaluations["test"]
    skipped = tuple(dict.fromkeys(result.dataset.skipped + result.skipped))
    large = len(evaluation.classes) > TABLE_CLASSES
    from regraft.card import EXAMPLES

    evidence = result.evidence
    thing, things = NOUNS[result.dataset.modality]
    exhibits = Exhibits(result.dataset.modality)
    return {
        "result": result,
        "thing": thing,
        "things": things,
        "example": EXAMPLES[result.dataset.modality],
        "controlled": CONTROLLED[result.dataset.modality],
        "evaluation": evaluation,
        "verdict": verdict(result),
        "how_evaluated": how_evaluated(result),
        "random_weights": [backbone.name for backbone in result.backbones if backbone.weights.random],
        "decimals": int(evaluation.n >= 1000),
        "large": large,
        "shares": figures.row_shares(evaluation.confusion),
        "heat_map": figures.heat_map(evaluation.confusion) if large else [],
        "confusions": figures.confusions(evaluation, limit=12 if large else 6),
        "per_class": _worst_first(evaluation),
        "worst": WORST_CLASSES,
        "side": figures.SIDE,
        "roc": figures.roc_lines(evaluation),
        "precision_recall": figures.precision_recall_lines(evaluation),
        "mistakes": pictures.mistakes(result, exhibits),
        "sample": pictures.sample(result, exhibits),
        "variants": pictures.variants(result),
        "training": figures.training_plots(result.history) if result.history else [],
        "attempts": [(attempt, _interval(attempt)) for attempt in result.attempts],
        "evidence": evidence,
        "reliability": trust.reliability_lines(evidence),
        "selective": trust.selective_plot(evidence),
        # The verdict on transfer stands on top of the page.
        "trust": evidence.sentences()[1 if evidence.control else 0 :],
        "findings": result.audit.sentences(),
        "segments": figures.time_segments(result.timings),
        "notes": tuple(dict.fromkeys(result.dataset.notes + result.notes)),
        "skipped": skipped[:SKIPPED_SHOWN],
        "n_skipped": len(skipped),
        "skipped_open": len(skipped) <= SKIPPED_OPEN,
        "reasons": Counter(entry.reason for entry in skipped).most_common(12),
        "versions": _versions(result),
    }


def _worst_first(evaluation: Any) -> list[tuple[str, Any]]:
    # A class without an F1 says nothing about the classifier: it goes last.
    return sorted(evaluation.per_class.items(), key=lambda item: math.inf if item[1].f1 is None else item[1].f1)


def _interval(attempt: Any) -> tuple[float, float] | None:
    if not attempt.n or not math.isfinite(attempt.accuracy):
        return None
    return wilson(round(attempt.accuracy * attempt.n), attempt.n)


def _versions(result: Any) -> str:
    found = [f"regraft {result.version}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def _settings(settings: Any) -> str:
    if isinstance(settings, Mapping):
        shown = {n: f"{v:.4g}" if isinstance(v, float) else v for n, v in settings.items()}
        return ", ".join(f"{name} = {value}" for name, value in shown.items())
    return str(settings)
