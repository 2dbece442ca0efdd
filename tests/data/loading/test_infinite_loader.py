"""An endless stream of batches: complete epochs, the same after a restart and with any workers."""

from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from seg.data.datasets.unlabelled import Unlabelled
from seg.data.label_space import LabelSpace
from seg.data.loading.infinite_loader import EndlessBatches
from seg.data.transforms.pipeline import Augmentation
from seg.data.transforms.random_scale_crop import RandomScaleCrop

LABELS = LabelSpace.identity(("a", "b"), ((0, 0, 0), (9, 9, 9)))
PICTURES, BATCH = 7, 2
PER_EPOCH = PICTURES // BATCH


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(PICTURES):
        pixels = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    return tmp_path


def stream(folder, *, num_workers=0, seed=3):
    crop = RandomScaleCrop(scale=(0.5, 2.0), crop=(16, 16), draw="uniform")
    return EndlessBatches(
        Unlabelled(folder, labels=LABELS),
        augmentation=Augmentation([crop], ignore_index=255, crop=(16, 16)),
        batch_size=BATCH,
        seed=seed,
        num_workers=num_workers,
        prefetch_factor=2,
        pin_memory=False,
        timeout_s=60.0,
    )


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        assert one.pop("name") == other.pop("name")
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_epoch_follows_epoch(folder):
    batches = list(islice(stream(folder), 3 * PER_EPOCH))
    assert [batch["epoch"].unique().tolist() for batch in batches] == [
        [epoch] for epoch in range(3) for _ in range(PER_EPOCH)
    ]
    first = torch.cat([batch["index"] for batch in batches[:PER_EPOCH]]).tolist()
    assert len(set(first)) == len(first) == PER_EPOCH * BATCH
    outside = torch.cat([batch["label"] for batch in batches])
    assert set(outside.unique().tolist()) == {0, 255}


@pytest.mark.parametrize("taken", [0, 1, PER_EPOCH, PER_EPOCH + 2])
def test_a_restart_goes_on_with_the_next_batch(folder, taken):
    whole = list(islice(stream(folder), taken + 4))
    first = stream(folder)
    list(islice(first, taken))
    again = stream(folder)
    next(again)
    again.load_state_dict(first.state_dict())
    assert again.state_dict() == first.state_dict()
    assert_same(list(islice(again, 4)), whole[taken:])


def test_workers_change_nothing_and_seeds_do(folder):
    alone = list(islice(stream(folder), PER_EPOCH + 1))
    assert_same(list(islice(stream(folder, num_workers=1), PER_EPOCH + 1)), alone)
    other = next(stream(folder, seed=4))
    assert not torch.equal(other["image"], alone[0]["image"])
