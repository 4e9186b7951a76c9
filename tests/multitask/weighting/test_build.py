from __future__ import annotations

import pytest

from regraft.multitask.weighting import WEIGHTINGS
from regraft.multitask.weighting.build import build_weighting
from regraft.multitask.weighting.equal import Equal


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_each_name_gives_its_own_way_and_one_task_needs_none(name: str) -> None:
    several = build_weighting(name, ("classes", "numbers"), (1.0, 1.0))
    assert type(several).__name__.lower() == name.replace("-", "")
    assert isinstance(build_weighting(name, ("numbers",), (1.0,)), Equal)
