"""What every output format promises, a new one included."""

from pkgutil import iter_modules

import numpy as np
import pytest

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.pascal_voc import LABELS as VOC
from seg.data.label_space import LabelSpace
from seg.prediction import writers
from seg.prediction.items import Item
from seg.prediction.writer import Format, load_formats
from tests.prediction.conftest import film, format_settings, write

NAMES = [module.name for module in iter_modules(writers.__path__)]
CLASSES = {"cityscapes": TRAIN_IDS, "pascal_voc": VOC}
SPACE = LabelSpace.identity(("ground", "plant"), ((0, 0, 0), (0, 255, 0)))
POLYGONS = ("cvat", "geojson", "gpkg", "label_studio", "labelme")
LIBRARIES = {"areas_parquet": "pyarrow", "zarr": "zarr", **dict.fromkeys(POLYGONS, "shapely")}
HEIGHT, WIDTH = 64, 96


@pytest.mark.parametrize("name", NAMES)
def test_it_writes_the_files_that_it_lists(name, tmp_path):
    """Also where another item has written before; and a second time, the same bytes."""
    pytest.importorskip(LIBRARIES.get(name, "seg"))
    labels = CLASSES.get(name, SPACE)
    settings = format_settings(tmp_path / "out", labels, formats=[name])
    (made,) = load_formats(settings)
    assert isinstance(made, Format)
    assert made.name == name
    items = frames(tmp_path / "in.avi") if name == "video" else images()
    label_HW = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8) % 2
    share_KHW = np.full((labels.num_classes, HEIGHT, WIDTH), 0.5, np.float32)
    if not made.wants_probabilities:
        share_KHW = None
    done, files = [], []
    for item in items:
        _, part = write(type(made), settings, item, label_HW, probabilities_KHW=share_KHW)
        assert all(made.path(target).exists() for target in made.targets(item))
        record = {"size": [WIDTH, HEIGHT], "parts": {name: part}}
        done.append((item, record))
        files += made.targets(item)
    merged = made.merged_files(items)
    for _ in range(2):
        made.merge(done)
        assert all(made.path(target).is_file() for target in merged)
    assert len(set(files)) == len(files)
    assert files or merged


def images():
    names = ("deep/berlin_000000_000019_leftImg8bit", "bonn_000001_000019_leftImg8bit")
    return [Item(name, f"in/{name}.png") for name in names]


def frames(path):
    film(path, frames=2, size=(HEIGHT, WIDTH))
    return [Item(f"clip/{number:06}", str(path), "frame", number) for number in range(2)]
