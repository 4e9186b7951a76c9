import math

import pytest

from regraft.errors import UsageError
from regraft.finetuning.schedules import phase_at, phases, rate_factor, rates

STAGES = ("a", "b", "c")


def by_epoch(plan, epochs):
    """Return the phase of each epoch."""
    return [phase_at(plan, epoch / epochs)[0] for epoch in range(epochs)]


# --- phases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 7])
def test_together(epochs):
    [phase] = phases("together", STAGES, epochs)
    assert (phase.learning, phase.until) == ((*STAGES, "head"), 1.0)


@pytest.mark.parametrize("schedule", ["together", "head-first", "gradual", "layer-by-layer"])
def test_where_the_head_alone_is_trained_there_is_one_phase(schedule):
    [phase] = phases(schedule, (), 1)
    assert (phase.name, phase.learning) == ("head", ("head",))


@pytest.mark.parametrize(("epochs", "first"), [(2, 1), (4, 1), (8, 2), (20, 5)])
def test_head_first(epochs, first):
    found = [phase.learning for phase in by_epoch(phases("head-first", STAGES, epochs), epochs)]
    assert found == [("head",)] * first + [(*STAGES, "head")] * (epochs - first)


def test_gradual_adds_a_stage_at_a_time_from_the_top():
    plan = phases("gradual", STAGES, 8)
    assert [set(phase.learning) for phase in plan] == [
        {"head"},
        {"head", "c"},
        {"head", "c", "b"},
        {"head", "c", "b", "a"},
    ]
    assert [phase.until for phase in plan] == [0.25, 0.5, 0.75, 1.0]
    assert [phase.name for phase in plan] == ["head", "c and above", "b and above", "a and above"]


def test_layer_by_layer_exactly_one_stage_learns_at_a_time():
    plan = phases("layer-by-layer", STAGES, 4)
    assert [phase.learning for phase in plan] == [("head",), ("c",), ("b",), ("a",)]
    assert [phase.name for phase in plan] == ["head", "c", "b", "a"]


def test_neighbours_share_a_phase_where_there_are_fewer_epochs():
    plan = phases("layer-by-layer", STAGES, 3)
    assert [phase.learning for phase in plan] == [("head",), ("c",), ("a", "b")]
    assert plan[-1].name == "a to b"
    assert phases("gradual", STAGES, 2)[-1].name == "a to c and above"


@pytest.mark.parametrize("schedule", ["gradual", "layer-by-layer"])
@pytest.mark.parametrize("epochs", [2, 3, 5, 7, 30])
@pytest.mark.parametrize("count", [1, 2, 6, 17])
def test_every_phase_has_an_epoch_and_every_stage_a_phase(schedule, epochs, count):
    names = tuple(f"blocks.{i}" for i in range(count))
    plan = phases(schedule, names, epochs)
    assert list(dict.fromkeys(by_epoch(plan, epochs))) == list(plan)
    assert {name for phase in plan for name in phase.learning} == {*names, "head"}
    assert plan[-1].until == 1.0
    if schedule == "layer-by-layer":
        learning = [name for phase in plan for name in phase.learning]
        assert len(learning) == len(set(learning))


@pytest.mark.parametrize("schedule", ["head-first", "gradual", "layer-by-layer"])
def test_too_few_epochs(schedule):
    with pytest.raises(UsageError, match=f"^--schedule {schedule} must have 2 epochs or more, not 1; raise --epochs.$"):
        phases(schedule, STAGES, 1)


# --- where a training stands ------------------------------------------------------------------------


def test_the_phase_at_a_point_and_how_far_it_has_come():
    plan = phases("head-first", STAGES, 4)
    assert phase_at(plan, 0.0) == (plan[0], 0.0)
    assert phase_at(plan, 0.125) == (plan[0], 0.5)
    assert phase_at(plan, 0.25) == (plan[1], 0.0)
    assert phase_at(plan, 0.625) == (plan[1], pytest.approx(0.5))
    assert phase_at(plan, 1.0) == (plan[1], 1.0)
    assert phase_at(plan, 1.2) == (plan[1], 1.0)


def test_an_epoch_that_ends_a_phase_is_not_its_last_by_rounding():
    plan = phases("layer-by-layer", ("a", "b"), 3)
    for steps in (7, 10, 13):
        assert [phase_at(plan, epoch * steps / (3 * steps))[0].name for epoch in range(3)] == ["head", "b", "a"]


def test_a_plan_has_a_phase():
    with pytest.raises(AssertionError, match="a plan has a phase"):
        phase_at((), 0.5)


# --- learning rates ---------------------------------------------------------------------------------


def test_one_cycle_rises_for_three_tenths_and_falls_to_nothing():
    assert rate_factor("one-cycle", 0) == pytest.approx(1 / 25)
    assert rate_factor("one-cycle", 0.15) == pytest.approx((1 / 25 + 1) / 2)
    assert rate_factor("one-cycle", 0.3) == 1
    assert rate_factor("one-cycle", 0.65) == pytest.approx(0.5)
    assert rate_factor("one-cycle", 1) == pytest.approx(0)


def test_cosine_warms_up_in_a_straight_line():
    assert [rate_factor("cosine", p) for p in (0, 0.05, 0.1)] == [0, 0.5, 1]
    for p in (0.2, 0.5, 0.9):
        assert rate_factor("cosine", p) == pytest.approx(0.5 * (1 + math.cos(math.pi * (p - 0.1) / 0.9)))
    assert rate_factor("cosine", 1) == pytest.approx(0)


def test_constant():
    assert {rate_factor("constant", p) for p in (0, 0.3, 1)} == {1}


@pytest.mark.parametrize(("kind", "peak"), [("one-cycle", 30), ("cosine", 10)])
def test_the_rate_rises_once_and_falls_once(kind, peak):
    found = [rate_factor(kind, p / 100) for p in range(101)]
    assert max(found) == found[peak] == 1
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)


def test_lower_stages_learn_slower():
    found = rates(STAGES, 0.08, layer_decay=0.5, head_rate=10)
    assert found == {"c": 0.08, "b": 0.04, "a": 0.02, "head": pytest.approx(0.8)}
    assert rates((), 0.1, 0.5, 1.0) == {"head": 0.1}
