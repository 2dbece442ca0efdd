"""Small data sets of images that are no 8-bit RGB, with classes that few bands show."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (80, 96)


def write_geotiff(path: Path, values_CHW: np.ndarray) -> None:
    import rasterio

    count, height, width = values_CHW.shape
    options = {"count": count, "height": height, "width": width, "dtype": values_CHW.dtype}
    options |= {"crs": "EPSG:32632", "transform": rasterio.Affine(2, 0, 690_000, 0, -2, 5_335_000)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", driver="GTiff", **options) as file:
            file.write(values_CHW)


def four_bands(label_HW: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """uint16 in 0..3999; the class is bright in the fourth band, and nothing in the others."""
    values_CHW = draws.integers(200, 3000, (4, *label_HW.shape))
    values_CHW[3] = draws.integers(200, 1200, label_HW.shape) + 2200 * label_HW
    return values_CHW.astype(np.uint16)


def grey(label_HW: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """12-bit grey; the class differs by less than a 16th of the range of 16 bits."""
    values_HW = draws.integers(100, 1500, label_HW.shape) + 2000 * label_HW
    return values_HW[None].astype(np.uint16)


def floats(label_HW: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Two bands of float32, of which the second lacks data in a corner."""
    values_CHW = draws.normal(0, 0.2, (2, *label_HW.shape))
    values_CHW[1] += 1.5 * label_HW
    values_CHW[1, -20:, -30:] = np.nan
    return values_CHW.astype(np.float32)


SETS = {
    "four": (
        four_bands,
        ".tif",
        ("dataset.bands=[1,2,3,4]", "dataset.kind=uint16", "dataset.value_range=[0,3999]"),
    ),
    "grey": (
        grey,
        ".png",
        ("dataset.bands=[1]", "dataset.kind=uint16", "dataset.value_range=[0,4095]"),
    ),
    "floats": (
        floats,
        ".tif",
        (
            *("dataset.bands=[1,2]", "dataset.kind=float32", "dataset.clip=false"),
            *("dataset.value_range=[[-1,1],[-1,2.5]]", "dataset.nodata=nan"),
        ),
    ),
}
"""Name -> what makes an image, its suffix, and what is declared of it."""


def write_set(root: Path, name: str, *, train: int = 8, val: int = 2) -> None:
    """Write `images/SPLIT` and `labels/SPLIT` of a set."""
    make, suffix, _ = SETS[name]
    draws = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            label_HW = np.kron(draws.integers(0, 2, (5, 6)), np.ones((16, 16), int))
            values_CHW = make(label_HW, draws)
            path = root / f"images/{split}/{number}{suffix}"
            if suffix == ".tif":
                write_geotiff(path, values_CHW)
            else:
                Image.fromarray(values_CHW[0]).save(path)
            Image.fromarray(label_HW.astype(np.uint8)).save(root / f"labels/{split}/{number}.png")
