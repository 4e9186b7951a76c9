"""What is wrong with what is transferred: each fault is named, and what is right is left alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_images

from regraft.backbones import checks
from regraft.backbones.checks import FITS, features_are_scores, pixels_fit
from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import SCALES
from regraft.data.sources import read_source
from regraft.features.extraction import extract

PHOTOS = list(load_sample_images().images)
LITE0 = "tf_efficientnet_lite0"
SCORES = "Class scores used as features: "
PIXELS = "Preprocessing that the weights do not expect: "


def lite0_file() -> Path:
    return get_backbones(LITE0)[0].weights.fetch()


def views() -> list[np.ndarray]:
    """Return 16 quarters of two photographs, as they are and mirrored."""
    quarters = [photo[i : i + 214, j : j + 320] for photo in PHOTOS for i in (0, 213) for j in (0, 320)]
    return quarters + [np.ascontiguousarray(quarter[:, ::-1]) for quarter in quarters]


# --- class scores -----------------------------------------------------------------------------------


def test_probabilities_are_known_for_what_they_are():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(7), 5).astype(np.float32)
    assert features_are_scores(scores)
    assert features_are_scores(np.eye(3))
    assert features_are_scores(scores.astype(np.float16))
    features = np.abs(rng.normal(size=(5, 7)))
    assert not features_are_scores(features)
    assert not features_are_scores(features - 1)
    some = scores.copy()
    some[3] *= 1.1
    assert not features_are_scores(some)
    signed = scores.copy()
    signed[0, :2] += (0.5, -0.5)
    signed[0, 1] = -abs(signed[0, 1])
    assert not features_are_scores(signed)


@pytest.mark.parametrize(
    "values",
    [np.ones((4, 1)), np.zeros((0, 5)), np.full((2, 2), np.nan), np.ones(3) / 3],
    ids=["1", "none", "nan", "1d"],
)
def test_what_is_too_little_to_tell_is_no_probability(values):
    assert not features_are_scores(values)


def test_scores_and_wrong_pixels_are_both_named():
    backbones = get_backbones(LITE0, pool="scores", pixels="0..1")
    features = extract(PHOTOS, ["a", "b"], backbones, precisions=["f32"])
    found = checks.warnings(backbones, features.values, features.widths, PHOTOS)
    assert len(found) == 2
    assert found[0].startswith(f"{SCORES}{LITE0} gives the 1,000 class scores of its source task")
    assert "use --pool avg" in found[0]
    assert found[1] == (
        f"{PIXELS}{LITE0} must have pixels scaled to -1..1, but gets pixels scaled to 0..1; leave --pixels out."
    )
    assert checks.warnings(backbones) == [found[0].replace("1,000 ", ""), found[1]]  # known before the work, too


def test_scores_are_found_in_the_columns_of_their_backbone():
    backbones = get_backbones(f"{LITE0}+resnet18")
    values = np.hstack([np.random.default_rng(0).normal(size=(4, 6)), np.full((4, 5), 0.2)])
    found = checks.warnings(backbones, values, (6, 5))
    assert len(found) == 1
    assert found[0].startswith(f"{SCORES}resnet18 gives the 5 class scores")


def test_nothing_is_said_where_nothing_is_wrong():
    backbones = get_backbones()
    features = extract(PHOTOS, ["a", "b"], backbones, precisions=["f32", "f32"])
    assert checks.warnings(backbones, features.values, features.widths, PHOTOS) == []
    assert checks.warnings(get_backbones("resnet50", pixels="weights", image_size=112)) == []


def test_random_weights_expect_nothing():
    assert checks.warnings(get_backbones("resnet50", weights="none", pixels="0..1", image_size=64)) == []
    assert checks.warnings(get_backbones("cnn3", pixels="-1..1", image_size=64)) == []


def test_pixels_that_happen_to_be_right_are_no_fault():
    assert checks.warnings(get_backbones("inception_v3", pixels="-1..1")) == []
    found = checks.warnings(get_backbones("resnet50", pixels="-1..1"))
    assert found == [
        f"{PIXELS}resnet50 must have pixels of 0..1 less the mean (0.485, 0.456, 0.406), divided by the standard "
        "deviation (0.229, 0.224, 0.225), but gets pixels scaled to -1..1; leave --pixels out."
    ]


def test_far_smaller_images():
    assert checks.warnings(get_backbones("vgg19", image_size=111)) == [
        "Images far smaller than the weights expect: vgg19 learnt from 224 x 224 pixels, but gets 111 x 111; "
        "leave --image-size out."
    ]


# --- weights of unknown preprocessing ---------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_right_scaling_fits_and_others_do_not(level):
    backbone = get_backbones(f"tf_efficientnet_lite{level}")[0]
    network, right = backbone.build(), backbone.preprocessing
    pixels = np.stack([right.apply(view) for view in views()])

    def misfit(mean: tuple[float, ...], std: tuple[float, ...]) -> float:
        fit = pixels_fit(network, replace(backbone, preprocessing=replace(right, mean=mean, std=std)), pixels)
        assert fit is not None
        return fit

    best = misfit(right.mean, right.std)
    wrong = [
        misfit(*SCALES["0..1"]),
        misfit((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        misfit((0.0,) * 3, (1 / 255,) * 3),
        misfit((0.5,) * 3, (0.229,) * 3),
    ]
    assert best < FITS
    assert min(wrong) > max(FITS, 2 * best)


def test_the_misfit_is_the_divergence_of_two_normal_distributions():
    class Normalised(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = torch.nn.BatchNorm2d(3).eval()
            self.bn.running_mean[:] = torch.tensor([0.0, 0.25, 0.5])
            self.bn.running_var[:] = torch.tensor([0.01, 0.04, 0.09])

        def forward_features(self, x):
            return self.bn(x)

    pixels = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3), dtype=np.uint8)
    unit = get_backbones("resnet18", pixels="0..1")[0]
    values = pixels.reshape(-1, 3) / 255
    ours = [
        torch.distributions.Normal(*pair) for pair in torch.tensor(np.stack([values.mean(0), values.std(0, ddof=1)])).T
    ]
    learnt = [torch.distributions.Normal(m, s) for m, s in ((0.0, 0.1), (0.25, 0.2), (0.5, 0.3))]
    expected = np.mean([float(torch.distributions.kl_divergence(*pair)) for pair in zip(ours, learnt, strict=True)])
    assert pixels_fit(Normalised(), unit, pixels) == pytest.approx(expected, rel=1e-4)


def test_a_network_without_batch_normalisation_says_nothing(tmp_path):
    backbone = get_backbones("test_convnext", weights="none")[0]
    network = backbone.build()
    pixels = np.stack([backbone.preprocessing.apply(photo) for photo in PHOTOS])
    assert pixels_fit(network, backbone, pixels) is None
    torch.save(network.state_dict(), tmp_path / "w.pth")
    assert checks.warnings(get_backbones("test_convnext", weights=tmp_path / "w.pth"), examples=PHOTOS) == []


def test_the_network_is_left_as_it_was():
    backbone = get_backbones(LITE0)[0]
    network = backbone.build()
    pixels = np.stack([backbone.preprocessing.apply(photo) for photo in PHOTOS])
    pixels_fit(network, backbone, pixels)
    assert not any(layer._forward_pre_hooks for layer in network.modules())
    assert not network.training


def test_a_file_is_asked_what_it_learnt():
    file = lite0_file()
    assert checks.warnings(get_backbones(LITE0, weights=file), examples=views()) == []
    assert checks.warnings(get_backbones(LITE0, weights=file, pixels="-1..1"), examples=views()) == []
    [found] = checks.warnings(get_backbones(LITE0, weights=file, pixels="0..1"), examples=views())
    assert found.startswith(f"{PIXELS}{LITE0} gets pixels scaled to 0..1, and they reach its first normalisation far")
    assert f"what file {file.name} learnt (misfit 0." in found
    assert "must be below 0.35" in found
    assert "pixels scaled to -1..1 fit better" in found
    assert found.endswith("leave --pixels out.")


def shifted(tmp_path: Path, scale: float, shift: float) -> Path:
    """Return Lite0's weights as if they had been trained on pixels of -1..1, times `scale` plus `shift`."""
    network = timm.create_model(LITE0)
    network.load_state_dict(get_backbones(LITE0)[0].build().state_dict())
    with torch.no_grad():
        summed = network.conv_stem.weight.sum((1, 2, 3))
        network.bn1.running_mean[:] = network.bn1.running_mean * scale + summed * shift
        network.bn1.running_var *= scale**2
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


