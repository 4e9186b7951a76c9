from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import DataError, UsageError
from regraft.multitask.fitting import fit_tasks
from regraft.multitask.result import TasksResult

COLUMNS = ("colour", "amount", "level", "tags")


def test_every_task_is_learnt_in_every_way_and_told(fitted_tasks: tuple[TasksResult, list[str]]) -> None:
    result, said = fitted_tasks
    assert [(task.name, task.kind) for task in result.tasks] == [
        ("colour", "classes"),
        ("amount", "numbers"),
        ("level", "ordinal"),
        ("tags", "multi-label"),
    ]
    assert all(task.n_missing == 5 for task in result.tasks)
    for task in result.tasks:
        assert list(task.compared.ways) == ["linear", "alone", "together"]
        assert task.kept == min(task.val_loss, key=lambda way: task.val_loss[way])
        assert task.sentence in said
    # The colours cannot be mistaken, and all the rest follows from them.
    assert result.tasks[0].compared.ways["together"]["accuracy"].value > 0.9
    assert "Task colour: 3 classes (blue, green, red); 5 of 120 have no label." in said
    assert "Split: 96 train, 24 test." in said


def test_the_record_is_plain(fitted_tasks: tuple[TasksResult, list[str]]) -> None:
    told = json.loads(json.dumps(fitted_tasks[0].to_dict(), allow_nan=False))
    assert told["n"] == {"train": 96, "val": 0, "test": 24}
    assert [task["measure"] for task in told["tasks"]] == [
        "accuracy",
        "mean_absolute_error",
        "mean_absolute_error",
        "macro_f1",
    ]
    assert set(told["gained"]) | set(told["lost"]) <= set(COLUMNS)


def test_the_model_says_what_was_learnt_and_survives_being_saved(
    fitted_tasks: tuple[TasksResult, list[str]], table: Path, tmp_path: Path
) -> None:
    from regraft.multitask.model import Tasks

    result, _ = fitted_tasks
    result.model.save(tmp_path / "m.regraft")
    loaded = Tasks.load(tmp_path / "m.regraft")
    folder = table.parent / "images"
    before, after = (model.predict([folder / "red", folder / "blue"]) for model in (result.model, loaded))
    assert before == after and len(after) == 80
    red = [said.answers for said in after[:40]]
    assert np.mean([answers["colour"].value == "red" for answers in red]) > 0.9
    assert np.mean([answers["level"].value == "3" for answers in red]) > 0.9
    assert np.median([answers["amount"].value for answers in red]) == pytest.approx(20.3, abs=2)
    assert max(abs(answers["amount"].value - 20.3) for answers in red) < 10
    assert np.mean([answers["tags"].value == ["warm"] for answers in red]) > 0.9


def test_a_network_is_fine_tuned_for_all_tasks_and_kept_where_it_is_better(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regraft.finetuning.settings import Training
    from regraft.multitask import fitting
    from regraft.multitask.model import Tasks

    pack = fitting.pack

    def keep(*given: Any) -> Tasks:
        return pack(*given[:6], ["together", "alone", "together", "linear"], *given[7:])

    monkeypatch.setattr(fitting, "pack", keep)
    result = fit_tasks(
        table,
        label_columns=COLUMNS,
        strategy="finetune",
        weighting="grad-norm",
        backbone="tf_efficientnet_lite0",
        image_size=64,
        training=Training(unfreeze="blocks.6", epochs=1, refit=False, precision="f32", flips="off", views=1),
    )
    # One trained for all, one for the amount alone, and the frozen one.
    assert [head.backbones for head in result.model.heads] == [(0,), (1,), (0,), (2,)]
    assert [b.weights.source.endswith("fine-tuned here") for b in result.model.backbones] == [True, True, False]
    assert sum(result.weights.values()) == pytest.approx(4, abs=1e-4)
    assert result.settings["training"]["unfreeze"] == "blocks.6"
    result.model.save(tmp_path / "m.regraft")
    image = next((table.parent / "images" / "red").iterdir())
    (said,), (again,) = (model.predict(image) for model in (result.model, Tasks.load(tmp_path / "m.regraft")))
    assert said == again and set(said.answers) == set(COLUMNS)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"label_columns": ("colour", "amounts")}, DataError, "has no column 'amounts'.*did you mean 'amount'"),
        ({"strategy": "auto"}, UsageError, "--strategy must be probe or finetune"),
        ({"strategy": "finetune", "backbone": "tf_efficientnet_lite0+cnn4"}, UsageError, "must name one network"),
        ({"test_size": 0.1}, DataError, "the test must have 20 images or more"),
        ({"task_kinds": {"colour": "numbers"}}, DataError, "column 'colour' must hold numbers, but one cell is 'blue'"),
    ],
)
def test_bad_requests_are_refused_before_any_work(
    table: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    monkeypatch.setattr("regraft.multitask.fitting.see", lambda *_, **__: pytest.fail("work was done"))
    with pytest.raises(error, match=words):
        fit_tasks(table, **({"label_columns": COLUMNS} | change))
