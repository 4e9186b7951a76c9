import math
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from regraft.backbones.lookup import get_backbones
from regraft.backbones.stages import batch_norms
from regraft.errors import RegraftError, UsageError
from regraft.finetuning import module as module_of
from regraft.finetuning.batches import CutBatches, train_loader, validation_loader
from regraft.finetuning.head import build_head
from regraft.finetuning.module import FineTuning
from regraft.finetuning.network import TrainedNetwork, lower_part, upper_part
from regraft.finetuning.schedules import phases
from regraft.finetuning.settings import Training
from regraft.finetuning.training import LAST, check_checkpoint, train
from regraft.finetuning.views import Views
from regraft.heads.temperature import fit_temperature

SETTLED = Training(
    epochs=3,
    batch_size=4,
    learning_rate=0.01,
    weight_decay=0.01,
    rate="constant",
    average=False,
    clip=0.0,
    label_smoothing=0.0,
    patience=100,
)
CLASSES = np.array([0, 1, 2, 0, 1, 2, 0, 1])


def settings(**changes):
    return Training(**{**SETTLED.to_dict(), **changes})


class Case:
    """A small network, and batches of random inputs to train and validate it on."""

    def __init__(self, network, inputs, y, val_inputs, val_y, shape=None):
        self.network, self.shape = network, shape
        self.start = copied(network)
        self.inputs, self.y, self.val_inputs, self.val_y = inputs, y, val_inputs, val_y

    def loaders(self, size=4):
        def batches(inputs, y):
            bits = inputs.reshape(len(inputs), 1, -1).view(np.uint32) >> 16
            return CutBatches(Views(bits.astype(np.uint16), 0), np.arange(len(y)), y, self.shape)

        return (
            train_loader(batches(self.inputs, self.y), size, seed=0),
            validation_loader(batches(self.val_inputs, self.val_y), 4),
        )

    def train(self, training=SETTLED, validated=True, **options):
        batches, val = self.loaders(training.batch_size)
        options = {"name": "tuned", "seed": 0, **options}
        return train(self.network, batches, val if validated else None, training, 3, **options)

    def val_loss(self):
        self.network.eval()
        with torch.no_grad():
            [*found] = [(self.network(inputs), y) for inputs, y in self.loaders()[1]]
        return fit_temperature(torch.cat([f for f, _ in found]).numpy(), torch.cat([y for _, y in found]).numpy())[1]


