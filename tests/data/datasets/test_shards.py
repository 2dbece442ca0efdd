"""Sharded copies are read as their original is: sample by sample, and through a training."""

import json
import multiprocessing
import pickle
import struct
from dataclasses import replace

import albumentations
import fsspec
import numpy as np
import pytest
import torch

from seg.data.datasets.shards import Shards
from seg.data.loading.datamodule import DataModule
from seg.data.readers.shard_files import parse_sample
from seg.data.readers.value_range import ImageDecoding
from seg.data.sample import Sample
from seg.data.transforms.pipeline import Augmentation
from seg.data.transforms.random_scale_crop import RandomScaleCrop
from seg.errors import ConfigError, DataError
from tests.data.datasets.sharded_noise import LABELS, Bands, Large, Noise, assert_equal, copied

pytest.importorskip("litdata")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("copy")
    copied(Noise(), root)
    return root


def test_every_sample_is_the_same(root):
    shards = Shards(split="train", root=root)
    assert len(shards) == 11
    assert shards.split == "train"
    assert shards.labels == LABELS
    order = [10, 0, 5, 5, 1, -1]
    assert_equal([shards[index] for index in order], [Noise()[index % 11] for index in order])
    with pytest.raises(IndexError):
        shards[11]


def test_bands_with_fractions_are_the_same_and_declared_again(tmp_path):
    from litdata import StreamingDataset

    assert not copied(Bands(), tmp_path).reused
    assert copied(Bands(), tmp_path).reused
    shards = Shards(split="train", root=tmp_path)
    assert shards.decoding == Bands.decoding
    originals = [Bands()[index] for index in range(11)]
    assert_equal([*shards], originals)
    assert all(sample.image.flags.aligned for sample in shards)
    foreign = StreamingDataset(str(tmp_path / "train"))
    assert_equal([Sample(**foreign[index]) for index in range(11)], originals)
    shown = replace(Bands.decoding, composite=(4, 1, 2))  # of pictures alone
    shards.decoding = shown
    assert shards.decoding.composite == (4, 1, 2)
    for other in ({"kind": None}, {"clip": True}, {"nodata": 0.0}, {"bands": (1, 2, 3, 4)}):
        with pytest.raises(ConfigError, match=r"made with .*kind=uint16.*clip=False"):
            shards.decoding = replace(Bands.decoding, **other)
    declared = json.loads((tmp_path / "train/labels.json").read_text())["decoding"]
    assert ImageDecoding.from_dict(declared) == Bands.decoding


def test_copies_that_were_rounded_to_8_bits_still_load():
    sample = Noise()[0]
    decoding = ImageDecoding(value_range=(0, 4095))
    image, label = (np.ascontiguousarray(each) for each in (sample.image, sample.label))
    parts = [
        struct.pack(f"<{2 + a.ndim}I", 4, a.ndim, *a.shape) + a.tobytes() for a in (image, label)
    ]
    name = sample.name.encode()
    content = struct.pack("<3I", len(name), *map(len, parts)) + name + b"".join(parts)
    read = parse_sample(memoryview(content), decoding, Noise.labels)
    assert read.image.dtype == np.float32
    np.testing.assert_array_equal(read.image, sample.image)
    with pytest.raises(ValueError, match="image uint8"):
        parse_sample(memoryview(content), ImageDecoding(bands=(1, 2)), Noise.labels)


def test_many_chunks_in_any_order(tmp_path):
    assert copied(Large(), tmp_path).chunks == 4
    shards = Shards(split="train", root=tmp_path)
    order = [3, 0, 2, 1, 3]
    assert_equal([shards[index] for index in order], [Large()[index] for index in order])


def test_few_chunks_stay_mapped_but_samples_outlive_them(tmp_path, monkeypatch):
    monkeypatch.setattr("seg.data.datasets.shards._MAX_MAPPED", 1)
    copied(Large(), tmp_path)
    shards = Shards(split="train", root=tmp_path)
    samples = [shards[index] for index in range(4)]
    assert len(shards._mapped) == 1
    assert_equal(samples, [Large()[index] for index in range(4)])


