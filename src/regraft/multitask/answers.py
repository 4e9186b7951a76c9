"""What a model of several tasks says of one example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What is said of one task.

    Parameters
    ----------
    value : str, list of str or float
        The class, the labels (perhaps none), or the number.
    probabilities : dict of str to float
        Of each class or label, the most probable first; empty where the task is of numbers.
    """

    value: Any
    probabilities: dict[str, float] = field(default_factory=dict)

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return plain values for JSON, with the `top` most probable classes."""
        if not self.probabilities:
            return {"value": self.value}
        return {"value": self.value, "probabilities": dict(list(self.probabilities.items())[:top])}


@dataclass(frozen=True)
class TaskPrediction:
    """What is said of one example.

    Parameters
    ----------
    name : str
        The example.
    answers : dict of str to Answer
        By task; empty where the example could not be read.
    error : str or None
        Why it could not be read.
    """

    name: str
    answers: dict[str, Answer]
    error: str | None = None

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return plain values for JSON, with the `top` most probable classes of each task."""
        values: dict[str, Any] = {
            "name": self.name,
            "tasks": {task: answer.to_dict(top) for task, answer in self.answers.items()},
        }
        return values if self.error is None else {**values, "error": self.error}