def copied(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def moved(before, after):
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def rounded(values):
    """Return values that are bf16 already."""
    return (values.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def vectors(val_y=CLASSES, n=8, kind=TrainedNetwork):
    """Return a linear head on vectors that are easy to tell apart."""
    torch.manual_seed(0)
    drawn = np.random.default_rng(0)
    centres = 2 * drawn.standard_normal((3, 6))
    y = np.resize(CLASSES, n)
    inputs, val = (rounded(centres[y] + 0.3 * drawn.standard_normal((n, 6))) for _ in range(2))
    return Case(kind(None, build_head("linear", 6, 3), (), None), inputs, y, val, np.resize(val_y, n))


def waken(network):
    """Let the residual branches count: with random weights their last normalisation gives zero."""
    with torch.no_grad():
        for norm in batch_norms(network):
            norm.weight.fill_(1.0)


def maps(unfreeze="layer2", **options):
    """Return the upper part of a residual network with a head, on random maps that pass the cut."""
    [backbone] = get_backbones("test_resnet", weights="none", image_size=32)
    torch.manual_seed(0)
    if unfreeze == "all":
        body, trained = upper_part(backbone, "all", cut=False)
        shape: tuple[int, ...] = (32, 32, 3)
        network = TrainedNetwork(body, build_head("linear", backbone.feature_dim, 3), trained, None, **options)
    else:
        shape = lower_part(backbone, unfreeze)[1]
        body, trained = upper_part(backbone, unfreeze, cut=True)
        network = TrainedNetwork(body, build_head("linear", backbone.feature_dim, 3), trained, shape, **options)
    waken(network)
    drawn = np.random.default_rng(0)
    inputs = rounded(drawn.uniform(0, 255 if unfreeze == "all" else 1, (16, *shape)))
    return Case(network, inputs[:8], CLASSES, inputs[8:], CLASSES, shape)


# --- phases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["layer-by-layer", "gradual", "head-first"])
def test_only_the_stages_of_a_phase_change_in_it(schedule):
    case = maps()
    states = [case.start]
    training = settings(schedule=schedule, epochs=4)
    found = case.train(training, report=lambda epoch: states.append(copied(case.network)))
    plan = phases(schedule, case.network.trained, 4)
    names = [phase.name for phase in plan for _ in range(4 // len(plan))]
    if schedule == "head-first":
        names = ["head", "all", "all", "all"]
    assert [epoch.phase for epoch in found.history] == names
    learning = {phase.name: set(phase.learning) for phase in plan}
    for epoch, before, after in zip(found.history, states[:-1], states[1:], strict=True):
        parts = {"head" if name.startswith("head") else name.split(".")[2] for name in moved(before, after)}
        assert parts == learning[epoch.phase]
    if schedule == "layer-by-layer":
        assert [epoch.phase for epoch in found.history] == ["head", "layer4", "layer3", "layer2"]


def test_lower_stages_learn_slower_and_the_head_faster():
    case = maps()
    case.train(settings(epochs=1, batch_size=8, optimizer="adam", layer_decay=0.1, head_rate=5, weight_decay=0))
    # The first step of Adam is as long as the learning rate.
    after = copied(case.network)
    steps = {
        name: max(float((after[n] - case.start[n]).abs().max()) for n in after if name in n and "weight" in n)
        for name in ("head", "layer4", "layer3", "layer2")
    }
    assert steps == {
        "head": pytest.approx(0.05, rel=0.01),
        "layer4": pytest.approx(0.01, rel=0.01),
        "layer3": pytest.approx(0.001, rel=0.01),
        "layer2": pytest.approx(0.0001, rel=0.02),
    }


def test_the_rate_of_each_epoch_is_told():
    rates = [epoch.learning_rate for epoch in maps().train(settings(rate="cosine", epochs=4)).history]
    # The last step of each epoch of two begins at 1/8, 3/8, 5/8 and 7/8.
    expected = [0.01 * 0.5 * (1 + math.cos(math.pi * (p - 0.1) / 0.9)) for p in (1 / 8, 3 / 8, 5 / 8, 7 / 8)]
    assert rates == pytest.approx(expected)


def test_too_few_epochs_for_the_schedule():
    with pytest.raises(UsageError, match="--schedule gradual must have 2 epochs or more, not 1"):
        maps().train(settings(schedule="gradual", epochs=1))


# --- batch normalisation ----------------------------------------------------------------------------


@pytest.mark.parametrize("average", [False, True])
def test_statistics_stay_in_fine_tuning(average):
    case = maps()
    case.train(settings(average=average))
    changed = moved(case.start, copied(case.network))
    assert any("layer2" in name for name in changed)
    assert not [name for name in changed if "running" in name or "num_batches" in name]


def test_statistics_are_learnt_from_scratch():
    case = maps("all", learn_statistics=True)
    case.train(settings(average=False))
    statistics = {name for name in case.start if "running" in name or "num_batches" in name}
    assert statistics <= moved(case.start, copied(case.network))
    assert all(int(norm.num_batches_tracked) in (2, 4, 6) for norm in batch_norms(case.network))


# --- what it learns by ------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("average", [False, True])
def test_every_optimizer_learns(optimizer, average):
    case = vectors(n=24)
    before = case.val_loss()
    found = case.train(settings(optimizer=optimizer, average=average, epochs=12, learning_rate=0.1))
    assert found.best is not None and found.note == ""
    assert found.best.val_loss < 0.8 * before
    assert found.best.val_accuracy == 1.0
    assert case.val_loss() == pytest.approx(found.best.val_loss, rel=1e-4)


def test_averaged_weights_are_others():
    states = []
    for average in (False, True):
        case = vectors()
        case.train(settings(average=average, learning_rate=0.1))
        states.append(copied(case.network))
    assert moved(*states) == {"head.0.weight", "head.0.bias"}


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_training_loss_is_cross_entropy_with_smoothed_labels(smoothing):
    case = vectors()
    with torch.no_grad():
        logits = case.network(torch.from_numpy(case.inputs))
    expected = float(cross_entropy(logits, torch.from_numpy(case.y), label_smoothing=smoothing))
    found = case.train(settings(label_smoothing=smoothing, epochs=1, batch_size=8))
    assert found.history[0].train_loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
@pytest.mark.parametrize("unfreeze", ["layer3", "all"])
def test_mixing_maps_and_pixels(mix, unfreeze):
    plain, mixed = maps(unfreeze), maps(unfreeze)
    plain.train(settings(epochs=1))
    found = mixed.train(settings(epochs=1, mix=mix))
    assert found.best is not None and math.isfinite(found.best.train_loss)
    assert moved(copied(plain.network), copied(mixed.network))


def test_vectors_cannot_be_cut_into_each_other():
    assert vectors().train(settings(mix="mixup")).best is not None
    with pytest.raises(UsageError, match=r"cutmix must have images or feature maps .* use --mix mixup"):
        vectors().train(settings(mix="cutmix"))


@pytest.mark.parametrize(("regularize", "strength"), [("l2-sp", 100), ("delta", 1)])
def test_what_is_held_stays_nearer(regularize, strength):
    far = []
    for held in (0, strength):
        case = maps("layer4")
        case.train(settings(regularize=regularize, strength=held, optimizer="sgd", learning_rate=0.001))
        far.append(
            sum(float((t - case.start[n]).pow(2).sum()) for n, t in copied(case.network).items() if "layer4" in n)
        )
    assert 0 < far[1] < far[0]


def test_gradients_are_clipped():
    case = vectors()
    case.train(settings(optimizer="sgd", epochs=1, batch_size=8, learning_rate=1.0, weight_decay=0, clip=0.01))
    steps = [(tensor - case.start[name]).flatten() for name, tensor in copied(case.network).items()]
    # With Nesterov's momentum the first step is 1.9 times the gradient.
    assert float(torch.cat(steps).norm()) == pytest.approx(0.019, rel=1e-3)


def test_bf16_trains_float32_weights():
    case = maps("layer3")
    found = case.train(settings(epochs=1), precision="bf16")
    exact = maps("layer3")
    expected = exact.train(settings(epochs=1))
    assert found.best is not None and expected.best is not None
    assert {tensor.dtype for name, tensor in copied(case.network).items() if "weight" in name} == {torch.float32}
    assert found.best.train_loss != expected.best.train_loss
    assert found.best.train_loss == pytest.approx(expected.best.train_loss, rel=0.05)


def test_the_same_seed_gives_the_same_and_the_user_s_own_draws_stay():
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        case = maps("layer3")
        torch.manual_seed(5)
        case.train(settings(mix="mixup"), seed=3)
        assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(5)))
        states.append(copied(case.network))
    assert not moved(*states)


# --- which epoch is kept ----------------------------------------------------------------------------

WRONG = (CLASSES + 1) % 3
"""The more is learnt, the worse it is on these."""


@pytest.mark.parametrize("average", [False, True])
def test_the_epoch_with_the_least_validation_loss_is_kept(average):
    case = vectors(val_y=WRONG)
    states = []
    found = case.train(
        settings(epochs=4, learning_rate=0.1, average=average), report=lambda _: states.append(copied(case.network))
    )
    losses = [epoch.val_loss for epoch in found.history]
    assert losses == sorted(losses)
    assert found.best == found.history[0]
    assert case.val_loss() == pytest.approx(losses[0], rel=1e-4)
    if not average:
        assert not moved(states[0], copied(case.network))
        assert moved(states[-1], copied(case.network))


def test_it_ends_when_there_is_no_better_epoch_for_a_while():
    found = vectors(val_y=WRONG).train(settings(epochs=30, patience=2, learning_rate=0.1))
    assert [epoch.epoch for epoch in found.history] == [1, 2, 3]
    assert found.note == ""


def test_without_validation_images_the_end_is_kept():
    case = vectors()
    found = case.train(settings(epochs=2), validated=False)
    assert (found.history, found.best, found.note) == ((), None, "")
    other = vectors()
    states = []
    other.train(settings(epochs=2), report=lambda _: states.append(copied(other.network)))
    assert not moved(states[-1], copied(case.network))


def test_epochs_are_told_as_they_end():
    told = []
    found = vectors().train(report=told.append, name="mine")
    assert tuple(told) == found.history
    assert [(epoch.attempt, epoch.epoch) for epoch in told] == [("mine", 1), ("mine", 2), ("mine", 3)]


def test_whoever_is_told_need_not_be_copied():
    class Listener:
        def __init__(self):
            self.lock, self.told = threading.Lock(), []

        def hear(self, epoch):
            self.told.append(epoch)

    listener = Listener()
    assert vectors().train(settings(average=True), report=listener.hear).history == tuple(listener.told)


def test_the_network_is_left_in_evaluation_mode():
    case = maps("layer4")
    case.train(settings(epochs=1))
    assert not any(part.training for part in case.network.modules())


# --- losses that are no numbers ---------------------------------------------------------------------


class Breaking(TrainedNetwork):
    """Gives no numbers from some training step, or from some validation, on."""

    training_steps = validations = 10**9

    def forward(self, inputs):
        if self.training:
            self.training_steps -= 1
        else:
            self.validations -= 1
        return super().forward(inputs) * (math.nan if min(self.training_steps, self.validations) < 0 else 1.0)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize(("what", "step"), [("training_steps", 4), ("validations", 4)])
def test_the_best_before_the_loss_was_no_number_is_kept(average, what, step):
    case = vectors(n=16, kind=Breaking)
    setattr(case.network, what, 11 if what == "training_steps" else 4)
    found = case.train(settings(epochs=5, average=average))
    # Four steps and two validation batches an epoch: it is the twelfth step, or after the third epoch.
    assert found.note == "the loss is no longer a number at step 12 (epoch 3)"
    assert [epoch.epoch for epoch in found.history] == [1, 2]
    assert found.best == min(found.history, key=lambda epoch: epoch.val_loss)
    case.network.training_steps = case.network.validations = 10**9
    assert case.val_loss() == pytest.approx(found.best.val_loss, rel=1e-4)


def test_nothing_is_left_of_a_training_that_breaks_in_its_first_epoch():
    case = vectors(kind=Breaking)
    case.network.training_steps = 1
    found = case.train()
    assert (found.history, found.best) == ((), None)
    assert found.note == "the loss is no longer a number at step 2 (epoch 1)"


# --- time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [8, 40])
def test_no_time_for_one_epoch(n):
    case = vectors(n=n)
    found = case.train(deadline=time.monotonic() - 1)
    assert (found.history, found.best) == ((), None)
    assert found.note.startswith("one epoch takes about 0 s, and 0 s are left")


def test_the_end_of_the_time_is_the_end_of_the_training(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(module_of.time, "monotonic", lambda: float(next(clock)))
    case = vectors(n=40)
    training = settings(epochs=1000, rate="cosine", schedule="together")
    found = case.train(training, deadline=400.0)
    assert found.note == ""
    assert 1 <= len(found.history) < 100
    assert found.best is not None
    # By then the rate has come down, as if it had been planned so.
    assert found.history[-1].learning_rate < 0.1 * training.learning_rate


# --- checkpoints ------------------------------------------------------------------------------------


class Stop(Exception):
    pass


def interrupted(folder, make=vectors, after=2, fingerprint=None, **changes):
    """Break a training off as its next epoch ends, before that is written."""

    def hear(epoch):
        if epoch.epoch > after:
            raise Stop

    with pytest.raises(Stop):
        make().train(settings(epochs=5, **changes), folder=folder, report=hear, fingerprint=fingerprint)
    return folder / LAST


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("make", [vectors, lambda: maps("layer4")], ids=["vectors", "maps"])
def test_a_resumed_training_goes_on_and_ends_as_if_nothing_had_happened(tmp_path, average, make):
    last = interrupted(tmp_path / "a", make, average=average, rate="one-cycle")
    told = []
    case = make()
    training = settings(epochs=5, average=average, rate="one-cycle")
    found = case.train(training, folder=tmp_path / "a", resume=last, report=told.append)
    assert [epoch.epoch for epoch in told] == [3, 4, 5]
    assert [epoch.epoch for epoch in found.history] == [1, 2, 3, 4, 5]
    whole = make()
    expected = whole.train(training)
    for a, b in zip(found.history, expected.history, strict=True):
        assert a.val_loss == pytest.approx(b.val_loss, rel=1e-5)
        assert a.learning_rate == pytest.approx(b.learning_rate, rel=1e-6)
    for name, tensor in copied(whole.network).items():
        assert torch.allclose(tensor, copied(case.network)[name], rtol=1e-4, atol=1e-6), name


def test_the_time_before_an_interruption_counts(tmp_path):
    last = interrupted(tmp_path, vectors)
    checkpoint = torch.load(last, weights_only=True)
    for epoch in checkpoint["history"]:
        epoch["seconds"] += 100
    torch.save(checkpoint, last)
    found = vectors().train(settings(epochs=5), folder=tmp_path, resume=last)
    seconds = [epoch.seconds for epoch in found.history]
    assert seconds == sorted(seconds)
    assert seconds[0] > 100


def test_a_finished_training_is_taken_as_it_is(tmp_path):
    case = vectors(val_y=WRONG)
    expected = case.train(folder=tmp_path)
    again = vectors(val_y=WRONG)
    found = again.train(folder=tmp_path, resume=tmp_path / LAST, report=lambda _: pytest.fail("trained anew"))
    assert found == expected
    assert not moved(copied(case.network), copied(again.network))


@pytest.mark.parametrize("average", [False, True])
def test_a_finished_training_without_validation_is_taken_as_it_is(tmp_path, average):
    training = settings(average=average, learning_rate=0.1)
    case, again = vectors(), vectors()
    case.train(training, folder=tmp_path, validated=False)
    again.train(training, folder=tmp_path, validated=False, resume=tmp_path / LAST)
    assert not moved(copied(case.network), copied(again.network))


def test_a_checkpoint_of_another_training(tmp_path):
    mine = {"data set": "a", "backbone": "b", "way of training": "c"}
    last = interrupted(tmp_path, fingerprint=mine)
    check_checkpoint(last, mine)
    with pytest.raises(UsageError, match="must be of the same training, but it has another backbone; give the data"):
        check_checkpoint(last, {**mine, "backbone": "x"})
    with pytest.raises(UsageError, match="but it has another data set and another way of training; "):
        vectors().train(resume=last, fingerprint={**mine, "data set": "x", "way of training": "x"})


def test_no_checkpoint(tmp_path):
    with pytest.raises(UsageError, match=r"^--resume must name the folder of a training .* has no last\.ckpt; leave"):
        vectors().train(resume=tmp_path / LAST)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_never_run(tmp_path):
    torch.save({"fingerprint": {}, "state_dict": Malicious(tmp_path / "ran")}, tmp_path / LAST)
    with pytest.raises(UsageError, match=r"must be one of regraft's, but it cannot be read \(UnpicklingError\); leave"):
        vectors().train(resume=tmp_path / LAST)
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / LAST, weights_only=False)  # it was one
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["empty", "short", "text", "list"])
def test_a_damaged_checkpoint(tmp_path, damage):
    last = interrupted(tmp_path)
    if damage == "list":
        torch.save([1], last)
    else:
        last.write_bytes({"empty": b"", "short": last.read_bytes()[:-500], "text": b"no checkpoint"}[damage])
    with pytest.raises(UsageError, match="must be one of regraft's, but it cannot be read"):
        vectors().train(resume=last)


def test_checkpoints_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RegraftError, match=r"The checkpoints must be written where there is room, but .*file.* cannot"):
        vectors().train(folder=tmp_path / "file" / "deeper")


