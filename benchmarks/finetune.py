"""How soon fine-tuning is there: cut training against full fine-tuning, and Regraft against fastai.

All see the same images and the same split in one run, one after the other, each in a fresh process
with an empty cache of its own. Accuracy is on the held-out images, unless said otherwise.

cut_speedup          full fine-tuning (every stage, nothing computed ahead) has its accuracy at the end of its first
                     epoch with the validation accuracy that it is kept for. Cut training has it at the end of its
                     first epoch whose accuracy, on the same validation images, is within the 95% interval of full
                     fine-tuning's. The ratio of the two times; the probe, the frozen part and the conversion of the
                     network are in both.
cut_speedup_total    the ratio of the two fits from start to end; cut_accuracy must not be below full_low, the lower
                     end of full fine-tuning's interval on the held-out images.

fastai_speedup_090   fastai's `vision_learner` with this very network and its weights, in the way that fastai's pages
fastai_speedup_094   show: `fine_tune`, one epoch frozen, then unfrozen ones, and more of these until 0.94 or --cap.
                     Its time counts after imports and leaves out its validation; Regraft's is that of the whole
                     process: start, imports, conversion, probe or fine-tuning, evaluation. Where fastai never gets
                     there the ratio is a lower bound, and fastai_reached_090 or _094 is false; where Regraft does
                     not, it is 0. Regraft is run with fastai's network (probe, finetune) and once as it comes, with
                     the two networks that it takes by itself (finetune_own); regraft_094_by says which got there.

fastai comes with `pip install "regraft[bench]"`.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show

from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.data.splits import split
from regraft.evaluation.intervals import wilson
from regraft.request import Strategy

BACKBONE = "tf_efficientnet_lite0"
GOALS = {"090": 0.90, "094": 0.94}
OURS: dict[str, tuple[Strategy, str | None]] = {
    "probe": ("probe", BACKBONE),
    "finetune": ("finetune", BACKBONE),
    "finetune_own": ("finetune", None),
}
"""What Regraft is run with: fastai's network, and then those that it takes where none is named."""

QUICK = 40
"""Images of the small trial."""

TARGETS = {"cut_speedup": (">=", 4.0), "fastai_speedup_090": (">=", 20.0), "fastai_speedup_094": (">=", 5.0)}

Curve = list[tuple[float, float, str]]
"""After each epoch: seconds, accuracy, and what was trained."""


def regraft_fit(
    dataset: Dataset, strategy: Strategy, backbone: str | None = BACKBONE, **training: Any
) -> dict[str, Any]:
    """Return the plain values of a fit; with None for the backbone, of the strategy's own ones."""
    import regraft
    from regraft.finetuning.settings import Training

    settings: dict[str, Any] = {"training": Training(**training)} if training else {}
    return regraft.fit(dataset, strategy=strategy, backbone=backbone, **settings).to_dict()


