import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import UsageError
from regraft.finetuning.augmentation import PRESETS, Augmentation, mix_batch, preset
from regraft.finetuning.settings import CHOICES

PREPROCESSING = Preprocessing(64)


def noise(height=90, width=120):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def dot(x, y, side=101):
    """Return a black image with a bright spot, whose middle is at (x, y)."""
    image = np.zeros((side, side, 3), np.uint8)
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image


def middle(image):
    """Return where the bright spot is, from the image's centre."""
    y, x = np.nonzero(image[:, :, 0] > 100)
    return np.array([x.mean(), y.mean()]) - (len(image) - 1) / 2


def dots(augmentation, x, y):
    whole = Preprocessing(101, crop=1)
    return np.array([middle(augmentation.view(dot(x, y), whole, seed)) for seed in range(40)])


@pytest.mark.parametrize("resize", ["crop", "stretch"])
@pytest.mark.parametrize("shape", [(90, 120), (40, 30)])
def test_all_off_is_the_preprocessing_alone(resize, shape):
    preprocessing = Preprocessing(64, resize=resize)
    view = Augmentation().view(noise(*shape), preprocessing, 3)
    assert np.array_equal(view, preprocessing.apply(noise(*shape)))


@pytest.mark.parametrize("name", PRESETS)
def test_a_view_follows_its_seed(name):
    views = [preset(name).view(noise(), PREPROCESSING, seed) for seed in (1, 1, 2)]
    assert all(v.shape == (64, 64, 3) and v.dtype == np.uint8 and v.flags.c_contiguous for v in views)
    assert np.array_equal(views[0], views[1])
    assert np.array_equal(views[0], views[2]) == (name == "none")


def test_a_view_is_the_same_in_any_thread_whoever_else_draws():
    augmentation, image = Augmentation(20, 0.1, 5, 0.2, True, (0.3, 1.0), 0.3, 2), noise()
    alone = [augmentation.view(image, PREPROCESSING, seed) for seed in range(24)]
    done = threading.Event()

    def draw():
        while not done.is_set():
            torch.rand(7)

    other = threading.Thread(target=draw)
    other.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            together = list(pool.map(lambda seed: augmentation.view(image, PREPROCESSING, seed), range(24)))
    finally:
        done.set()
        other.join()
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_users_random_states_are_left_alone():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    for seed in range(5):
        Augmentation(20, 0.1, 5, 0.2, True, (0.3, 1.0), 0.3, 2).view(noise(), PREPROCESSING, seed)
    assert torch.equal(before[0], torch.get_rng_state())
    assert random.getstate() == before[1]
    assert np.array_equal(np.random.get_state()[1], before[2])  # noqa: NPY002


def test_the_image_given_is_not_changed():
    image = noise(64, 64)
    for name in PRESETS:
        preset(name).view(image, Preprocessing(64, crop=1), 5)
    assert np.array_equal(image, noise(64, 64))


def test_rotation_keeps_the_distance_from_the_centre_and_its_bound():
    found = dots(Augmentation(rotation=40), 80, 50)
    assert np.linalg.norm(found, axis=1) == pytest.approx(30, abs=0.7)
    angles = np.degrees(np.arctan2(found[:, 1], found[:, 0]))
    assert np.abs(angles).max() <= 41
    assert angles.min() < -25
    assert angles.max() > 25


def test_shift_is_a_share_of_the_side():
    found = dots(Augmentation(shift=0.2), 50, 50)
    assert np.abs(found).max() <= 0.2 * 101 + 0.5
    assert (found.min(axis=0) < -12).all()
    assert (found.max(axis=0) > 12).all()


def test_zoom_scales_each_axis_within_its_bound():
    scale = dots(Augmentation(zoom=0.3), 80, 80) / 30
    assert 0.68 < scale.min() < 0.8
    assert 1.2 < scale.max() < 1.32
    assert np.abs(scale[:, 0] - scale[:, 1]).max() > 0.1