def test_litdata_reads_the_same(root):
    from litdata import StreamingDataset

    foreign = StreamingDataset(str(root / "train"))
    shards = Shards(split="train", root=root)
    assert_equal([Sample(**foreign[index]) for index in range(11)], [*shards])


def test_a_pickled_or_forked_dataset_reads_on(root):
    shards = Shards(split="train", root=root)
    first = shards[0]
    assert_equal([pickle.loads(pickle.dumps(shards))[0]], [first])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert_equal(pool.map(shards.__getitem__, range(11)), [*shards])


def trained(dataset, num_workers):
    """Batches and weights of three optimizer steps."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 3, 3)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    transforms = [RandomScaleCrop((0.5, 2.0), (16, 20)), albumentations.HorizontalFlip()]
    data = DataModule(
        train=dataset,
        augmentation=Augmentation(transforms, ignore_index=255, crop=(16, 20)),
        batch_size=3,
        eval_batch_size=1,
        num_workers=num_workers,
        prefetch_factor=2,
        pin_memory=False,
        timeout_s=60.0,
        seed=7,
    )
    tensors = []
    for batch in data.train_dataloader():
        logits = network(batch["image"].float() / 255)
        label = batch["label"][:, 1:-1, 1:-1].long()
        loss = torch.nn.functional.cross_entropy(logits, label, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        weights = [parameter.detach().clone() for parameter in network.parameters()]
        tensors += [batch["image"], batch["label"], batch["index"], *weights]
    assert len(tensors) == 3 * 5
    return tensors


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_training_is_the_same_bit_for_bit(root, num_workers):
    ours = trained(Shards(split="train", root=root), num_workers)
    for tensor, original in zip(ours, trained(Noise(), 0), strict=True):
        assert torch.equal(tensor, original)


@pytest.fixture
def address(monkeypatch, tmp_path, root):
    """The copy in a store of fsspec's that lives in memory."""
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))
    store = fsspec.filesystem("memory")
    for path in (root / "train").iterdir():
        store.pipe_file(f"/bucket/copy/train/{path.name}", path.read_bytes())
    yield "memory://bucket/copy"
    store.rm("/bucket", recursive=True)


def test_an_object_store_is_read_through_the_cache(address, tmp_path):
    shards = Shards(split="train", root=address)
    assert not [*tmp_path.rglob("*.bin")]
    assert_equal([*shards], [Noise()[index] for index in range(11)])
    fsspec.filesystem("memory").rm("/bucket/copy/train/chunk-0-0.bin")
    assert_equal([*Shards(split="train", root=address)], [*shards])
    kept = [path.parent.parent.parent for path in tmp_path.rglob("*.bin")]
    assert kept == [tmp_path / "cache"]


def test_workers_share_what_one_of_them_fetched(address, root, tmp_path):
    ours = trained(Shards(split="train", root=address), 2)
    assert all(map(torch.equal, ours, trained(Shards(split="train", root=root), 0)))
    assert len([*tmp_path.rglob("*.bin")]) == 1
    (directory,) = (tmp_path / "cache/shards").iterdir()
    assert [path.name for path in directory.iterdir()] == ["chunk-0-0.bin"]


def test_a_fetched_chunk_that_is_damaged_can_be_fetched_again(address, tmp_path):
    shards = Shards(split="train", root=address)
    assert shards[0].name == "straße/0"
    (chunk,) = tmp_path.rglob("*.bin")
    chunk.write_bytes(bytes(chunk.stat().st_size))
    with pytest.raises(DataError, match="delete this file, and it is fetched again"):
        Shards(split="train", root=address)[0]
    chunk.unlink()
    assert_equal([Shards(split="train", root=address)[0]], [Noise()[0]])


def test_a_store_without_the_copy_is_told(address):
    with pytest.raises(DataError, match=r"memory://bucket/copy/val/labels.json: .* not found"):
        Shards(split="val", root=address)


def test_an_unfinished_or_absent_copy_is_told(tmp_path, root):
    with pytest.raises(DataError, match=r"looked for: train/labels.json\n.*\n.*\n.*task=shards"):
        Shards(split="train", root=tmp_path)
    (tmp_path / "train").mkdir()
    for path in (root / "train").glob("chunk*"):
        (tmp_path / "train" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"looked for: train/labels\.json"):
        Shards(split="train", root=tmp_path)
