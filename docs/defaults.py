"""What a parameter's type and default are: the signature says, where the docstring lists values or several names."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

import griffe


@cache
def public() -> tuple[str, ...]:
    """Return where the public functions and classes are defined."""
    import regraft

    found = [getattr(regraft, name) for name in regraft.__all__ if name != "__version__"]
    return tuple(f"{each.__module__}.{each.__qualname__}" for each in found)


class Signatures(griffe.Extension):
    """Take each parameter's default from the signature, or from the field of a dataclass."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        self._mend(func)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        self._mend(cls)

    def _mend(self, described: griffe.Function | griffe.Class) -> None:
        shown = described.path in public() or described.path.rpartition(".")[0] in public()
        if described.docstring is None or not shown:
            return
        called = {parameter.name: parameter for parameter in described.parameters}
        for parameter in called.values():
            if re.fullmatch(r"[A-Z_]+", str(parameter.default)):  # a constant's name tells a reader nothing
                parameter.default = repr(getattr(import_module(described.module.path), str(parameter.default)))
        for section in described.docstring.parsed:
            if section.kind is griffe.DocstringSectionKind.parameters:
                for told in section.value:
                    own = called.get(told.name.lstrip("*"))
                    told.value = own.default if own else None
                    # Of several names on one line, all are given the annotation of the first.
                    if own and any(told.annotation is other.annotation for other in called.values()):
                        told.annotation = own.annotation
