"""From a labelled domain to another: several methods tried, one kept without the target's labels, all measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.data.dataset import Dataset
from regraft.data.domains import with_classes_present
from regraft.data.target import Target, indices_of
from regraft.domains.adapted import Adapted
from regraft.domains.candidates import asked_for, check_rule, try_all
from regraft.domains.linking import read_linked
from regraft.domains.outcome import conclude
from regraft.domains.pair import check_pair, draw_known, read_pair
from regraft.errors import UsageError
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.finetuning.settings import Training
from regraft.protocol import check_skipped

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone

Announce = Callable[[str], None]


def adapt(
    source: Any,
    target: Any = None,
    *,
    method: str = "auto",
    choose_by: str = "mixture",
    target_labels: int | None = None,
    target_domain: str | None = None,
    source_domains: Sequence[str] | None = None,
    links: str | Path | None = None,
    training: Training | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    seed: int = 0,
    column: str | None = None,
    label_column: str | None = None,
    domain_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Adapted:
    """Learn on a labelled source to name the examples of a target that is another domain.

    Parameters
    ----------
    source : path, Dataset, or mapping of str to any of these
        Labelled data, as for `fit`; a folder of domain folders or a table with a column of domains; or several sources
        by name.
    target : path, array, list or Dataset, optional
        The domain to be named. Labels found there serve to measure alone.
    method : str
        "auto" tries those that are quick and keeps one, or source-only; "all" tries all there are, and chooses in the
        same way; or names joined by commas: one alone is kept whatever the scores say.
    choose_by : {"mixture", "circular", "importance-weighted", "deep-embedded"}
        By what a method is chosen without the target's labels; in no case by those that measure.
    target_labels : int, optional
        Labels a class of the target that are learnt from, drawn at random; the others measure.
    target_domain : str, optional
        Instead of `target`: the domain of `source` that is the target.
    source_domains : sequence of str, optional
        The domains of `source` that are learnt from; default: all (others).
    links : path, optional
        A table of pairs of related examples, in the source and in the target: how much they agree in the source says
        how far the target's predictions are smoothed over its own.
    training : Training, optional
        Trains the backbone end to end with the methods dann, deep-coral, mcc and tent, which else train a small
        network on the features.
    backbone, weights, image_size, resize, pool, layer, pixels, seed
        As in `fit`; recordings are heard by the usual layer where none is named.
    column, label_column, domain_column, images, label_from_name, skip_unreadable, engine, progress, announce
        As in `fit`; they hold for source and target.

    Returns
    -------
    Adapted

    Raises
    ------
    DataError
        If a domain or the links cannot be read, or the domains share no class.
    UsageError
        If an option means nothing, or no target is named.
    """
    started = time.perf_counter()
    say = announce or (lambda sentence: None)
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    check_rule(choose_by)
    asked = asked_for(method, training, target_labels)
    options = {
        "column": column,
        "label_column": label_column,
        "domain_column": domain_column,
        "images": images,
        "label_from_name": label_from_name,
    }
    dataset, other = read_pair(source, target, target_domain=target_domain, source_domains=source_domains, **options)
    backbones = backbones_of(
        backbone,
        dataset.modality,
        training,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    notes = [*dataset.notes, *other.notes]
    dataset, of_source = _seen_source(dataset, backbones, skip_unreadable, engine, progress)
    other, of_target = _seen_target(other, dataset, backbones, of_source, skip_unreadable, engine, progress)
    warnings = check_pair(dataset, other)
    linked = None if links is None else read_linked(Path(links), dataset.names, other.names)
    known = np.zeros(0, np.intp)
    if target_labels is not None:
        known = draw_known(other, target_labels, dataset.class_names, seed)
    for sentence in describe(dataset, other, known):
        say(sentence)
    for sentence in (*notes, *of_source.notes, *warnings):
        say(f"Note: {sentence if sentence.endswith('.') else sentence + '.'}")
    tried = try_all(
        asked,
        dataset,
        other,
        (of_source, of_target),
        backbones,
        known,
        training=training,
        seed=seed,
        engine=engine,
        progress=progress,
        announce=say,
    )
    return conclude(
        tried,
        rule=choose_by,
        linked=linked,
        warnings=warnings,
        notes=[*notes, *of_source.notes],
        started=started,
    )


def backbones_of(
    backbone: str | None, modality: str, training: Training | None, *, layer: str | None, **options: Any
) -> tuple[Backbone, ...]:
    """Return the backbones, of which there is one where it is trained.

    Raises
    ------
    UsageError
        If several are to be trained, or the layer is to be chosen.
    """
    from regraft.request import default_backbone

    if layer == AUTO:
        raise UsageError("--layer must be a stage here, such as blocks.3, not auto; or leave it out for the usual one.")
    if training is not None:
        # The first of those that are fine-tuned: one is trained here.
        backbone = backbone or default_backbone("finetune", modality).split("+")[0]
    backbones = get_backbones(backbone, modality=modality, layer=layer, **options)
    if training is not None and len(backbones) > 1:
        raise UsageError(
            f"One backbone can be trained end to end, not {len(backbones)} ({backbone}); name one, or leave out what "
            "trains it."
        )
    return backbones


def describe(source: Dataset, target: Target, known: np.ndarray) -> list[str]:
    """Return what the two domains are, each a sentence for people."""
    from_where = ""
    if source.domain is not None:
        names, counts = np.unique(source.domain, return_counts=True)
        shown = ", ".join(f"{name} ({count:,})" for name, count in zip(names.tolist(), counts.tolist(), strict=True))
        from_where = f", from {shown}" if len(names) > 1 else ""
    labelled = int(np.sum(target.y >= 0))
    sentences = [
        f"Source: {source.count(len(source))} in {len(source.class_names)} classes{from_where}.",
        f"Target: {source.count(len(target))}.",
    ]
    if len(known):
        sentences.append(
            f"{source.count(len(known))} of the target are learnt from with their labels; all other labels found there "
            "serve to measure alone."
        )
    elif labelled:
        sentences.append(
            f"{labelled:,} labels were found in the target: they serve to measure alone, and nothing is learnt from or "
            "chosen by them."
        )
    else:
        sentences.append("No labels were found in the target: how good it is there cannot be measured.")
    return sentences


def _seen_source(
    dataset: Dataset,
    backbones: Sequence[Backbone],
    skip_unreadable: bool,
    engine: EngineName,
    progress: Progress | None,
) -> tuple[Dataset, Features]:
    features = extract(
        dataset.examples, dataset.names, backbones, engine=engine, skip_unreadable=skip_unreadable, progress=progress
    )
    skipped = dataset.skipped + features.skipped
    check_skipped(len(dataset) + len(dataset.skipped), skipped, skip_unreadable)
    return replace(with_classes_present(dataset.take(features.index)), skipped=skipped), features


def _seen_target(
    target: Target,
    source: Dataset,
    backbones: Sequence[Backbone],
    of_source: Features,
    skip_unreadable: bool,
    engine: EngineName,
    progress: Progress | None,
) -> tuple[Target, Features]:
    features = extract(
        target.examples,
        target.names,
        backbones,
        engine=engine,
        precisions=of_source.precisions,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
    skipped = target.skipped + features.skipped
    check_skipped(len(target) + len(target.skipped), skipped, skip_unreadable)
    target = replace(target.take(features.index), skipped=skipped)
    return replace(target, y=indices_of(target.labels, source.class_names)), features
