"""What a server tells of its models."""

from __future__ import annotations

from typing import Any

from regraft.classifier import Classifier
from regraft.serving.models import Served
from regraft.serving.settings import Settings


def facts(served: Served, settings: Settings) -> dict[str, Any]:
    """Return what a model is, how good it was, and what a request may be; plain values for JSON."""
    model = served.model
    backbones = [
        {"name": backbone.name, "precision": precision, "width": width}
        for backbone, precision, width in zip(model.backbones, model.precisions, model.widths, strict=True)
    ]
    told: dict[str, Any] = {"name": served.name, "modality": served.modality}
    if isinstance(model, Classifier):
        told |= {
            "classes": list(model.classes),
            "tasks": None,
            "backbones": backbones,
            "head": model.head,
            "calibration": model.calibration.method,
            "coverage": model.gives_sets,
        }
    else:
        told |= {
            "classes": [],
            "tasks": {head.name: list(head.classes) for head in model.heads},
            "backbones": backbones,
            "head": None,
            "calibration": None,
            "coverage": False,
        }
    limits = {
        "megabytes": settings.max_megabytes,
        "megapixels": settings.max_megapixels,
        "images": settings.max_images,
        "seconds": settings.timeout,
    }
    return {**told, "figures": model.info, "sha256": served.sha256, "limits": limits}
