"""GeoTIFFs that tests write and open."""

import warnings

from seg.data.readers.value_range import PLAIN
from seg.prediction.inputs import list_items
from seg.prediction.reader import ItemReader


def plant(path, values_CHW, **choices):
    """A GeoTIFF somewhere in Bavaria, 2 m a pixel."""
    import rasterio

    place = rasterio.Affine(2, 0, 690_000, 0, -2, 5_335_000)
    options = {"driver": "GTiff", "crs": "EPSG:32632", "transform": place, **choices}
    count, height, width = values_CHW.shape
    options |= {"count": count, "height": height, "width": width, "dtype": values_CHW.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options) as file:
            file.write(values_CHW)
    return path


def opened(path, decoding=PLAIN):
    (item,) = list_items(str(path), output=path.parent / "out")
    assert item.kind == "raster"
    return item, ItemReader(decoding=decoding).open(item)
