"""Links within the source and within the target."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.domains.adapt import adapt
from regraft.domains.linking import read_linked
from regraft.errors import DataError

Make = Callable[..., Dataset]
Tiny = dict[str, Any]


@pytest.fixture(scope="module")
def dim(make: Make) -> tuple[Dataset, Dataset]:
    """Two domains in which a quarter of the images look like those of another class."""
    domains = []
    for seed, name in enumerate(("day", "night")):
        data = make((20, 20, 20), light=-20 * seed, seed=seed, name=name)
        mixed = np.random.default_rng(seed).permutation(60)[:15]
        examples = list(data.examples)
        for i in mixed:
            examples[i] = data.examples[int(np.flatnonzero(data.y == (data.y[i] + 1) % 3)[0])]
        domains.append(replace(data, examples=examples))
    return domains[0], domains[1]


def linked(path: Path, *domains: Dataset, across: bool = False, unknown: int = 0, own: int = 0) -> Path:
    """Write links between examples of one class, some for each example of each domain."""
    rows: list[tuple[str, str]] = []
    for data in domains:
        for c in range(len(data.class_names)):
            same = [data.names[i] for i in np.flatnonzero(data.y == c)]
            rows += [(name, same[(i + step) % len(same)]) for i, name in enumerate(same) for step in (1, 3)]
    if across:
        rows = list(zip(domains[0].names, domains[1].names, strict=True))
    rows += [("nobody", domains[0].names[i]) for i in range(unknown)]
    rows += [(domains[0].names[i], domains[0].names[i]) for i in range(own)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("source", "target"), *rows])
    return path


def test_links_that_agree_make_predictions_better(dim: tuple[Dataset, Dataset], tiny: Tiny, tmp_path: Path) -> None:
    day, night = dim
    links = linked(tmp_path / "links.csv", day, night, unknown=2, own=3)
    found = adapt(day, night, method="center", links=links, **tiny)
    assert found.related is not None and found.related.accuracy is not None
    assert found.related.accuracy_without == pytest.approx(found.evaluation.accuracy)  # type: ignore[union-attr]
    assert found.related.accuracy > found.related.accuracy_without
    named = found.related.probabilities.argmax(axis=1)
    assert found.related.accuracy == pytest.approx(np.mean(named == night.y))
    said = " ".join(found.related.notes)
    assert "3 links join an example with itself" in said
    assert "nobody" in said
    assert found.to_dict()["links"]["accuracy"] == found.related.accuracy


def test_an_example_without_links_keeps_its_prediction(
    dim: tuple[Dataset, Dataset], tiny: Tiny, tmp_path: Path
) -> None:
    day, night = dim
    found = adapt(day, night, method="center", links=linked(tmp_path / "l.csv", day, night.take(range(30))), **tiny)
    assert found.related is not None
    np.testing.assert_array_equal(found.related.probabilities[30:], found.probabilities[30:])
    assert not np.array_equal(found.related.probabilities[:30], found.probabilities[:30])


def test_links_must_be_within_each_domain(dim: tuple[Dataset, Dataset], tiny: Tiny, tmp_path: Path) -> None:
    day, night = dim
    with pytest.raises(DataError, match="must join examples within the source and within the target, but none joins"):
        adapt(day, night, method="center", links=linked(tmp_path / "a.csv", day, night, across=True), **tiny)
    with pytest.raises(DataError, match="none joins two of the target"):
        adapt(day, night, method="center", links=linked(tmp_path / "b.csv", day), **tiny)


def test_names_that_both_domains_have_are_told_apart(make: Make, tiny: Tiny, tmp_path: Path) -> None:
    one, other = make((6, 6, 6), name="x"), make((6, 6, 6), seed=1, name="x")
    rows = [(f"{side}/x-{i}", f"{side}/x-{i + 1}") for side in ("source", "target") for i in range(17)]
    path = tmp_path / "links.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("source", "target"), *rows])
    found = adapt(one, other, method="center", links=path, **tiny)
    assert found.related is not None
    assert found.related.probabilities.shape == (18, 3)


def test_links_across_domains_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("a,b\ns0,s1\ns1,t0\nt0,t2\n")
    found = read_linked(path, ["s0", "s1"], ["t0", "t1", "t2"])
    assert (found.source.edges.tolist(), found.target.edges.tolist()) == ([[0, 1]], [[0, 2]])
    assert found.notes == ("1 link between source and target is not used",)


def test_a_type_of_link_that_only_the_target_has_is_not_used(
    dim: tuple[Dataset, Dataset], tiny: Tiny, tmp_path: Path
) -> None:
    day, night = dim
    path = linked(tmp_path / "links.csv", day, night)
    header, *rows = path.read_text().splitlines()
    rows = [f"{row},{'patient' if row.startswith('day') else 'module'}" for row in rows]
    path.write_text("\n".join([f"{header},type", *rows]))
    found = adapt(day, night, method="center", links=path, **tiny)
    assert found.related is not None
    np.testing.assert_array_equal(found.related.probabilities, found.probabilities)
    said = " ".join(found.related.notes)
    assert "links of the type 'module' are not among those of the source: 120 are not used" in said
    assert "no link is left to smooth predictions over" in said
