"""Views of a recording's picture: deterministic, of the right kind, and as strong as asked."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import UsageError
from regraft.finetuning.sound_augmentation import GREY, SOUND_PRESETS, SoundAugmentation, sound_preset

PIXELS = Preprocessing(64, resize="stretch")


@pytest.fixture
def picture():
    """A bright line, rising from left to right, on grey."""
    grey = np.full((128, 200), GREY, np.uint8)
    for column in range(200):
        row = 110 - column // 2
        grey[row - 4 : row + 4, column] = 250
    return np.repeat(grey[:, :, None], 3, axis=2)


def height(view):
    """Return the mean row of what is bright."""
    weights = np.maximum(view[:, :, 0].astype(float) - GREY - 20, 0)
    return (weights.sum(axis=1) * np.arange(len(weights))).sum() / weights.sum()


def test_nothing_is_changed_as_it_comes(picture):
    assert SoundAugmentation().off
    assert SoundAugmentation().description == ""
    np.testing.assert_array_equal(SoundAugmentation().view(picture, PIXELS, 1), PIXELS.apply(picture))


def test_the_same_seed_gives_the_same_view_in_any_thread(picture):
    strong = sound_preset("strong")
    expected = [strong.view(picture, PIXELS, seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: strong.view(picture, PIXELS, seed), range(16)))
    np.testing.assert_array_equal(found, expected)
    assert len({view.tobytes() for view in expected}) == 16


@pytest.mark.parametrize("name", [name for name in SOUND_PRESETS if name != "none"])
def test_views_are_pictures(picture, name):
    view = sound_preset(name).view(picture, PIXELS, 3)
    assert view.shape == (64, 64, 3)
    assert view.dtype == np.uint8
    np.testing.assert_array_equal(view[:, :, 0], view[:, :, 1])


def test_pitch_moves_the_tones_up_and_down(picture):
    still = height(PIXELS.apply(picture))
    moved = [height(SoundAugmentation(pitch=0.1).view(picture, PIXELS, seed)) - still for seed in range(20)]
    assert min(moved) < -2
    assert max(moved) > 2
    assert np.abs(moved).max() <= 0.1 * 64 + 1


def test_shift_moves_in_time_and_tempo_changes_the_slope(picture):
    def columns(view):
        bright = np.maximum(view[:, :, 0].astype(float) - GREY - 20, 0)[40:54].sum(axis=0)
        return (bright * np.arange(64)).sum() / bright.sum()

    still = columns(PIXELS.apply(picture))
    for augmentation in (SoundAugmentation(shift=0.2), SoundAugmentation(tempo=0.5)):
        moved = [columns(augmentation.view(picture, PIXELS, seed)) - still for seed in range(20)]
        assert max(np.abs(moved)) > 1


def test_tract_stretches_about_the_middle(picture):
    view = np.stack([SoundAugmentation(tract=0.3).view(picture, PIXELS, seed) for seed in range(10)])
    assert (view != PIXELS.apply(picture)).any(axis=(1, 2, 3)).all()


def test_an_equalizer_changes_whole_bands_alike(picture):
    flat = np.full_like(picture, GREY)
    view = SoundAugmentation(equalizer=0.1).view(flat, PIXELS, 0)[:, :, 0].astype(float)
    assert view.std(axis=1).max() == 0
    assert view.std(axis=0).min() > 2


def test_contrast_keeps_the_grey(picture):
    views = [SoundAugmentation(contrast=0.5).view(picture, PIXELS, seed)[:, :, 0] for seed in range(10)]
    brightest = [int(view.max()) for view in views]
    assert min(brightest) < 240
    assert all(np.median(view) == GREY for view in views)


def test_noise_is_as_loud_as_asked_at_most(picture):
    flat = np.full_like(picture, GREY)
    spreads = [SoundAugmentation(noise=0.1).view(flat, PIXELS, seed)[:, :, 0].std() for seed in range(20)]
    assert 15 < max(spreads) < 27


def test_masks_grey_out_bands_and_spans():
    bright = np.full((128, 128, 3), 250, np.uint8)
    views = [SoundAugmentation(masks=1, mask=0.25).view(bright, PIXELS, seed)[:, :, 0] for seed in range(20)]
    rows = [int((view == GREY).all(axis=1).sum()) for view in views]
    columns = [int((view == GREY).all(axis=0).sum()) for view in views]
    assert 8 < max(rows) <= 16
    assert 8 < max(columns) <= 16


def test_a_decoder_need_not_deliver_more():
    assert sound_preset("strong").short_side(PIXELS) == PIXELS.short_side


def test_settings_are_told_in_words_and_survive_json():
    strong = sound_preset("strong")
    assert "shifted in pitch" in strong.description
    assert "masked" in strong.description
    assert SoundAugmentation(**json.loads(json.dumps(strong.to_dict()))) == strong
    assert replace(SoundAugmentation(), mask=0.3).off


@pytest.mark.parametrize(("name", "value"), [("pitch", 0.6), ("noise", -0.1), ("masks", 11)])
def test_strengths_out_of_range_are_refused(name, value):
    with pytest.raises(UsageError, match=f"{name} must be from 0 to"):
        SoundAugmentation(**{name: value})


def test_an_unknown_preset_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="--augment must be one of none, light, strong for recordings, not 'recipe'"):
        sound_preset("recipe")