def test_temporary_checkpoints_are_not_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    vectors().train()
    assert list(tmp_path.iterdir()) == []
    vectors().train(folder=tmp_path / "kept")
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["best.ckpt", LAST]


def test_ctrl_c_stays_ctrl_c(tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def press(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vectors().train(folder=tmp_path, report=press)
    assert signal.getsignal(signal.SIGINT) is before
    assert (tmp_path / LAST).is_file()


def test_another_exit_is_none(tmp_path):
    def leave(epoch):
        raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        vectors().train(report=leave)


# --- cut and whole ----------------------------------------------------------------------------------


def test_cut_training_is_the_same_training():
    [backbone] = get_backbones("test_resnet", weights="none", image_size=32)
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(0, 256, (16, 32, 32, 3)).astype(np.float32)
    lower, shape = lower_part(backbone, "layer3")
    from regraft.backbones.vision import FeatureNetwork

    below = FeatureNetwork(lower.build(), lower).eval()
    waken(below)
    with torch.no_grad():
        passed = below(torch.from_numpy(pixels)).numpy()
    found = []
    for cut in (True, False):
        torch.manual_seed(0)
        body, trained = upper_part(backbone, "layer3", cut)
        head = build_head("linear", backbone.feature_dim, 3)
        network = TrainedNetwork(body, head, trained, shape if cut else None)
        waken(network)
        inputs = passed if cut else pixels
        case = Case(network, inputs[:8], CLASSES, inputs[8:], CLASSES, tuple(shape) if cut else (32, 32, 3))
        before = case.val_loss()
        case.train(settings(epochs=1, batch_size=8, optimizer="sgd", learning_rate=0.01))
        found.append((before, case.val_loss(), copied(case.network), case.start))
    (before, after, state, start), (whole_before, whole_after, whole_state, _) = found
    assert before == pytest.approx(whole_before, rel=0.01)
    assert after == pytest.approx(whole_after, rel=0.01)
    compared = 0
    for name, tensor in state.items():
        if ("layer" in name or "head" in name) and "weight" in name:
            step, whole_step = (tensor - start[name]).flatten(), (whole_state[name] - start[name]).flatten()
            assert float(torch.cosine_similarity(step, whole_step, dim=0)) > 0.99, name
            assert float(whole_step.norm()) > 0
            compared += 1
    assert compared > 5


# --- the module -------------------------------------------------------------------------------------


def test_biases_and_norms_do_not_decay():
    case = maps("layer4")
    network = case.network
    plan = phases("together", network.trained, 3)
    module = FineTuning(network, settings(weight_decay=0.3), plan, 2, 3, None, None, "x", {}, 0.0)
    groups = module.configure_optimizers().param_groups
    assert {group["stage"] for group in groups} == {"layer4", "head"}
    for group in groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.3}
    learnt = sum(len(group["params"]) for group in groups)
    assert learnt == sum(p.requires_grad for p in network.parameters())
