"""What is written of a label map says the same as the label map."""

import csv
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.pascal_voc import LABELS as VOC
from seg.data.label_space import LabelSpace
from seg.data.readers.class_table import read_classes
from seg.data.readers.readers import read_label
from seg.errors import ConfigError
from seg.prediction.inputs import list_items
from seg.prediction.items import Item
from seg.prediction.writer import load_formats, write_values
from seg.prediction.writers.areas import Areas
from seg.prediction.writers.areas_parquet import ParquetAreas
from seg.prediction.writers.cityscapes import CityscapesArchive
from seg.prediction.writers.coco import Coco
from seg.prediction.writers.labels import Labels
from seg.prediction.writers.overlay import Overlay
from seg.prediction.writers.pascal_voc import VocArchive
from seg.prediction.writers.probabilities import Probabilities
from seg.prediction.writers.video import OverlayVideo
from seg.prediction.writers.zarr import ZarrProbabilities
from tests.prediction.conftest import SIZE as FILM_SIZE
from tests.prediction.conftest import film, write
from tests.prediction.written_formats import (
    COLORS,
    NAMES,
    SHAPE,
    SPACE,
    A,
    B,
    assembled,
    label,
    settings,
)


def test_labels_are_palette_pictures(tmp_path):
    label_HW = label()
    label_HW[3, 5] = 255
    write(Labels, settings(tmp_path), A, label_HW)
    with Image.open(tmp_path / "deep/a.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), label_HW)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), SPACE.colorize(label_HW))


# ids out of order, of two bytes, and two that were merged
FAR = LabelSpace(NAMES, COLORS, ((2, 0), (700, 1), (0, 2), (9, 3), (4, 3), (255, 255)))
NEAR = LabelSpace(NAMES, COLORS, ((2, 0), (7, 1), (0, 2), (9, 3), (4, 3), (1, 255)))


@pytest.mark.parametrize(("space", "values"), [(FAR, [2, 700, 0, 4]), (NEAR, [2, 7, 0, 4])])
def test_labels_hold_the_ids_of_the_data_set(tmp_path, space, values):
    """What is written reads back as what was predicted, by the data set's own reader."""
    write(Labels, settings(tmp_path, space), A, label())
    value_HW = read_label(tmp_path / "deep/a.png")
    np.testing.assert_array_equal(value_HW, np.array(values)[label()])
    np.testing.assert_array_equal(space.encode(value_HW, "a.png"), label())
    if space is NEAR:  # colors have files of 8 bits alone
        with Image.open(tmp_path / "deep/a.png") as image:
            shown = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(shown, space.colorize(label()))
    write(Labels, settings(tmp_path, space, values="index"), B, label())
    np.testing.assert_array_equal(read_label(tmp_path / "b.png"), label())


def test_the_table_of_values_is_a_class_file(tmp_path):
    chosen = settings(tmp_path, NEAR, formats=["labels"])
    assert write_values(chosen, load_formats(chosen)) == ("values.json",)
    read = read_classes(tmp_path / "values.json").labels
    assert (read.names, read.palette) == (NAMES, COLORS)
    assert {value: read.names[at] for value, at in read.file_ids if at != 255} == {
        **{2: "road", 7: "sky", 0: "car", 4: "tree"}
    }
    assert dict(read.file_ids)[1] == 255
    without = settings(tmp_path, NEAR, formats=["overlay"])
    assert write_values(without, load_formats(without)) == ()


def test_tables_and_annotations_hold_the_same_ids(tmp_path):
    for kind, base in (("id", [2, 7, 0, 4]), ("index", [0, 1, 2, 3])):
        chosen = settings(tmp_path / kind, NEAR, values=kind)
        assembled(Areas, chosen, [A])
        assembled(Coco, chosen, [A])
        with (tmp_path / kind / "areas.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["class_id"]) for row in rows] == base
        read = json.loads((tmp_path / kind / "annotations.json").read_text())
        ids = [value + (kind == "index") for value in base]  # COCO counts from 1
        assert [each["id"] for each in read["categories"]] == ids
        areas = {each["category_id"]: each["area"] for each in read["annotations"]}
        assert areas == {ids[at]: int((label() == at).sum()) for at in range(4)}


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_overlay_blends(tmp_path, opacity):
    image = np.random.default_rng(1).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    chosen = settings(tmp_path, overlay_opacity=opacity)
    write(Overlay, chosen, B, label(), image_HW3=image)
    expected = (1 - opacity) * image + opacity * SPACE.colorize(label())
    with Image.open(tmp_path / "b_overlay.png") as image:
        assert np.abs(np.asarray(image) - expected).max() <= 1


def noise_of_probabilities():
    values = np.random.default_rng(2).random((len(NAMES), *SHAPE), np.float32)
    return values / values.sum(0)


@pytest.mark.parametrize("classes", [None, ["car", "road"]])
def test_probabilities(tmp_path, classes):
    given = noise_of_probabilities()
    chosen = settings(tmp_path, classes=classes)
    write(Probabilities, chosen, A, label(), probabilities_KHW=given)
    with np.load(tmp_path / "deep/a.npz") as read:
        assert read["classes"].tolist() == list(classes or NAMES)
        assert read["values"].tolist() == [NAMES.index(name) for name in classes or NAMES]
        ids = [NAMES.index(name) for name in classes or NAMES]
        expected = given[ids].transpose(1, 2, 0).astype(np.float16)
        np.testing.assert_array_equal(read["probabilities_HWK"], expected)
        assert read["probabilities_HWK"].dtype == np.float16
    first = (tmp_path / "deep/a.npz").read_bytes()
    write(Probabilities, chosen, A, label(), probabilities_KHW=given)
    assert (tmp_path / "deep/a.npz").read_bytes() == first


def test_probabilities_as_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    given = noise_of_probabilities()
    contents = []
    for _ in range(2):
        write(ZarrProbabilities, settings(tmp_path, NEAR), A, label(), probabilities_KHW=given)
        contents.append((tmp_path / "deep/a.zarr.zip").read_bytes())
    assert contents[0] == contents[1]
    store = zarr.storage.ZipStore(tmp_path / "deep/a.zarr.zip", mode="r")
    array = zarr.open_array(store, mode="r")
    assert array.attrs["classes"] == list(NAMES)
    assert array.attrs["values"] == [2, 7, 0, 4]
    np.testing.assert_array_equal(array[:], given.transpose(1, 2, 0).astype(np.float16))
    store.close()


@pytest.mark.parametrize("kind", [Probabilities, ZarrProbabilities])
def test_an_unknown_class(tmp_path, kind):
    if kind is ZarrProbabilities:
        pytest.importorskip("zarr")
    with pytest.raises(ConfigError, match=r"no class 'cat'.*road, sky, car, tree"):
        kind(settings(tmp_path, classes=["cat"]))


@pytest.mark.parametrize("kind", [Areas, ParquetAreas])
def test_areas(tmp_path, kind):
    if kind is ParquetAreas:
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
    assembled(kind, settings(tmp_path), [A, B])
    if kind is Areas:
        with (tmp_path / "areas.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = pandas.read_parquet(tmp_path / "areas.parquet").to_dict("records")
    assert len(rows) == 2 * len(NAMES)
    for number, row in enumerate(rows):
        seed, class_id = divmod(number, len(NAMES))
        assert (row["picture"], row["class"]) == ((A, B)[seed].name, NAMES[class_id])
        pixels = int((label(seed) == class_id).sum())
        assert int(row["pixels"]) == pixels
        assert float(row["share"]) == pytest.approx(pixels / label().size, abs=1e-6)


@pytest.mark.parametrize("kind", [CityscapesArchive, VocArchive, Coco, Areas])
def test_the_same_items_make_the_same_bytes(tmp_path, kind):
    space = {CityscapesArchive: TRAIN_IDS, VocArchive: VOC}.get(kind, SPACE)
    items = [Item("ulm_000000_000019", "x.png"), Item("ulm_000000_000020", "y.png")]
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        assembled(kind, settings(folder, space), items)
        (path,) = (path for path in folder.iterdir() if path.is_file())
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_video(tmp_path):
    film(tmp_path / "in/clip.avi")
    frames = list_items(str(tmp_path / "in"), output=tmp_path / "out")
    chosen = settings(tmp_path / "out", overlay_opacity=0.5)
    contents = []
    for _ in range(2):
        assembled(OverlayVideo, chosen, frames, lambda _: np.full(FILM_SIZE, 2, np.uint8))
        contents.append((tmp_path / "out/clip_overlay.mp4").read_bytes())
    assert contents[0] == contents[1]
    video = cv2.VideoCapture(str(tmp_path / "out/clip_overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == 10
    for number in range(6):
        done, frame = video.read()
        assert done
        assert frame.shape == (*FILM_SIZE, 3)
        expected = (np.array([255, 0, 0]) + 20 * number + 10) / 2  # blue, green, red
        assert np.abs(frame.astype(float).mean((0, 1)) - expected).max() < 6
    assert not video.read()[0]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["overlya"], r"no format 'overlya'; allowed: areas, .*zarr; did you mean overlay\?"),
        (["labels", "labels"], "each format once"),
        ([], "nothing would be written"),
    ],
)
def test_names_of_formats(tmp_path, names, words):
    with pytest.raises(ConfigError, match=words):
        load_formats(settings(tmp_path, formats=names))


def test_every_format_goes_by_the_name_of_its_file(tmp_path):
    for name in ("labels", "overlay", "probabilities", "coco", "areas", "video"):
        (made,) = load_formats(settings(tmp_path, formats=[name]))
        assert made.name == name