def test_shear_moves_along_the_rows_only_as_its_angle_says():
    found = dots(Augmentation(shear=20), 50, 80)
    assert np.abs(found[:, 0]).max() <= 30 * np.sin(np.radians(20)) + 0.5
    assert np.abs(found[:, 0]).max() > 5
    assert (found[:, 1] > 30 * np.cos(np.radians(20)) - 0.5).all()


def test_what_comes_in_repeats_the_edge():
    flat = np.full((80, 80, 3), (200, 120, 40), np.uint8)
    for seed in range(10):
        assert (preset("recipe").view(flat, PREPROCESSING, seed) == (200, 120, 40)).all()
    # A shift alone keeps the rows of a horizontal gradient alike: nothing but the nearest column fills.
    ramp = np.repeat(np.linspace(20, 220, 64).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    view = Augmentation(shift=0.5).view(ramp, Preprocessing(64, crop=1), 1)
    assert view.min() >= 20
    assert view.max() <= 220
    assert (np.diff(view[0, :, 0].astype(int)) >= 0).all()


def test_half_of_the_views_are_mirrored():
    plain = PREPROCESSING.apply(noise())
    views = [Augmentation(flip=True).view(noise(), PREPROCESSING, seed) for seed in range(60)]
    mirrored = sum(np.array_equal(view, plain[:, ::-1]) for view in views)
    assert mirrored + sum(np.array_equal(view, plain) for view in views) == 60
    assert 18 <= mirrored <= 42


def test_a_crop_keeps_the_share_of_the_area_asked_for():
    y, x = np.mgrid[:250, :250].astype(np.uint8)
    image = np.stack([x, y, x], axis=2)
    shares, ratios = [], []
    for seed in range(60):
        view = Augmentation(crop=(0.3, 0.9)).view(image, Preprocessing(125), seed).astype(float)
        width, height = np.ptp(view[:, :, 0]) + 2, np.ptp(view[:, :, 1]) + 2
        shares.append(width * height / 250**2)
        ratios.append(width / height)
    assert 0.28 < min(shares) < 0.45
    assert 0.75 < max(shares) < 0.93
    assert 0.7 < min(ratios) < 0.9
    assert 1.1 < max(ratios) < 1.4


def test_a_crop_is_taken_before_pixels_are_lost():
    fine = np.indices((128, 128)).sum(axis=0) % 2 * np.uint8(255)
    image = np.repeat(fine[:, :, None], 3, axis=2).astype(np.uint8)
    assert Preprocessing(64, crop=1).apply(image).std() < 1
    assert Augmentation(crop=(0.25, 0.25)).view(image, PREPROCESSING, 0).std() > 30


def test_a_crop_is_averaged_by_area_where_it_shrinks():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (640, 640, 3), dtype=np.uint8)
    view = Augmentation(crop=(1.0, 1.0)).view(image, PREPROCESSING, 0)
    assert 4 < view.std() < 11  # of the mean of about a hundred pixels: 74 / 10


def test_colours_change_within_their_bound():
    grey = np.full((64, 64, 3), 100, np.uint8)
    found = [Augmentation(colour=0.3).view(grey, PREPROCESSING, seed).mean() for seed in range(30)]
    assert 69 <= min(found) < 80
    assert 120 < max(found) <= 131


def test_randaugment_fills_with_the_colour_that_means_nothing_to_the_network():
    bright = np.full((64, 64, 3), 200, np.uint8)
    preprocessing = Preprocessing(64, mean=(0.0, 1.0, 0.0))
    filled = [
        (Augmentation(randaugment=1).view(bright, preprocessing, seed) == (0, 255, 0)).all(axis=2).any()
        for seed in range(40)
    ]
    assert 5 < sum(filled) < 30


@pytest.mark.parametrize(
    ("crop", "pixels"), [(None, 256), ((1.0, 1.0), 256), ((0.5, 1.0), 317), ((0.25, 1.0), 448), ((0.01, 1.0), 448)]
)
def test_the_decoder_must_deliver_enough_for_the_smallest_crop(crop, pixels):
    assert Augmentation(crop=crop).short_side(Preprocessing(224)) == pixels


