"""From files of four bands of 16 bits to a network that sees the fourth."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import seg

SIDE, TRAIN, VAL = 96, 12, 4


def write_split(root: Path, split: str, count: int) -> None:
    """Write GeoTIFFs of a field with discs in it that the fourth band alone shows."""
    rasterio = pytest.importorskip("rasterio")
    images, labels = root / "images" / split, root / "labels" / split
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for index in range(count):
        rng = np.random.default_rng((index, split == "val"))
        label = np.zeros((SIDE, SIDE), np.uint8)
        for _ in range(4):
            row, column = rng.integers(10, SIDE - 10, 2)
            label[(rows - row) ** 2 + (columns - column) ** 2 < rng.integers(10, 18) ** 2] = 1
        bands = rng.normal(1500, 250, (4, SIDE, SIDE))
        bands[3] += 1200.0 * label
        shape = {"driver": "GTiff", "height": SIDE, "width": SIDE}
        place = rasterio.Affine(1, 0, 500000 + index * SIDE, 0, -1, 5400000)
        with rasterio.open(
            images / f"{index}.tif",
            "w",
            **shape,
            count=4,
            dtype="uint16",
            crs="EPSG:32632",
            transform=place,
        ) as file:
            file.write(bands.clip(0, 3999).astype(np.uint16))
            file.descriptions = ("blue", "green", "red", "nir")
        Image.fromarray(label).save(labels / f"{index}.png")


@pytest.fixture(scope="session")
def banded_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("bands")
    write_split(root, "train", TRAIN)
    write_split(root, "val", VAL)
    (root / "classes.json").write_text(json.dumps(["field", "disc"]))
    return root


def trained(root: Path, run_dir: Path, bands: str) -> float:
    """Return the IoU of the discs after a short training, by `seg.train`."""
    done = seg(
        "train",
        "dataset=folder",
        f"dataset.root={root}",
        f"dataset.bands={bands}",
        "dataset.value_range=[0,4000]",
        "encoder=aligned_xception_micro",
        "encoder.output_stride=8",
        "augmentation.crop=[65,65]",
        "loader.batch_size=4",
        "loader.num_workers=0",
        "trainer.max_steps=120",
        "trainer.accelerator=cpu",
        "optimizer.lr=0.003",
        f"hydra.run.dir={run_dir}",
        cwd=run_dir.parent,
    )
    assert done.returncode == 0, done.stderr
    with (run_dir / "metrics.csv").open() as file:
        scores = [row["val/iou/disc"] for row in csv.DictReader(file) if row["val/iou/disc"]]
    return float(scores[-1])


@pytest.fixture(scope="session")
def banded_run(banded_root, tmp_path_factory) -> Path:
    """The run directory of a training on all four bands."""
    run_dir = tmp_path_factory.mktemp("banded") / "run"
    assert trained(banded_root, run_dir, "[red,green,blue,nir]") > 0.9
    return run_dir


@pytest.mark.slow
def test_a_class_of_the_fourth_band_is_learned_with_it(banded_run):
    assert (banded_run / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.slow
def test_and_not_without_it(banded_root, tmp_path):
    assert trained(banded_root, tmp_path / "run", "[red,green,blue]") < 0.6
