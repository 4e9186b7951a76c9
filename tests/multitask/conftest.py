"""Small tasks that are easy to learn, and a table of drawn images with labels of each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.multitask.splitting import Parts
from regraft.multitask.tasks import Task


@pytest.fixture(scope="session")
def made_up() -> tuple[np.ndarray, tuple[Task, ...]]:
    """Return features (240, 12), and tasks of all kinds that are linear in them; a fifth of the labels is missing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 12)).astype(np.float32)
    known = [rng.random(240) < 0.8 for _ in range(4)]
    levels = np.digitize(X[:, 3], [-0.5, 0.5])
    tags = (X[:, 4:6] > 0).astype(np.float32)
    return X, (
        Task("pet", "classes", ("cat", "dog", "fox"), X[:, :3].argmax(axis=1), known[0]),
        Task("grade", "ordinal", ("1", "2", "3"), levels, known[1]),
        Task("tags", "multi-label", ("indoor", "night"), tags, known[2]),
        Task("weight", "numbers", (), (500 + 80 * X[:, 6]).astype(np.float64), known[3]),
    )


@pytest.fixture(scope="session")
def parts() -> Parts:
    """Return who is learnt from, chosen by and tested on."""
    order = np.random.default_rng(1).permutation(240)
    return Parts(np.sort(order[:140]), np.sort(order[140:180]), np.sort(order[180:]), own_val=False)


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Path:
    """Return a table of 120 drawn images: colour, darkness, level and tags; some cells are empty."""
    folder = tmp_path_factory.mktemp("tasks")
    draw_classes(folder / "images", count=40)
    lines = ["image,colour,amount,level,tags"]
    for number, file in enumerate(sorted((folder / "images").rglob("*.jpg"))):
        colour = file.parent.name
        place = ("blue", "green", "red").index(colour)
        cells = [colour, f"{10 * place + number % 7 / 10:.1f}", str(place + 1), ("cold;calm", "calm", "warm")[place]]
        if number % 6 == 0:
            cells[number // 6 % 4] = ""
        lines.append(",".join([f"images/{colour}/{file.name}", *cells]))
    (folder / "t.csv").write_text("\n".join(lines))
    return folder / "t.csv"


@pytest.fixture(scope="session")
def fitted_tasks(table: Path) -> Any:
    """Return the result of one fit of all tasks on frozen features, and what was said."""
    from regraft.multitask.fitting import fit_tasks

    said: list[str] = []
    result = fit_tasks(
        table,
        label_columns=("colour", "amount", "level", "tags"),
        task_kinds={"level": "ordinal"},
        backbone="tf_efficientnet_lite0",
        announce=said.append,
    )
    return result, said
