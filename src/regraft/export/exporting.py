"""Write a classifier for use without Regraft, once the file has shown that it says the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regraft.classifier import Classifier
from regraft.data.dataset import NOUNS
from regraft.data.images import decode, read_bytes
from regraft.data.sources import list_examples
from regraft.errors import RegraftError, Unreadable, UsageError
from regraft.export import targets
from regraft.export.about import about, outputs
from regraft.export.eight_bits import Eight, eight_bits, labelled
from regraft.export.parity import IMAGES, Parity, bundled, check, compare, rounding_alone, squared
from regraft.export.snippets import snippet
from regraft.export.target import Job, Target

Kind = Literal["onnx", "openvino", "torch", "tflite"]


@dataclass(frozen=True)
class Exported:
    """What was written, and what it was checked by.

    Parameters
    ----------
    paths : tuple of Path
        The file, and what belongs beside it.
    to : str
        Its kind.
    precision : {"f32", "int8"}
    bytes : int
        Of all files together.
    parity : tuple of Parity
        One for each precision that its engine may compute in.
    eight : Eight or None
        What int8 costs and gains.
    side : int or None
        Pixels of the squares that it takes; None where it takes images of any size.
    snippet : str
        A Python program that names an image with it, without Regraft.
    notes : tuple of str
    """

    paths: tuple[Path, ...]
    to: str
    precision: str
    bytes: int
    parity: tuple[Parity, ...]
    eight: Eight | None
    side: int | None
    snippet: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **asdict(self),
            "paths": [str(path) for path in self.paths],
            "parity": [parity.to_dict() for parity in self.parity],
            "eight": None if self.eight is None else self.eight.to_dict(),
        }


def export(
    classifier: Classifier,
    path: str | Path,
    *,
    to: Kind = "onnx",
    int8: bool = False,
    images: Any = None,
    force: bool = False,
    announce: Callable[[str], None] | None = None,
) -> Exported:
    """Write a classifier as a file that runs without Regraft: pixels of any size in, calibrated probabilities out.

    Parameters
    ----------
    classifier : Classifier
        Of images.
    path : path
        Of the file; its suffix is the kind's own: .onnx, .xml (with a .bin beside it), .pt2, .tflite.
    to : {"onnx", "openvino", "torch", "tflite"}
        The file's kind.
    int8 : bool
        Whether the networks compute in whole numbers of 8 bits; `images` must then be labelled.
    images : path, list or array, optional
        Images like those that the classifier is for, to compare on (64; what is lacking is cut out of photos that
        come with scikit-learn), and to calibrate int8 on.
    force : bool
        Whether an existing file is replaced.
    announce : callable, optional
        Called with a sentence about what is being done.

    Returns
    -------
    Exported

    Raises
    ------
    UsageError
        If the request is wrong, or the file exists.
    CannotExport
        If the backbone has an operator that the kind of file lacks.
    RegraftError
        If the written file does not say what the classifier says; nothing is written then.
    """
    path, say = Path(path), announce or (lambda sentence: None)
    target = targets.find(to)
    _check_request(classifier, path, target, int8, images, force)
    side = None if target.side is None else target.side(classifier.backbones)
    precision = "int8" if int8 else "f32"
    known = labelled(images, classifier) if int8 else None  # what cannot be calibrated on is told before the work
    shown, notes = _images(images, side, classifier)
    exact = replace(classifier, precisions=("f32",) * len(classifier.backbones))
    with _aside(path) as folder:
        say(f"Writing {target.name}.")
        whole = folder / path.name
        _write(exact, target, whole, precision, side)
        say(f"Comparing it with the classifier on {len(shown)} images.")
        parity = []
        for each in target.precisions():
            run = target.open(whole, each)
            parity.append(compare(run, each, shown, exact))
            if not parity[-1].holds and rounding_alone(parity[-1], run, shown, exact):
                notes.append(
                    f"Probabilities differ by up to {parity[-1].largest:.2g}, as OpenCV rounds grey levels in its own "
                    "way here when it enlarges small images; of the same squares the file says what the classifier "
                    "says."
                )
            else:
                check(parity[-1], target.name)
        eight = None
        if known is not None:
            say("Calibrating int8.")
            eight = eight_bits(target, whole, *known, classifier)
            parity = [compare(target.open(whole, "int8"), "int8", shown, exact)]
            check(parity[0], target.name)
        paths = _move(folder, path, target)
    return Exported(
        paths,
        target.name,
        precision,
        sum(each.stat().st_size for each in paths),
        tuple(parity),
        eight,
        side,
        snippet(
            target.name,
            path,
            told=classifier.familiarity is not None,
            side=side,
            stretch=_stretches(classifier),
            precision=precision,
        ),
        tuple(notes),
    )


def _check_request(classifier: Classifier, path: Path, target: Target, int8: bool, images: Any, force: bool) -> None:
    if classifier.modality != "image":
        raise UsageError(
            f"Only classifiers of images can be exported, but this one names {NOUNS[classifier.modality][1]}; "
            "use it with `regraft predict` or `regraft serve`."
        )
    if path.suffix != target.suffix:
        raise UsageError(f"A file for {target.name} must end in {target.suffix}, but {path.name} does not; rename it.")
    for file in target.files(path):
        if file.is_dir():
            raise UsageError(f"The export must be written to a file, but {file} is a folder; choose another name.")
        if file.exists() and not force:
            raise UsageError(f"The export must be a new file, but {file} exists; choose another or say --force.")
    if int8 and target.quantize is None:
        able = ", ".join(name for name, each in targets.TARGETS.items() if each.quantize is not None)
        raise UsageError(f"--int8 must have a target that computes in it ({able}), not {target.name}; leave it out.")
    if int8 and images is None:
        raise UsageError(
            "--int8 must be calibrated on labelled images like those learnt from; name them with --images."
        )
    ways = {backbone.preprocessing.resize for backbone in classifier.backbones}
    if target.side is not None and len(ways) > 1:
        raise UsageError(
            f"A file for {target.name} must have networks that look at one and the same square, but these crop and "
            "stretch; choose another target."
        )


def _stretches(classifier: Classifier) -> bool:
    return classifier.backbones[0].preprocessing.resize == "stretch"


def _images(source: Any, side: int | None, classifier: Classifier) -> tuple[list[np.ndarray], list[str]]:
    """Return what is compared on: `IMAGES` decoded images."""
    found: list[np.ndarray] = []
    notes = []
    if source is not None:
        examples, _ = list_examples(source, "image")
        enough = max(backbone.preprocessing.short_side for backbone in classifier.backbones)
        for position in np.random.default_rng(0).permutation(len(examples)):
            try:
                found.append(decode(read_bytes(examples[position]), enough))
            except Unreadable:
                continue
            if len(found) == IMAGES:
                break
    if len(found) < IMAGES:
        notes.append(
            f"It was compared on {len(found) or 'no'} images of yours and {IMAGES - len(found)} parts of the photos "
            "that come with scikit-learn; --images takes more of yours."
        )
        found += bundled(IMAGES - len(found))
    if side is not None:
        found = [squared(image, side, stretch=_stretches(classifier)) for image in found]
    return found, notes


def _write(classifier: Classifier, target: Target, path: Path, precision: str, side: int | None) -> None:
    from regraft.export.network import ClassifierNetwork

    network = ClassifierNetwork(classifier).eval().requires_grad_(False)
    target.write(Job(network, outputs(classifier), about(classifier, precision, side), side), path)


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Yield a folder beside the wanted file, which goes in the end.

    Raises
    ------
    RegraftError
        If the place cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, path: Path, target: Target) -> tuple[Path, ...]:
    files: Sequence[Path] = target.files(path)
    try:
        for file in reversed(files):  # what belongs beside it first
            (folder / file.name).replace(file)
    except OSError as error:
        raise _unwritable(path, error) from error
    return tuple(files)


def _unwritable(path: Path, error: OSError) -> RegraftError:
    return RegraftError(
        f"The export must be written where files can be made, but {path} cannot ({error.strerror}); choose another "
        "place."
    )
