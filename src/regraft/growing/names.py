"""Names of classes as users write them."""

from __future__ import annotations

import difflib

from regraft.classifier import Classifier
from regraft.errors import UsageError


def learnable(classifier: Classifier, name: str) -> str:
    """Return the name under which a class can be learnt.

    Raises
    ------
    UsageError
        If it is empty, a class that the head was fitted on, or one that is written in another way.
    """
    name = name.strip()
    if not name:
        raise UsageError("A class must have a name, but it is empty; name what the images show.")
    if name in classifier.fitted_classes:
        raise UsageError(
            f"The class must be a new one, or one that was learnt after the fit, but {name!r} was fitted; "
            "fit anew with these images among the others."
        )
    written = {known.casefold(): known for known in classifier.classes}
    other = written.get(name.casefold(), name)
    if other != name:
        raise UsageError(
            f"The class {name!r} is there already as {other!r}; use that name, or a clearly different one."
        )
    return name


def position_of(classifier: Classifier, name: str) -> int:
    """Return the position of a class that is there.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name in classifier.classes:
        return classifier.classes.index(name)
    written = {known.casefold(): known for known in reversed(classifier.classes)}
    near = difflib.get_close_matches(name.strip().casefold(), written, n=1)
    guess = f"did you mean {written[near[0]]!r}?" if near else f"it has {', '.join(classifier.classes[:10])}."
    raise UsageError(f"The classifier must have the class that is to be forgotten, but has no {name!r}: {guess}")