def fastai_fit(dataset: Dataset, epochs: int, cap: float) -> Curve:
    """Return fastai's curve, until it has the last of the goals or the seconds are over."""
    from fastai.vision.all import (
        Callback,
        CancelFitException,
        CategoryBlock,
        DataBlock,
        ImageBlock,
        IndexSplitter,
        Normalize,
        Resize,
        accuracy,
        vision_learner,
    )

    from regraft.backbones.lookup import get_backbones

    [backbone] = get_backbones(BACKBONE)
    pixels, curve = backbone.preprocessing, Curve()
    # As in a process that was not spawned: workers that import fastai anew each epoch would slow it down.
    multiprocessing.set_start_method("fork", force=True)
    started = time.perf_counter()

    class Watch(Callback):
        order = 100  # after the recorder has the accuracy
        validating = 0.0

        def seconds(self) -> float:
            return time.perf_counter() - started - self.validating

        def over(self) -> bool:
            return self.seconds() > cap or bool(curve and curve[-1][1] >= max(GOALS.values()))

        def before_fit(self) -> None:
            if self.over():
                raise CancelFitException

        def after_batch(self) -> None:
            if self.training and self.seconds() > cap:
                raise CancelFitException

        def before_validate(self) -> None:
            self.begun = time.perf_counter()

        def after_validate(self) -> None:
            self.validating += time.perf_counter() - self.begun

        def after_epoch(self) -> None:
            frozen = self.learn.opt.frozen_idx > 0
            # fastai counts in float32, in which 0.9 is a little less.
            right = round(float(self.learn.recorder.values[-1][-1]), 6)
            curve.append((self.seconds(), right, "head" if frozen else "all"))
            if self.over():
                raise CancelFitException

    images = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda i: dataset.examples[i],
        get_y=lambda i: dataset.class_names[dataset.y[i]],
        splitter=IndexSplitter(dataset.part("test").tolist()),
        item_tfms=Resize(pixels.size),
        batch_tfms=Normalize.from_stats(pixels.mean, pixels.std, cuda=False),
    ).dataloaders(range(len(dataset)), bs=min(64, len(dataset.part("train")) // 2))
    watch = Watch()
    learner = vision_learner(images, BACKBONE, pretrained=False, metrics=accuracy, cbs=watch)
    body = learner.model[0].model
    body.load_state_dict(
        {name: tensor for name, tensor in backbone.build().state_dict().items() if name in body.state_dict()}
    )
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs)
        while not watch.over():
            learner.fit_one_cycle(epochs, slice(1e-5, 1e-3))
    return curve


def apart(function: Callable[..., Any], *arguments: Any, **settings: Any) -> tuple[float, Any]:
    """Run a function in a fresh process with an empty cache; return its seconds from start to end, and its answer."""
    with own_cache():
        started = time.perf_counter()
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            answer = process.submit(function, *arguments, **settings).result()
        return time.perf_counter() - started, answer


def until(result: dict[str, Any], seconds: float, bound: float | None) -> float | None:
    """Return when the chosen training reached a validation accuracy; without a bound, when it had what it kept.

    All that is not an epoch after that moment counts as before it.
    """
    [chosen] = [attempt for attempt in result["attempts"] if attempt["chosen"]]
    epochs = [epoch for epoch in result["history"] if epoch["attempt"] == chosen["name"]]
    if bound is None:
        bound = chosen["accuracy"]
    reached = [epoch for epoch in epochs if epoch["val_accuracy"] >= bound - 1e-9]
    if not reached:
        # Averaged weights may be better than those of any epoch, and are there at the end only.
        return seconds if chosen["accuracy"] >= bound else None
    return seconds - (epochs[-1]["seconds"] - reached[0]["seconds"])


def measure_cut(dataset: Dataset, epochs: dict[str, int]) -> dict[str, Any]:
    """Return what cut training and full fine-tuning take, and how right they are."""
    full_s, full = apart(regraft_fit, dataset, "finetune", unfreeze="all", cut=False, refit=False, **epochs)
    note(f"full fine-tuning: {_accuracy(full):.3f} in {full_s:.0f} s")
    cut_s, cut = apart(regraft_fit, dataset, "finetune", refit=False, **epochs)
    note(f"cut training: {_accuracy(cut):.3f} in {cut_s:.0f} s")
    [kept] = [attempt for attempt in full["attempts"] if attempt["chosen"]]
    low, _ = wilson(round(kept["accuracy"] * kept["n"]), kept["n"])
    theirs, ours = until(full, full_s, None), until(cut, cut_s, low)
    return {
        "cut_speedup": rounded(theirs / ours) if theirs and ours else 0.0,
        "cut_speedup_total": rounded(full_s / cut_s),
        "full_until_s": None if theirs is None else rounded(theirs),
        "cut_until_s": None if ours is None else rounded(ours),
        "full_s": rounded(full_s),
        "cut_s": rounded(cut_s),
        "full_accuracy": _accuracy(full),
        "full_low": rounded(full["metrics"]["test"]["accuracy_ci95"][0]),
        "cut_accuracy": _accuracy(cut),
        "full_val_accuracy": rounded(kept["accuracy"]),
        "cut_within": bool(ours) and _accuracy(cut) >= full["metrics"]["test"]["accuracy_ci95"][0],
    }


def measure_fastai(dataset: Dataset, epochs: int, cap: float, ours_epochs: dict[str, int]) -> dict[str, Any]:
    """Return how soon fastai and Regraft have each of the goals."""
    ours: Curve = []
    for what, (strategy, backbone) in OURS.items():
        seconds, result = apart(
            regraft_fit, dataset, strategy, backbone=backbone, **(ours_epochs if strategy != "probe" else {})
        )
        ours.append((seconds, _accuracy(result), what))
        note(f"regraft {what}: {ours[-1][1]:.3f} in {seconds:.1f} s")
    _, theirs = apart(fastai_fit, dataset, epochs, cap)
    for seconds, accuracy, what in theirs:
        note(f"fastai, {what} trained: {accuracy:.3f} after {seconds:.0f} s")
    values: dict[str, Any] = {}
    for name, goal in GOALS.items():
        found, mine = first(theirs, goal), first(ours, goal)
        spent = cap if found is None else found
        values[f"fastai_speedup_{name}"] = rounded(spent / mine) if mine else 0.0
        values |= {f"fastai_reached_{name}": found is not None, f"fastai_{name}_s": rounded(spent)}
        values[f"regraft_{name}_s"] = None if mine is None else rounded(mine)
        values[f"regraft_{name}_by"] = next((w for s, a, w in sorted(ours) if a >= goal), None)
    for seconds, accuracy, what in ours:
        values |= {f"{what}_s": rounded(seconds), f"{what}_accuracy": accuracy}
    values |= {"fastai_epochs": len(theirs), "fastai_best": max((a for _, a, _ in theirs), default=0.0), "cap_s": cap}
    return values


def first(curve: Sequence[tuple[float, float, str]], goal: float) -> float | None:
    """Return the earliest time at which a curve has a goal."""
    return min((seconds for seconds, accuracy, _ in curve if accuracy >= goal), default=None)


def _accuracy(result: dict[str, Any]) -> float:
    return float(result["metrics"]["test"]["accuracy"])


def images(data: Path, quick: bool) -> Dataset:
    """Return the images with their split; for the small trial a few of each class."""
    dataset = read_source(data)
    if quick:
        each = QUICK // len(dataset.class_names)
        dataset = dataset.take(np.concatenate([np.flatnonzero(dataset.y == c)[:each] for c in np.unique(dataset.y)]))
    return split(dataset)


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "anything that `regraft fit` takes, as files (default: the flowers)", runs=None)
    arguments.add_argument("--cap", type=float, default=1800.0, help="fastai's seconds (default: %(default)g)")
    arguments.add_argument(
        "--fastai-epochs", type=positive, default=5, help="unfrozen, at a time (default: %(default)s)"
    )
    arguments.add_argument("--only", choices=("cut", "fastai"), help="measure one of the two only")
    arguments.add_argument("--quick", action="store_true", help=f"a trial on {QUICK} images, an epoch and 60 s each")
    given = arguments.parse_args()
    dataset = images(data_folder(given.data, "flowers"), given.quick)
    cap = min(given.cap, 60.0) if given.quick else given.cap
    epochs = {"epochs": 1} if given.quick else {}
    sizes = {f"images_{part}": len(dataset.part(part)) for part in ("train", "test")}
    note(f"{sizes['images_train']} images to learn from, {sizes['images_test']} held out, {BACKBONE}")
    values: dict[str, Any] = {}
    if given.only != "fastai":
        values |= measure_cut(dataset, epochs)
    if given.only != "cut":
        values |= measure_fastai(dataset, 1 if given.quick else given.fastai_epochs, cap, epochs)
    show({**values, **sizes, "backbone": BACKBONE}, TARGETS, given.json)


if __name__ == "__main__":
    main()
