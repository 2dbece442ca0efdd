"""A network that was never trained, as a checkpoint, and images for it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from seg.config.commands import OutputOptions
from seg.config.conf_dir import conf_dir
from seg.data.datasets.streets import Streets
from seg.data.label_space import LabelSpace
from seg.prediction.writer import ItemRows, Settings
from tests.assembled import parts_of
from tests.conftest import seg

CONFIG, DATA, STORAGE, KILLED = 2, 3, 6, -9  # exit codes
EVERYTHING = "formats=[labels,overlay,probabilities,coco,areas]"
POLYGONS = "formats=[labels,labelme,label_studio,cvat,geojson,gpkg]"
SIZE = (64, 96)
# its arrays do not know numpy 2's `copy`
OF_PYCOCOTOOLS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """19 classes, seeded weights."""
    torch.manual_seed(0)
    parts = parts_of(tmp_path_factory.mktemp("untrained"))
    content = {"state_dict": parts.task.state_dict(), "global_step": 0}
    parts.task.on_save_checkpoint(content)
    path = tmp_path_factory.mktemp("checkpoint") / "untrained.ckpt"
    torch.save(content, path)
    return path


def street(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return Streets(split="test", size=size, test_length=number + 1)[number].image


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Six pictures in two folders."""
    for number in range(6):
        path = tmp_path / f"pictures/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(street(number)).save(path)
    return tmp_path / "pictures"


def film(path: Path, frames: int = 6, size: tuple[int, int] = SIZE) -> Path:
    """A lossless video of numbered grey frames, each brighter by 20."""
    path.parent.mkdir(parents=True, exist_ok=True)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 10, size[::-1])
    assert video.isOpened()
    for number in range(frames):
        video.write(np.full((*size, 3), 20 * number % 240 + 10, np.uint8))
    video.release()
    return path


def noise(path: Path, frames: int = 12, size: tuple[int, int] = SIZE) -> Path:
    """A lossless video that no codec makes small."""
    random = np.random.default_rng(0)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 10, size[::-1])
    for _ in range(frames):
        video.write(random.integers(0, 256, (*size, 3), np.uint8))
    video.release()
    return path


def predict(checkpoint, source, *arguments, cwd, output="out", fault=None):
    """`python -m seg.predict` on the CPU."""
    line = (f"checkpoint={checkpoint}", f"input={source}", "device=cpu", *arguments)
    return seg("predict", *line, f"output={cwd / output}", cwd=cwd, fault=fault)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def format_settings(directory: Path, labels: LabelSpace, **options) -> Settings:
    """Settings with the options of `conf/predict.yaml`, some of them changed."""
    defaults = yaml.safe_load((conf_dir() / "predict.yaml").read_text())
    plain = {key: defaults[key] for key in OutputOptions.model_fields} | options
    return Settings(directory, labels, OutputOptions(**plain))


def write(kind, settings: Settings, item, label_HW, *, image_HW3=None, probabilities_KHW=None):
    """Write a label map in one format, in bands of 7 rows; the part for the manifest."""
    from seg.inference.image_source import ArrayRaster

    height, width = label_HW.shape
    image = np.zeros((height, width, 3), np.uint8) if image_HW3 is None else image_HW3
    raster = ArrayRaster(image)
    made = kind(settings)
    writer = made.open(item, raster)
    for top in range(0, height, 7):
        rows = slice(top, min(top + 7, height))
        share = None if probabilities_KHW is None else probabilities_KHW[:, rows]
        writer.write(ItemRows(raster, rows, label_HW[rows], share))
    return made, writer.close()


def altered(checkpoint, path, change):
    """The checkpoint with something else in it."""
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, path)
    return path
