"""One photo named by the page's classifier, with the places that speak for the name."""

from __future__ import annotations

from typing import Any

from regraft.classifier import Classifier
from regraft.data.images import thumbnail
from regraft.errors import DataError
from regraft.reports.exhibits import jpeg_uri
from regraft.reports.explanations import explained

LONGEST = 640
"""Pixels of the longest side of the pictures that are shown."""

SHOWN = 8
"""Classes with a bar; the others are summed up."""


def try_photo(classifier: Classifier, name: str, raw: bytes) -> dict[str, Any]:
    """Name a photo, and colour what speaks for the name.

    Parameters
    ----------
    classifier : Classifier
    name : str
        What the user calls the photo.
    raw : bytes
        Its file.

    Returns
    -------
    dict
        `name`, `label`, `confidence`; `bars`, a list of name and share, and `others`, how many classes have none;
        `unfamiliar`, whether it is unlike all that was learnt from, or None; `photo` and `heat` as data URIs, and
        `note` where there is no heat map.

    Raises
    ------
    DataError
        If it is no photo.
    """
    found = classifier.predict([raw])[0]
    if found.label is None:
        raise DataError(f"{name} cannot be named: {found.error}; take a JPEG, PNG or WebP photo.")
    pictures, notes = explained(classifier, [raw], [name], [classifier.classes.index(found.label)], longest=LONGEST)
    heat = pictures[0]
    ranked = list(found.probabilities.items())
    return {
        "name": name,
        "label": found.label,
        "confidence": found.confidence,
        "bars": [{"name": label, "share": share} for label, share in ranked[:SHOWN]],
        "others": len(ranked[SHOWN:]),
        "unfamiliar": found.unfamiliar,
        "photo": jpeg_uri(thumbnail(raw, LONGEST)),
        "heat": None if heat is None else jpeg_uri(heat),
        "note": " ".join(notes),
    }
