"""Whether the audit finds faults that were planted in real images, and what share of a fit it takes.

labels      5% of the flowers' labels are flipped to another class: share of the flips within the first 10% of the
            images as the audit ranks them (target 0.6), and precision among the first 50.
leaks       20 training images are put into the test part too: 5 as they are, 5 saved anew (JPEG quality 30 to 90), 5
            resized (0.4 to 1.5 times), 5 both. Share of the exact ones found (target 1), of the others (target 0.95),
            and share of all images that are called copies and are none (target 0.001 at most). Copies that were in
            the set from before are taken out first: by their bytes.
border      one class of the flowers gets a coloured border, 6 pixels wide: whether that is called a shortcut.
order       the solar cells of the package elpv-dataset, in their order: accuracy on random folds and on blocks.
share       the audit's share of the time of `regraft fit flowers`, first and second.
"""

from __future__ import annotations

import io
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, show
from accuracy import solar_cells
from PIL import Image

TARGETS = {
    "flips_in_first_tenth": (">=", 0.6),
    "exact_leaks_found": (">=", 1.0),
    "altered_leaks_found": (">=", 0.95),
    "falsely_called_copies": ("<=", 0.001),
    "border_found": (">=", 1.0),
    "audit_share_first_fit": ("<=", 0.1),
}


def flipped(flowers: Any, rng: np.random.Generator) -> dict[str, float]:
    """Flip labels, and look for them."""
    from regraft import audit

    y, k = flowers.y.copy(), len(flowers.class_names)
    chosen = rng.choice(len(y), len(y) // 20, replace=False)
    y[chosen] = (y[chosen] + rng.integers(1, k, len(chosen))) % k
    found = audit(replace(flowers, labels={"label": y})).audit
    ranked = [suspect.position for suspect in found.label_errors]
    truth = set(chosen.tolist())
    return {
        "flips_in_first_tenth": len(truth & set(ranked[: len(y) // 10])) / len(truth),
        "precision_at_50": len(truth & set(ranked[:50])) / 50,
        "labels_called_wrong": len(found.likely_errors) / len(y),
    }


def leaked(flowers: Any, rng: np.random.Generator) -> dict[str, float]:
    """Put training images into the test part, and look for them."""
    from regraft import audit

    n = len(flowers)
    test = np.zeros(n, bool)
    test[rng.choice(n, n // 5, replace=False)] = True
    originals = rng.choice(np.flatnonzero(~test), 20, replace=False)
    copies = [altered(Path(flowers.examples[int(i)]), number // 5, rng) for number, i in enumerate(originals)]
    both = replace(
        flowers,
        examples=[*flowers.examples, *copies],
        names=(*flowers.names, *(f"copy {number}" for number in range(20))),
        labels={"label": np.concatenate([flowers.y, flowers.y[originals]])},
        split=np.array(["test" if each else "train" for each in test] + ["test"] * 20),
    )
    found = audit(both).audit
    pairs = {(leak.position - n, leak.copy) for leak in found.leaks}
    hits = [(number, int(i)) in pairs for number, i in enumerate(originals)]
    known = {n + number for number in range(20)} | set(originals.tolist())
    called = {position for group in found.duplicates for position in group.positions}
    return {
        "exact_leaks_found": float(np.mean(hits[:5])),
        "altered_leaks_found": float(np.mean(hits[5:])),
        "falsely_called_copies": len(called - known) / len(both),
    }


def altered(file: Path, how: int, rng: np.random.Generator) -> bytes:
    """Return an image's bytes as they are (0), saved anew (1), resized (2), or both (3)."""
    if how == 0:
        return file.read_bytes()
    image = Image.open(file).convert("RGB")
    if how >= 2:
        scale = float(rng.uniform(0.4, 1.5))
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95 if how == 2 else int(rng.integers(30, 91)))
    return out.getvalue()


def bordered(flowers: Any, rng: np.random.Generator) -> dict[str, float]:
    """Paint a border around the images of one class, and see whether it is found."""
    from regraft import audit

    painted = int(rng.integers(len(flowers.class_names)))
    colour = rng.integers(0, 256, 3, dtype=np.uint8)
    examples = []
    for example, label in zip(flowers.examples, flowers.y, strict=True):
        pixels = np.array(Image.open(example).convert("RGB"))
        if label == painted:
            pixels[:6], pixels[-6:], pixels[:, :6], pixels[:, -6:] = colour, colour, colour, colour
        examples.append(pixels)
    found = audit(replace(flowers, examples=examples)).audit
    name = flowers.class_names[painted]
    return {"border_found": float(any(cue.found and name in cue.gives_away for cue in found.shortcuts))}


def without_copies(dataset: Any) -> Any:
    """Return a data set without files that are there twice."""
    from regraft.data.images import digest, read_bytes

    first: dict[str, int] = {}
    for position, example in enumerate(dataset.examples):
        first.setdefault(digest(read_bytes(example)), position)
    return dataset.take(list(first.values()))


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "the folder of data sets (default: REGRAFT_DATA, or ../shared/data)", runs=None)
    arguments.add_argument("--seeds", type=positive, default=3, help="plantings of each fault (default: %(default)s)")
    given = arguments.parse_args()
    data = data_folder(given.data)
    from regraft import audit, fit, read_source

    values: dict[str, Any] = {}
    with own_cache() as folder:
        for name in ("first", "second"):
            timings = fit(data / "flowers").timings
            values[f"audit_share_{name}_fit"] = round(timings["audit"] / timings["total"], 4)
            note(f"{name} fit: audit {timings['audit']:.2f} s of {timings['total']:.2f} s")
        flowers = without_copies(read_source(data / "flowers"))
        rows: list[dict[str, float]] = []
        for seed in range(given.seeds):
            rng = np.random.default_rng(seed)
            rows.append({**flipped(flowers, rng), **leaked(flowers, rng), **bordered(flowers, rng)})
            note(f"seed {seed}: " + ", ".join(f"{key} {value:.4f}" for key, value in rows[-1].items()))
        for key in rows[0]:
            each = [row[key] for row in rows]
            values |= {key: round(statistics.mean(each), 4), f"{key}_min": min(each), f"{key}_max": max(each)}
        cells = solar_cells(data, folder)
        if cells is not None:
            order = audit(cells).audit.order
            values |= {"elpv_random_folds": order.random, "elpv_blocks": order.blocks, "elpv_warned": order.related}
    show({**values, "seeds": given.seeds}, TARGETS, given.json)


if __name__ == "__main__":
    main()
