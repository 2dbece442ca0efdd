"""A large picture is predicted within a limit, whatever its height."""

import numpy as np
import pytest
from PIL import Image

from seg.benchmarks.memory_scaling import peak_mib
from tests.prediction.conftest import street

MIB = 2**20


def peak_of(checkpoint, picture, *arguments, cwd):
    """Of a prediction within a quarter of a GiB."""
    keys = (f"input={picture}", "inference.max_memory_gib=0.25", f"output={cwd / 'out'}")
    return peak_mib("predict", checkpoint, *keys, *arguments, cwd=cwd)


def plant(path, height, width):
    tile = street(3, (500, 1000))
    Image.fromarray(np.tile(tile, (height // 500, width // 1000, 1))).save(path)
    return path


@pytest.mark.slow
def test_a_large_picture(checkpoint, tmp_path):
    small = peak_of(checkpoint, plant(tmp_path / "small.png", 500, 1000), cwd=tmp_path)
    large = peak_of(checkpoint, plant(tmp_path / "large.png", 2000, 3000), cwd=tmp_path)
    pixels_mib = 2000 * 3000 / MIB
    # the picture, its overlay and two passing copies of either, 3 bytes a pixel; the label map
    assert large - small < 256 + 16 * pixels_mib
    with Image.open(tmp_path / "out/large.png") as label:
        assert label.size == (3000, 2000)


@pytest.mark.slow
def test_a_raster_costs_no_more_the_taller_it_is(checkpoint, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    peaks = []
    for height in (1000, 5000):
        tile = np.tile(street(3, (500, 1000)), (height // 500, 1, 1)).transpose(2, 0, 1)
        place = rasterio.Affine(2, 0, 500_000, 0, -2, 5_000_000)
        options = {"count": 3, "height": height, "width": 1000, "dtype": "uint8", "tiled": True}
        path = tmp_path / f"{height}.tif"
        options |= {"driver": "GTiff", "crs": "EPSG:32632", "transform": place}
        with rasterio.open(path, "w", **options) as file:
            file.write(tile)
        chosen = "formats=[labels,overlay,probabilities]"
        peaks.append(peak_of(checkpoint, path, chosen, cwd=tmp_path))
    # held whole, the probabilities of the added rows alone would take 19 x 2 bytes a pixel
    assert peaks[1] - peaks[0] < 19 * 4000 * 1000 / MIB, peaks
