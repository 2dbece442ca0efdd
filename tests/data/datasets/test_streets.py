"""The embedded street scenes: same bytes everywhere, exact labels, every class often enough."""

import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.streets import Streets
from seg.data.sample import Sample
from seg.errors import ConfigError

GOLDEN = {
    ("train", 0): "df15a4bf7713ebec91b3c2d110fbda200179d7041dd89e7a197890133a3f1fc4",
    ("val", 3): "75f4a18754577159c352f9d4c89cf837d02b5cf2e0feb6066004b926b18ae851",
    ("val", 12): "0683958cbfe12c9dd6a1f0ed9f0b9758315d45f64224dccf9cb292763bfdf9cb",
    ("test", 5): "cb4b66d39157e1c01fc330fc733606d6eb9379f6d08196fd6845ac20cd396a69",
}
_DIGEST = """
import hashlib
from seg.data.datasets.streets import Streets
sample = Streets(split="val")[3]
print(hashlib.sha256(sample.image.tobytes() + sample.label.tobytes()).hexdigest())
"""


def digest(sample: Sample) -> str:
    return hashlib.sha256(sample.image.tobytes() + sample.label.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def val() -> Streets:
    return Streets(split="val")


@pytest.fixture(scope="module")
def scenes(val: Streets) -> list[Sample]:
    return [val[index] for index in range(64)]


@pytest.mark.golden
@pytest.mark.parametrize(("split", "index"), GOLDEN)
def test_scenes_are_the_same_bytes_on_every_machine(split: str, index: int) -> None:
    assert digest(Streets(split=split)[index]) == GOLDEN[split, index]


def test_another_process_renders_the_same_bytes(val: Streets) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", _DIGEST], check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == digest(val[3])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(("start", "workers"), [("fork", 2), ("spawn", 1)])
def test_loader_workers_render_the_same_bytes(start: str, workers: int) -> None:
    streets = Streets(split="val", size=(64, 128), val_length=4)
    loader = torch.utils.data.DataLoader(
        streets,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=start,
        collate_fn=digest,
    )
    assert list(loader) == [digest(streets[index]) for index in range(4)]


def test_a_scene_does_not_depend_on_what_was_read_before() -> None:
    forward, backward = (Streets(split="test", size=(96, 160), cache_mib=0) for _ in range(2))
    first = [digest(forward[index]) for index in range(5)]
    assert first == [digest(backward[index]) for index in (4, 3, 2, 1, 0)][::-1]
    assert len(set(first)) == 5


def test_a_caller_cannot_spoil_the_cache() -> None:
    streets = Streets(split="val", size=(64, 128))
    before = digest(streets[0])
    streets[0].image[:] = 0
    streets[0].label[:] = 0
    assert digest(streets[0]) == before


def test_the_cache_is_bounded_and_stays_at_home() -> None:
    streets = Streets(split="val", size=(512, 512), cache_mib=1)
    for index in range(3):
        streets[index]
    assert len(streets._rendered) == 1
    assert pickle.loads(pickle.dumps(streets))._rendered == {}


def test_splits_and_seeds_share_no_scene() -> None:
    towns = [Streets(split=split, size=(64, 64)) for split in ("train", "val", "test")]
    towns.append(Streets(split="train", size=(64, 64), seed=1))
    found = [digest(town[index]) for town in towns for index in range(6)]
    assert len(set(found)) == len(found)


def test_a_sample_is_named_typed_and_sized() -> None:
    for size in ((64, 64), (96, 200), (200, 96), (321, 643)):
        streets = Streets(split="val", size=size)
        sample = streets[2]
        assert sample.name == "val_00002"
        assert sample.image.shape == (*size, 3)
        assert sample.label.shape == size
        assert sample.image.dtype == sample.label.dtype == np.uint8
        assert sample.image.flags.writeable


def test_lengths_and_ends() -> None:
    streets = Streets(split="test", size=(64, 64), test_length=3)
    assert len(streets) == 3
    assert streets.labels is TRAIN_IDS
    assert digest(streets[-1]) == digest(streets[2])
    assert len(list(streets)) == 3
    with pytest.raises(IndexError, match="index 3 of 3"):
        streets[3]


def test_every_class_is_seen_often_enough(scenes: list[Sample]) -> None:
    counts = np.stack([np.bincount(one.label.ravel(), minlength=256) for one in scenes])
    assert not counts[:, TRAIN_IDS.num_classes : 255].any()
    present = (counts[:, :19] > 60).mean(axis=0)
    share = counts[:, :19].sum(axis=0) / counts.sum()
    for name, often, much in zip(TRAIN_IDS.names, present, share, strict=True):
        assert often >= 0.25, f"{name} in {often:.0%} of the images"
        assert much >= 0.001, f"{name} on {much:.2%} of the pixels"
    assert counts[:, 255].sum() / counts.sum() < 0.02


def test_sky_is_above_the_horizon_and_road_below(scenes: list[Sample]) -> None:
    road, sky = TRAIN_IDS.names.index("road"), TRAIN_IDS.names.index("sky")
    for scene in scenes:
        height = scene.label.shape[0]
        assert not (scene.label[height // 2 :] == sky).any(), scene.name
        assert not (scene.label[: height // 3] == road).any(), scene.name


def test_labels_lie_on_the_edges_of_the_image(scenes: list[Sample]) -> None:
    """Neighbours of different labels differ more in color than those of equal labels."""
    for scene in scenes[:16]:
        colors, label = scene.image.astype(np.int64), scene.label
        step = np.abs(colors[:, 1:] - colors[:, :-1]).sum(axis=2)
        edge = label[:, 1:] != label[:, :-1]
        assert step[edge].mean() > 1.5 * step[~edge].mean(), scene.name


def test_scenes_pass_through_albumentations(
    scenes: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    albumentations = pytest.importorskip("albumentations")
    crop = albumentations.Compose(
        [albumentations.HorizontalFlip(p=1.0), albumentations.RandomCrop(192, 384)]
    )
    made = crop(image=scenes[0].image, mask=scenes[0].label)
    assert made["image"].shape == (192, 384, 3)
    assert made["mask"].shape == (192, 384)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "dev"}, "train, val, test"),
        ({"size": (63, 512)}, "from 64 to 4096"),
        ({"size": (256,)}, r"\(height, width\)"),
        ({"size": (256.0, 512)}, "whole numbers"),
        ({"size": "256x512"}, r"\[256, 512\]"),
        ({"size": 256}, r"\[256, 512\]"),
        ({"train_length": 0}, "train_length is 0; use a whole number of at least 1"),
        ({"test_length": 1.5}, "test_length"),
        ({"seed": -1}, "seed is -1"),
        ({"cache_mib": -1}, "cache_mib"),
    ],
)
def test_wrong_arguments_are_named_with_a_remedy(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Streets(**{"split": "val", **wrong})