def test_a_file_trained_on_other_pixels_than_its_network_usually_gets(tmp_path):
    file = shifted(tmp_path, 0.5, 0.5)
    [found] = checks.warnings(get_backbones(LITE0, weights=file), examples=views())
    assert "pixels scaled to 0..1 fit better" in found
    assert found.endswith("use --pixels 0..1.")
    assert checks.warnings(get_backbones(LITE0, weights=file, pixels="0..1"), examples=views()) == []


def test_a_file_trained_on_imagenets_own_scaling(tmp_path):
    file = shifted(tmp_path, 0.5 / 0.225, 0.05 / 0.225)
    [found] = checks.warnings(get_backbones(LITE0, weights=file), examples=views())
    assert found.endswith("use a backbone of that preprocessing.")


def test_a_file_that_no_usual_scaling_fits(tmp_path):
    file = shifted(tmp_path, 127.5, 127.5)
    [found] = checks.warnings(get_backbones(LITE0, weights=file), examples=views())
    assert found.endswith("and no usual way to scale them fits: check how the weights were trained.")


def test_images_that_cannot_be_read_say_nothing(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    backbones = get_backbones(LITE0, weights=lite0_file(), pixels="0..1")
    assert checks.warnings(backbones, examples=[tmp_path / "a.jpg"]) == []
    assert checks.warnings(backbones) == []
    assert len(checks.warnings(backbones, examples=[tmp_path / "a.jpg", *views()])) == 1


@pytest.mark.parametrize("name", ["flowers", "cats_dogs", "signs", "hotdog", "dog_breeds"])
def test_real_images_are_judged_rightly(real_data, name):
    examples = read_source(real_data / name).examples
    file = lite0_file()
    assert checks.warnings(get_backbones(LITE0, weights=file), examples=examples) == []
    if name != "signs":  # hands on white are so unlike photographs that no scaling fits them well
        assert len(checks.warnings(get_backbones(LITE0, weights=file, pixels="0..1"), examples=examples)) == 1
