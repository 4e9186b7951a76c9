from __future__ import annotations

from regraft.multitask.result import TasksResult


def test_each_network_and_layer_is_kept_once_and_only_if_it_is_used(
    fitted_tasks: tuple[TasksResult, list[str]],
) -> None:
    result, _ = fitted_tasks
    model = result.model
    assert [head.learnt for head in model.heads] == [task.kept for task in result.tasks]
    assert len(model.backbones) == 1 and all(head.backbones == (0,) for head in model.heads)
    wanted = {
        None if h.learnt == "linear" else "together" if h.learnt == "together" else f"alone, {h.name}"
        for h in model.heads
    }
    assert set(model.hidden) == wanted - {None}


def test_the_card_tells_every_task(fitted_tasks: tuple[TasksResult, list[str]]) -> None:
    result, _ = fitted_tasks
    for task in result.tasks:
        assert f"| {task.name} |" in result.model.card
        assert result.model.info["tasks"][task.name]["learnt"] == task.kept
    assert "licence Apache-2.0" in result.model.card
