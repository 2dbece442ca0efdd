"""Datasets of random images, and their sharded copies."""

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.readers.value_range import ImageDecoding
from seg.data.sample import Sample
from seg.dataset_tools.shards import write_shards

LABELS = LabelSpace.identity(("sky", "road", "car"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))


class Noise:
    """Random images of unequal sizes."""

    labels = LABELS

    def __init__(self, split="train", length=11):
        self.split, self.length = split, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        generator = np.random.default_rng(index)
        size = (40 + index % 3, 48)
        return Sample(
            f"straße/{index}",
            generator.integers(0, 256, (*size, 3), dtype=np.uint8),
            generator.choice(np.array([0, 1, 2, 255], np.uint8), size),
        )


class Bands(Noise):
    """Images of four bands and of values with fractions; names of uneven lengths."""

    decoding = ImageDecoding(
        value_range=((0.0, 1000.0),) * 4, bands=(1, 2, 3, "nir"), kind="uint16", clip=False
    )

    def __getitem__(self, index):
        generator = np.random.default_rng(index)
        pixels = generator.normal(100, 90, (16, 20, 4)).astype(np.float32)
        return Sample("a" * index, pixels, generator.integers(0, 3, (16, 20), np.uint8))


class Large(Noise):
    """Images of 1 MiB, so that each fills a chunk."""

    def __init__(self):
        super().__init__(length=4)

    def __getitem__(self, index):
        pixels = np.full((512, 513, 3), index, np.uint8)
        return Sample(f"{index}", pixels, np.zeros((512, 513), np.uint8))


def copied(dataset, output):
    return write_shards(
        dataset, output, split=dataset.split, num_workers=0, chunk_mib=1, progress=lambda: None
    )


def assert_equal(samples, originals):
    for sample, original in zip(samples, originals, strict=True):
        assert sample.name == original.name
        assert (sample.image.dtype, sample.label.dtype) == (original.image.dtype, np.uint8)
        np.testing.assert_array_equal(sample.image, original.image)
        np.testing.assert_array_equal(sample.label, original.label)
