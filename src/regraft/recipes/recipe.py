"""A published experiment as data: what was done, on what, how well it went, and the settings that do it again."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import yaml

from regraft.errors import UsageError

METRICS = ("accuracy", "F1", "loss", "seconds", "seconds an epoch")
"""What can be measured beside a published figure; F1 is the mean over classes, loss the cross-entropy in nats."""


@dataclass(frozen=True)
class Published:
    """One published figure.

    Parameters
    ----------
    metric : str
        One of `METRICS`.
    value : float
    part : {"val", "test"}
        The images that it is about.
    says : str
        As it was put, where it is not just the number.
    """

    metric: str
    value: float
    part: str = "test"
    says: str = ""

    def __str__(self) -> str:
        return self.says or f"{self.value:g}"


@dataclass(frozen=True)
class Variant:
    """One of an experiment's models.

    Parameters
    ----------
    name, title : str
    fit : dict
        Arguments of `regraft.fit`.
    training : dict
        Settings of `Training`.
    published : tuple of Published
    """

    name: str
    title: str
    fit: dict[str, Any]
    training: dict[str, Any]
    published: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A published experiment.

    Parameters
    ----------
    name, title, summary : str
    data, layout : str
        What the images are, and how they lie on disk.
    split : dict of str to float
        Images of "train", "val" and "test", or shares of all, for data without a split of their own.
    seed : int
        Of the split and of the training.
    facts : tuple of str
        What was done and found, in sentences.
    variants : dict of str to Variant
    default : tuple of str
        The variants that run where none is named.
    label_from_name : bool
        Whether a flat folder's file names start with the class.
    """

    name: str
    title: str
    summary: str
    data: str
    layout: str
    split: dict[str, float]
    seed: int
    facts: tuple[str, ...]
    variants: dict[str, Variant]
    default: tuple[str, ...]
    label_from_name: bool = False

    def chosen(self, variant: str | None = None) -> list[Variant]:
        """Return the variant of that name, or the default ones.

        Raises
        ------
        UsageError
            If there is none of that name.
        """
        if variant is None:
            return [self.variants[name] for name in self.default]
        if variant not in self.variants:
            raise _unknown(f"--variant of {self.name}", variant, self.variants)
        return [self.variants[variant]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def names() -> list[str]:
    """Return the names of all recipes."""
    every = [file.name for file in files("regraft.recipes").iterdir()]
    return sorted(name.removesuffix(".yaml") for name in every if name.endswith(".yaml"))


def load(name: str) -> Recipe:
    """Return the recipe of a name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    known = names()
    if name not in known:
        raise _unknown("The recipe", name, known)
    return parse(name, (files("regraft.recipes") / f"{name}.yaml").read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Recipe:
    """Return the recipe that a YAML text describes.

    Its own `fit` and `training` hold for every variant, where the variant does not say otherwise.

    Raises
    ------
    UsageError
        If something in it is missing or unknown.
    """
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"The recipe {name} must be YAML, but is not: {error}") from error
    needed = ("title", "summary", "data", "layout", "split", "seed", "facts", "variants", "default")
    _check_names(name, values, needed, ("label_from_name", "fit", "training"))
    common = {part: values.pop(part, {}) for part in ("fit", "training")}
    variants = {
        key: _variant(f"{name}, variant {key},", key, value, common) for key, value in values["variants"].items()
    }
    lists = {part: tuple(values[part]) for part in ("facts", "default")}
    recipe = Recipe(name, **{**values, **lists, "variants": variants})
    for key in recipe.default:
        recipe.chosen(key)
    _check_names(f"{name}, split,", recipe.split, ("train", "test"), ("val",))
    return recipe


def _variant(where: str, key: str, values: dict[str, Any], common: dict[str, dict[str, Any]]) -> Variant:
    _check_names(where, values, ("title",), ("fit", "training", "published"))
    settings = {part: {**common[part], **values.get(part, {})} for part in common}
    if settings["fit"].get("strategy") == "probe":
        settings["training"] = {}
    published = []
    for figure in values.get("published", ()):
        _check_names(f"{where} published", figure, ("metric", "value"), ("part", "says"))
        if figure["metric"] not in METRICS:
            raise _unknown(f"A metric of the recipe {where}", figure["metric"], METRICS)
        published.append(Published(**figure))
    return Variant(key, values["title"], **settings, published=tuple(published))


def _check_names(where: str, values: Any, needed: tuple[str, ...], also: tuple[str, ...]) -> None:
    """Raise unless a mapping has all the names that it needs, and no unknown ones."""
    if not isinstance(values, dict):
        raise UsageError(f"The recipe {where} must have names and values, not {values!r}.")
    missing = [name for name in needed if name not in values]
    if missing:
        raise UsageError(f"The recipe {where} must have {', '.join(missing)}; add what is missing.")
    for name in values:
        if name not in needed + also:
            raise _unknown(f"A name in the recipe {where}", name, needed + also)


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    begun = [each for each in known if each.startswith(name)]
    near = begun or difflib.get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"{what} must be one of {', '.join(known)}, not {name!r}.{hint}")
