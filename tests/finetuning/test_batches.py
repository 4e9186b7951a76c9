import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.spectrogram import Spectrogram
from regraft.finetuning.augmentation import Augmentation, preset
from regraft.finetuning.batches import (
    CutBatches,
    ImageBatches,
    TextBatches,
    as_floats,
    first_batch,
    shared,
    train_loader,
    validation_loader,
)
from regraft.finetuning.processes import ALONE, Processes
from regraft.finetuning.sound_augmentation import sound_preset
from regraft.finetuning.views import Views


def views_of(n, count, d):
    """Return views whose every value says of which image and view it is: 2 * image + view."""
    values = (2.0 * np.arange(n)[:, None, None] + np.arange(count)[:, None] + np.zeros(d)).astype(np.float32)
    return Views((values.view(np.uint32) >> 16).astype(np.uint16), 0)


def test_rows_of_views_are_the_upper_halves():
    views = views_of(4, 2, 3)
    found = views.rows([3, 0], [1, 0])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[7, 7, 7], [0, 0, 0]])


def test_each_epoch_takes_the_next_view_of_each_image():
    batches = CutBatches(views_of(5, 2, 6), np.array([4, 2, 1]), np.array([10, 11, 12]), (3, 2, 1))
    assert len(batches) == 3
    inputs, y = batches.__getitems__([(0, 0), (2, 0)])
    assert inputs.shape == (2, 3, 2, 1)
    assert y.tolist() == [10, 12]
    at_epoch = [batches.__getitems__([(0, e), (1, e), (2, e)])[0][:, 0, 0, 0].tolist() for e in range(3)]
    assert at_epoch == [[8, 4, 3], [9, 5, 2], [8, 4, 3]]


def test_vectors_stay_vectors():
    inputs, _ = CutBatches(views_of(2, 1, 6), np.arange(2), np.arange(2), None).__getitems__([(0, 0), (1, 0)])
    assert inputs.shape == (2, 6)


def test_a_whole_epoch_has_every_image_once_in_an_order_of_its_own():
    loader = train_loader(CutBatches(views_of(7, 1, 1), np.arange(7), np.arange(7), None), 3, seed=0)
    orders = []
    for epoch in (0, 1, 0):
        loader.sampler.set_epoch(epoch)
        batches = [y.tolist() for _, y in loader]
        assert [len(b) for b in batches] == [3, 3]  # a last batch of one is left out
        orders.append([y for batch in batches for y in batch])
    assert orders[0] == orders[2] != orders[1]
    assert len(set(orders[0])) == 6
    other = train_loader(CutBatches(views_of(7, 1, 1), np.arange(7), np.arange(7), None), 3, seed=1)
    assert torch.cat([y for _, y in other]).tolist() != orders[0]


@pytest.mark.parametrize(
    ("n", "size", "sizes"), [(8, 3, [3, 3, 2]), (6, 3, [3, 3]), (4, 32, [4]), (33, 32, [32]), (2, 32, [2])]
)
def test_sizes_of_batches(n, size, sizes):
    loader = train_loader(CutBatches(views_of(n, 1, 1), np.arange(n), np.arange(n), None), size, seed=0)
    assert [len(y) for _, y in loader] == sizes
    assert len(loader) == len(sizes)


def test_validation_is_in_order_at_the_first_view_and_leaves_nothing_out():
    loader = validation_loader(CutBatches(views_of(9, 1, 1), np.arange(9), np.arange(9), None), 4)
    assert [y.tolist() for _, y in loader] == [list(range(8)), [8]]
    for _ in range(2):
        assert torch.cat([inputs for inputs, _ in loader]).flatten().tolist() == [2.0 * i for i in range(9)]


IMAGES = [np.random.default_rng(i).integers(0, 256, (50, 60, 3), np.uint8) for i in range(4)]
PIXELS = Preprocessing(32)
BACKBONE = replace(get_backbones("test_resnet", weights="none")[0], preprocessing=PIXELS)


def test_images_as_they_are():
    batches = ImageBatches(IMAGES, np.arange(4), BACKBONE, Augmentation(), seed=0)
    assert len(batches) == 4
    pixels, y = batches.__getitems__([(2, 0), (0, 5)])
    assert (pixels.dtype, pixels.shape, y.tolist()) == (torch.uint8, (2, 32, 32, 3), [2, 0])
    np.testing.assert_array_equal(pixels[0], PIXELS.apply(IMAGES[2]))


def test_images_are_varied_anew_in_each_epoch_and_alike_by_the_same_seed():
    def drawn(seed, epoch):
        asked = [(row, epoch) for row in range(4)]
        return ImageBatches(IMAGES, np.arange(4), BACKBONE, preset("strong"), seed).__getitems__(asked)[0]

    assert torch.equal(drawn(0, 1), drawn(0, 1))
    for other in (drawn(0, 2), drawn(1, 1)):
        assert all(not torch.equal(a, b) for a, b in zip(drawn(0, 1), other, strict=True))


