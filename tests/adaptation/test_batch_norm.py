import numpy as np
import pytest
import torch

from regraft.adaptation import batch_norm
from regraft.adaptation.batch_norm import adapt_batch_norm
from regraft.backbones.lookup import get_backbones
from regraft.backbones.stages import batch_norms
from regraft.backbones.weights import HeldWeights
from regraft.data.images import read_bytes
from regraft.errors import DataError, UsageError
from regraft.features.extraction import extract
from regraft.finetuning.network import build_body


@pytest.fixture(scope="module")
def backbone():
    return get_backbones("test_resnet", weights="none", image_size=32)[0]


@pytest.fixture(scope="module")
def images(colours):
    return sorted(colours.rglob("*.jpg"))


def adapt(backbone, images, **settings):
    return adapt_batch_norm(backbone, images, [str(image) for image in images], **settings)


def first_norm(backbone, images):
    """Return the first batch normalisation, and what enters it (c, n)."""
    body = build_body(backbone)
    norm = next(batch_norms(body))
    entered = []
    norm.register_forward_pre_hook(lambda module, arguments: entered.append(arguments[0]))
    with torch.no_grad():
        body(torch.from_numpy(np.stack([backbone.pixels(read_bytes(image)) for image in images])).float())
    return norm, entered[0].double().movedim(1, 0).flatten(1)


@pytest.mark.parametrize("batch", [32, 5])
def test_statistics_are_the_exact_mean_and_variance_of_the_activations(backbone, images, batch, monkeypatch):
    monkeypatch.setattr(batch_norm, "BATCH", batch)
    norm, entered = first_norm(adapt(backbone, images, prior=0.0), images)
    np.testing.assert_allclose(norm.running_mean.numpy(), entered.mean(1).numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.running_var.numpy(), entered.var(1).numpy(), rtol=1e-4, atol=1e-5)


def test_the_old_statistics_count_as_so_many_examples(backbone, images):
    norm, entered = first_norm(adapt(backbone, images, prior=len(images) / 3), images)
    old = next(batch_norms(build_body(backbone)))
    expected = 0.75 * entered.mean(1).numpy() + 0.25 * old.running_mean.numpy()
    np.testing.assert_allclose(norm.running_mean.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_statistics_are_moved_by_what_the_target_has_of_another_source(backbone, images):
    reds = [image for image in images if "red" in image.name]
    blues = [image for image in images if "blue" in image.name]
    _, reds_entered = first_norm(backbone, reds)
    _, blues_entered = first_norm(backbone, blues)
    old = next(batch_norms(build_body(backbone)))
    norm, _ = first_norm(adapt(backbone, reds, source=blues, prior=0.0), reds)
    ratio = (reds_entered.var(1) + norm.eps) / (blues_entered.var(1) + norm.eps)
    expected = reds_entered.mean(1) - ratio.sqrt() * (blues_entered.mean(1) - old.running_mean)
    np.testing.assert_allclose(norm.running_mean.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_target_that_is_the_source_changes_nothing(backbone, images):
    before = backbone.build().state_dict()
    after = adapt(backbone, images, source=images).build().state_dict()
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=1e-4, atol=1e-5)


def test_nothing_but_the_statistics_changes(backbone, images):
    before, after = backbone.build().state_dict(), adapt(backbone, images).build().state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.rpartition(".")[2] for name in changed} == {"running_mean", "running_var"}


def test_weights_are_held_and_run_on_every_engine(backbone, images):
    adapted = adapt(backbone, images)
    assert isinstance(adapted.weights, HeldWeights)
    assert adapted.weights.source.endswith(", batch-norm statistics re-estimated here")
    assert adapted.weights.sha256() != backbone.weights.sha256()
    names = [str(image) for image in images]
    here, there = (
        extract(images, names, (adapted,), engine=engine, precisions=("f32",)).values
        for engine in ("torch", "openvino")
    )
    np.testing.assert_allclose(here, there, rtol=1e-2, atol=1e-3)
    assert not np.allclose(here, extract(images, names, (backbone,), engine="torch").values, atol=1e-3)


def test_seed_and_number_of_examples(backbone, images):
    done = []
    adapt(backbone, images, at_most=4, progress=lambda *counts: done.append(counts))
    assert done[-1] == (4, 4)
    done.clear()
    adapt(backbone, images[:5], source=images[5:8], progress=lambda *counts: done.append(counts))
    assert done == [(3, 8), (8, 8)]
    first = adapt(backbone, images, at_most=4)
    assert first.weights.sha256() == adapt(backbone, images, at_most=4).weights.sha256()
    assert first.weights.sha256() != adapt(backbone, images, at_most=4, seed=1).weights.sha256()


def test_recordings_are_listened_to(tmp_path):
    import wave

    backbone = get_backbones("test_resnet", modality="audio", weights="none", image_size=32)[0]
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.wav")
        samples = np.random.default_rng(number).normal(0, 3000, 8000).astype(np.int16)
        with wave.open(str(files[-1]), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
    adapted = adapt(backbone, files)
    assert adapted.sound == backbone.sound
    assert adapted.weights.sha256() != backbone.weights.sha256()


def test_what_cannot_be_read_is_left_out(backbone, images):
    damaged = [*images[:3], b"no image"]
    found = adapt_batch_norm(backbone, damaged, list("abcd"), prior=0.0)
    expected = adapt_batch_norm(backbone, images[:3], list("abc"), prior=0.0)
    one, two = (each.build().state_dict()["bn1.running_mean"] for each in (found, expected))
    torch.testing.assert_close(one, two)
    with pytest.raises(DataError, match=r"must be of examples that can be read, but none of 1 can be \(x among them\)"):
        adapt_batch_norm(backbone, [b"no image"], ["x"])
    with pytest.raises(DataError, match=r"none of 1 can be \(the source among them\)"):
        adapt_batch_norm(backbone, images[:2], ["a", "b"], source=[b"no image"])
    with pytest.raises(DataError, match="must be of an example or more, but there is none"):
        adapt_batch_norm(backbone, images[:2], ["a", "b"], source=[])
    with pytest.raises(DataError, match="must be of an example or more, but there is none"):
        adapt_batch_norm(backbone, [], [])


def test_networks_without_batch_normalisation(images):
    plain = get_backbones("test_vit", weights="none")[0]
    with pytest.raises(UsageError, match="network with batch normalisation, but test_vit has none; choose another"):
        adapt(plain, images)
    texts = get_backbones(modality="text")[0]
    with pytest.raises(UsageError, match="must be those of a network with batch normalisation, but all-MiniLM"):
        adapt(texts, ["a text"])


@pytest.mark.parametrize("settings", [{"prior": -1.0}, {"at_most": 1}])
def test_arguments_out_of_range(backbone, images, settings):
    with pytest.raises(UsageError, match="prior must be 0 or more and at_most 2 or more, not prior="):
        adapt(backbone, images, **settings)
