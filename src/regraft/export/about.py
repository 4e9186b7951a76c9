"""What an exported file says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from regraft import __version__

if TYPE_CHECKING:
    from regraft.classifier import Classifier

INPUT = "images"
PROBABILITIES = "probabilities"
STRANGENESS = "strangeness"


def outputs(classifier: Classifier) -> list[str]:
    """Return the names of what comes out, in order."""
    return [PROBABILITIES] if classifier.familiarity is None else [PROBABILITIES, STRANGENESS]


def about(classifier: Classifier, precision: str, side: int | None = None) -> dict[str, Any]:
    """Return what goes into the file's metadata: plain values for JSON.

    Parameters
    ----------
    classifier : Classifier
    precision : str
        "f32" or "int8".
    side : int, optional
        Of the squares that are taken in, in pixels; without, images of any size are.
    """
    size = "height, width" if side is None else f"{side}, {side}"
    meaning = {
        INPUT: f"uint8 pixels, red, green, blue, upright, of the shape (n, {size}, 3)",
        PROBABILITIES: "float32 of the shape (n, classes); calibrated",
        STRANGENESS: "float32 of the shape (n,): above 0, an image is unlike all that was learnt from",
    }
    return {
        "producer": f"regraft {__version__}",
        "classes": list(classifier.classes),
        "calibration": classifier.calibration.to_dict(),
        "head": classifier.head,
        "precision": precision,
        "input": {INPUT: meaning[INPUT]},
        "output": {name: meaning[name] for name in outputs(classifier)},
        "backbones": [
            {"name": backbone.name, "weights_sha256": backbone.weights.sha256(), "licence": backbone.weights.licence}
            for backbone in classifier.backbones
        ],
        "info": classifier.info,
    }


def entries(values: dict[str, Any]) -> dict[str, str]:
    """Return the metadata as text under the keys that readers look for."""
    return {
        "regraft": json.dumps(values),
        "classes": json.dumps(values["classes"]),
        "calibration": json.dumps(values["calibration"]),
    }