def test_the_presets_are_the_ones_that_training_knows():
    assert tuple(PRESETS) == CHOICES["augment"]
    assert [name for name in PRESETS if preset(name).off] == ["none"]
    assert all(preset(name).flip for name in PRESETS if name != "none")
    assert not any(preset(name, flips=False).flip for name in PRESETS)
    assert preset("strong", flips=False).randaugment == 2


def test_an_unknown_preset_is_answered_with_the_valid_ones():
    with pytest.raises(UsageError, match="--augment must be one of none, light, recipe, strong, not 'wild'"):
        preset("wild")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rotation": -1}, "rotation must be from 0 to 180, not -1"),
        ({"zoom": 1.5}, "zoom must be from 0 to 0.9, not 1.5"),
        ({"colour": float("nan")}, "colour must be from 0 to 1, not nan"),
        ({"crop": (0.0, 1.0)}, r"crop must be the smallest and largest share .* not \(0.0, 1.0\)"),
        ({"crop": (0.9, 0.5)}, r"crop must be .* not \(0.9, 0.5\)"),
    ],
)
def test_strengths_out_of_range_are_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        Augmentation(**wrong)


def test_it_is_told_in_words_and_in_json():
    everything = Augmentation(40, 0.2, 11.5, 0.3, True, (0.25, 1.0), 0.1, 2)
    assert everything.description == (
        "cropped to 25 to 100% of the area, rotated by up to 40°, shifted by up to 20% of the side, "
        "sheared by up to 11.5°, zoomed by up to 30%, mirrored half of the time, "
        "changed in brightness, contrast and saturation by up to 10%, put through 2 of RandAugment's operations"
    )
    assert Augmentation().description == ""
    values = json.loads(json.dumps(everything.to_dict()))
    assert values == everything.to_dict()
    assert Augmentation(**{**values, "crop": tuple(values["crop"])}) == everything
    assert Augmentation().to_dict()["crop"] is None


@pytest.mark.parametrize("shape", [(), (7, 7), (5,)], ids=["vectors", "maps", "tokens"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_mixup_blends_inputs_and_targets_alike(shape, dtype):
    targets = torch.tensor([0, 1, 2, 3, 4, 0])
    # Inputs that say their class: after blending they must say the targets.
    inputs = one_hot(targets, 5).to(dtype).reshape(6, 5, *(1 for _ in shape)).expand(6, 5, *shape).clone()
    kept = inputs.clone()
    for seed in range(5):
        torch.manual_seed(seed)
        mixed, shares = mix_batch("mixup", inputs, targets, 5)
        assert mixed.shape == inputs.shape
        assert mixed.dtype == dtype
        said = mixed.float().flatten(2).mean(dim=2) if shape else mixed.float()
        assert torch.allclose(said, shares, atol=0.01)
        assert torch.allclose(shares.sum(dim=1), torch.ones(6))
    assert torch.equal(inputs, kept)
    assert (shares.max(dim=1).values < 1).any()


@pytest.mark.parametrize("channels", [3, 5])
def test_cutmix_gives_targets_by_area(channels):
    targets = torch.tensor([0, 1, 2, 0])
    inputs = one_hot(targets, channels).float().reshape(4, channels, 1, 1).expand(4, channels, 14, 14).clone()
    cut = []
    for seed in range(8):
        torch.manual_seed(seed)
        mixed, shares = mix_batch("cutmix", inputs, targets, channels)
        assert set(mixed.unique().tolist()) <= {0.0, 1.0}
        assert torch.allclose(mixed.mean(dim=(2, 3)), shares, atol=1e-5)
        cut.append(shares.max(dim=1).values.min().item())
    assert min(cut) < 0.9


def test_mixing_in_a_way_that_is_not_is_refused():
    targets = torch.tensor([0, 1])
    with pytest.raises(
        UsageError, match=r"cutmix must have images or feature maps .* came with \(2, 8\); use --mix mi"
    ):
        mix_batch("cutmix", torch.zeros(2, 8), targets, 2)
    with pytest.raises(UsageError, match="--mix must be mixup or cutmix here, not 'none'"):
        mix_batch("none", torch.zeros(2, 3, 8, 8), targets, 2)
