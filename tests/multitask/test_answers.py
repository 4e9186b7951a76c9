from __future__ import annotations

from regraft.multitask.answers import Answer, TaskPrediction


def test_answers_are_plain_values() -> None:
    said = TaskPrediction("a.jpg", {"pet": Answer("dog", {"dog": 0.7, "cat": 0.3}), "weight": Answer(2.5)})
    assert said.to_dict(top=1) == {
        "name": "a.jpg",
        "tasks": {"pet": {"value": "dog", "probabilities": {"dog": 0.7}}, "weight": {"value": 2.5}},
    }
    assert TaskPrediction("b.jpg", {}, "no image").to_dict() == {"name": "b.jpg", "tasks": {}, "error": "no image"}
