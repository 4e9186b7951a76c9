import numpy as np
import pytest
import torch

from regraft.backbones.preprocessing import Preprocessing
from regraft.finetuning.augmentation import Augmentation, preset
from regraft.finetuning.batches import CutBatches, ImageBatches, train_loader, validation_loader
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


def test_images_as_they_are():
    batches = ImageBatches(IMAGES, np.arange(4), PIXELS, Augmentation(), seed=0)
    assert len(batches) == 4
    pixels, y = batches.__getitems__([(2, 0), (0, 5)])
    assert (pixels.dtype, pixels.shape, y.tolist()) == (torch.uint8, (2, 32, 32, 3), [2, 0])
    np.testing.assert_array_equal(pixels[0], PIXELS.apply(IMAGES[2]))


def test_images_are_varied_anew_in_each_epoch_and_alike_by_the_same_seed():
    def drawn(seed, epoch):
        asked = [(row, epoch) for row in range(4)]
        return ImageBatches(IMAGES, np.arange(4), PIXELS, preset("strong"), seed).__getitems__(asked)[0]

    assert torch.equal(drawn(0, 1), drawn(0, 1))
    for other in (drawn(0, 2), drawn(1, 1)):
        assert all(not torch.equal(a, b) for a, b in zip(drawn(0, 1), other, strict=True))


def test_the_same_image_twice_is_not_varied_alike():
    views = ImageBatches([IMAGES[0]] * 2, np.arange(2), PIXELS, preset("strong"), 0).__getitems__([(0, 0), (1, 0)])[0]
    assert not torch.equal(views[0], views[1])