def test_the_same_image_twice_is_not_varied_alike():
    views = ImageBatches([IMAGES[0]] * 2, np.arange(2), BACKBONE, preset("strong"), 0).__getitems__([(0, 0), (1, 0)])[0]
    assert not torch.equal(views[0], views[1])


# --- recordings and texts ---------------------------------------------------------------------------


def recording(seconds, seed=0):
    """Return an encoded recording of noise that grows louder."""
    soundfile = pytest.importorskip("soundfile")
    samples = np.random.default_rng(seed).normal(0, 0.1, round(8000 * seconds)) * np.linspace(
        0.2, 1, round(8000 * seconds)
    )
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="WAV")
    return file.getvalue()


def listening(raw, augmentation, seed=0):
    backbone = replace(BACKBONE, modality="audio", sound=Spectrogram(seconds=0.5))
    return ImageBatches([raw], np.zeros(1, int), backbone, augmentation, seed)


def test_recordings_are_seen_as_their_pictures_varied_anew_in_each_epoch():
    raw = recording(0.4)
    plain = listening(raw, sound_preset("none")).__getitems__([(0, 0)])[0]
    [picture] = Spectrogram(seconds=0.5).listen(raw)
    np.testing.assert_array_equal(plain[0], PIXELS.apply(picture))
    first, second = (listening(raw, sound_preset("strong")).__getitems__([(0, epoch)])[0] for epoch in (0, 1))
    assert not torch.equal(first, plain)
    assert not torch.equal(first, second)
    assert torch.equal(first, listening(raw, sound_preset("strong")).__getitems__([(0, 0)])[0])


def test_of_a_long_recording_each_epoch_sees_a_window():
    raw = recording(2.0)
    windows = [PIXELS.apply(picture) for picture in Spectrogram(seconds=0.5).listen(raw)]
    assert len(windows) > 2
    batches = listening(raw, sound_preset("none"))
    seen = [batches.__getitems__([(0, epoch)])[0][0].numpy() for epoch in range(12)]
    found = {next(i for i, window in enumerate(windows) if np.array_equal(window, pixels)) for pixels in seen}
    assert len(found) > 1


PIECES = [np.arange(1, 2 + length) for length in (3, 1, 9, 2, 8, 2)]


def test_texts_are_filled_up_to_the_longest_of_their_batch_and_stay_whole_numbers():
    batches = TextBatches(PIECES, np.arange(6), pad=0)
    assert len(batches) == 6
    ids, y = batches.__getitems__([(1, 0), (0, 0)])
    assert (ids.dtype, ids.tolist(), y.tolist()) == (torch.int64, [[1, 2, 0, 0], [1, 2, 3, 4]], [1, 0])
    assert as_floats(ids) is ids
    assert as_floats(torch.ones(2, dtype=torch.uint8)).dtype == torch.float32
    floats = torch.rand(2)
    assert as_floats(floats) is floats


def test_texts_of_like_length_come_together_and_each_comes_once():
    lengths = np.random.default_rng(0).integers(1, 100, 100)
    texts = TextBatches([np.ones(n, int) for n in lengths], np.arange(100), pad=0)
    loader = train_loader(texts, 10, seed=0)
    orders = []
    for epoch in (0, 0, 1):
        loader.sampler.set_epoch(epoch)
        batches = [y.numpy() for _, y in loader]
        assert sorted(np.concatenate(batches).tolist()) == list(range(100))
        assert [len(batch) for batch in batches] == [10] * 10
        orders.append(np.concatenate(batches).tolist())
        filled_up = sum(len(batch) * lengths[batch].max() for batch in batches)
        assert filled_up < 1.3 * lengths.sum()
    assert orders[0] == orders[1] != orders[2]


def test_an_incomplete_batch_of_texts_comes_last():
    loader = train_loader(TextBatches(PIECES, np.arange(6), pad=0), 4, seed=0)
    assert [len(y) for _, y in loader] == [4, 2]


# --- shares -----------------------------------------------------------------------------------------


def test_the_shares_of_processes_are_the_batch():
    whole = TextBatches(PIECES, np.arange(6), pad=0)
    assert shared(whole, ALONE) is whole
    shares = [shared(whole, Processes(rank, 3, rank, 3)) for rank in range(3)]
    loaders = [train_loader(each, 5, seed=0) for each in (whole, *shares)]
    assert [len(loader) for loader in loaders] == [1, 1, 1, 1]
    [(_, y)], *parts = ([*loader] for loader in loaders)
    assert [(own, n) for [(_, _, own, n)] in parts] == [(2, 5), (2, 5), (1, 5)]
    assert [part.tolist() for [(_, part, _, _)] in parts] == [y[rank::3].tolist() for rank in range(3)]
    for loader in loaders:
        assert first_batch(loader)[1].tolist() == y.tolist()


def test_a_process_without_a_share_is_lent_one_that_does_not_count():
    whole = TextBatches(PIECES, np.arange(6), pad=0)
    second = shared(whole, Processes(1, 2, 1, 2)).__getitems__([(4, 0)])
    assert (second[1].tolist(), *second[2:]) == ([4], 0, 1)
