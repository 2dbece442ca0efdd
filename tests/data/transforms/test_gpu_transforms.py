"""Batches changed on their device, each sample by its own seed."""

import pytest
import torch
from torchvision.transforms import v2

from seg.data.transforms.gpu_transforms import DeviceAugmentation
from seg.errors import ConfigError

IMAGE = torch.arange(4 * 3 * 8 * 10).reshape(4, 3, 8, 10).to(torch.uint8)
LABEL = IMAGE[:, 0] % 5
CHANGES = (v2.RandomHorizontalFlip(p=0.5), v2.ColorJitter(brightness=(0.5, 1.5)))


def changed(seed=0, epoch=0, order=(0, 1, 2, 3)):
    augment = DeviceAugmentation(CHANGES)
    keys = [(epoch, index) for index in order]
    return augment(IMAGE[list(order)], LABEL[list(order)], seed=seed, keys=keys)


def test_a_sample_depends_on_seed_epoch_and_index_alone():
    image, label = changed()
    torch.rand(7)  # whatever the process drew before
    turned, turned_label = changed(order=(3, 2, 1, 0))
    assert torch.equal(image, turned.flip(0))
    assert torch.equal(label, turned_label.flip(0))
    assert not torch.equal(image, changed(epoch=1)[0])
    assert not torch.equal(image, changed(seed=1)[0])


def test_the_generator_of_the_process_stays_as_it_is():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    changed()
    assert torch.equal(torch.rand(2), expected)


def test_labels_turn_with_their_images_and_keep_their_values():
    flip = DeviceAugmentation([v2.RandomHorizontalFlip(p=1), v2.ColorJitter(brightness=(0.5, 0.5))])
    image, label = flip(IMAGE, LABEL, seed=0, keys=[(0, index) for index in range(4)])
    assert torch.equal(label, LABEL.flip(-1))
    assert (image.int() - IMAGE.flip(-1).int() // 2).abs().max() <= 1


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (v2.RandomRotation(5), "pads"),
        (torch.nn.Identity(), "torchvision.transforms.v2"),
        (v2.Resize((4, 4)), "keep both"),
        (v2.ToDtype(torch.float32, scale=True), "keep both"),
    ],
)
def test_what_does_not_fit_is_refused(transform, message):
    with pytest.raises(ConfigError, match=message):
        DeviceAugmentation([transform])(IMAGE, LABEL, seed=0, keys=[(0, i) for i in range(4)])
