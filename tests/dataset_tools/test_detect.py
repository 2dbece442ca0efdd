"""Directories of each kind, and what is typed to train on them."""

import json
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from seg.build.datasets import open_dataset, open_with_unmatched
from seg.dataset_tools.detect import detect, naming_other_kinds
from seg.errors import DataError
from tests.commands.miniatures import write_camvid, write_cityscapes, write_own_images
from tests.conftest import seg
from tests.data.datasets import (
    coco_tree,
    geojson_tree,
    label_studio_tree,
    supervisely_tree,
    via_tree,
    yolo_tree,
)
from tests.data.datasets.cvat_tree import plant, write_cvat_xml
from tests.fuzz.annotations import IDS, PIXELS, write_shapes
from tests.fuzz.datasets import write_table
from tests.remedies import configuration


def write_labelme(root):
    root.mkdir()
    write_shapes(root)
    Image.fromarray(PIXELS).save(root / "a.png")
    for name in "bcdefghijk":
        (root / f"{name}.json").write_bytes((root / "a.json").read_bytes())
        Image.fromarray(PIXELS).save(root / f"{name}.png")


def write_csv(root):
    root.mkdir()
    write_table(root)


def write_cvat(root):
    root.mkdir()
    plant(root, {"train": ["a", "b"], "val": ["c"]})


def write_unlisted_voc(root):
    write_cvat(root)
    shutil.rmtree(root / "ImageSets")


def write_roboflow(root):
    for split in ("train", "valid"):
        (root / split).mkdir(parents=True)
        Image.fromarray(PIXELS).save(root / split / "a_jpg.rf.0f3c.jpg")
        Image.fromarray(IDS).save(root / split / "a_jpg.rf.0f3c_mask.png")
        table = "Pixel Value, Class\n0, background\n1, car\n2, road\n"
        (root / split / "_classes.csv").write_text(table)


def write_coco(root):
    for split in ("train", "val"):
        coco_tree.plant(root, f"annotations/instances_{split}2017.json", f"{split}2017")


def write_cvat_shapes(root):
    root.mkdir()
    write_cvat_xml(root)


def write_label_studio(root):
    root.mkdir()
    label_studio_tree.write(root)


def write_supervisely(root):
    root.mkdir()
    supervisely_tree.write(root)


def write_via(root):
    via_tree.write_csv(root)


def write_yolo(root):
    yolo_tree.plant(root, {"train": "images/train", "val": "images/val"})


def write_qupath(root):
    geojson_tree.write_qupath(root)


def write_map(root):
    geojson_tree.write_map(root)


KINDS = {
    "coco_instances": write_coco,
    "cvat_images": write_cvat_shapes,
    "geojson": write_qupath,
    "geojson of a map": write_map,
    "label_studio": write_label_studio,
    "supervisely": write_supervisely,
    "via": write_via,
    "yolo_seg": write_yolo,
    "camvid": write_camvid,
    "cityscapes": write_cityscapes,
    "csv": write_csv,
    "cvat_mask": write_cvat,
    "cvat_mask without lists": write_unlisted_voc,
    "folder of Roboflow": write_roboflow,
    "folder": write_own_images,
    "labelme": write_labelme,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_detected(kind, tmp_path):
    root = tmp_path / "some data"
    KINDS[kind](root)
    first = detect(root)[0]
    assert first.name == kind.partition(" ")[0]
    assert first.images["train"] > 0
    assert len(first.classes) > 1


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("coco_instances", "cvat_images"),
        ("cvat_images", "label_studio"),
        ("label_studio", "coco_instances"),
        ("yolo_seg", "folder"),
        ("labelme", "folder"),
        ("cvat_mask", "folder"),
        ("geojson", "labelme"),
        ("supervisely", "coco_instances"),
        ("folder", "cityscapes"),
    ],
)
def test_of_a_wrong_kind_the_right_one_is_named(kind, wrong, tmp_path):
    root = tmp_path / "some data"
    KINDS[kind](root)
    config = configuration("prepare", "verify", f"dataset={wrong}", f"dataset.root={root}").dataset
    with pytest.raises(DataError) as caught, naming_other_kinds(config):
        open_with_unmatched(config, "train")
    *_, line = str(caught.value).splitlines()
    assert line.startswith(f"  it opens as another kind: dataset={kind} ")
    _, *arguments = shlex.split(line.partition("kind:")[2])
    named = configuration("prepare", "verify", f"dataset={kind}", *arguments).dataset
    assert len(open_with_unmatched(named, "train")[0]) > 0


@pytest.mark.parametrize(
    ("write", "bare", "choice", "images"),
    [
        (write_cvat, "SegmentationClass/a.png", "background", 2),
        (write_labelme, "b.json", "exclude", 9),
        (write_supervisely, "train/ann/2.jpg.json", "background", 2),
    ],
)
def test_images_without_annotation_are_what_the_tool_means_by_them(
    write, bare, choice, images, tmp_path
):
    write(tmp_path / "mine")
    (tmp_path / "mine" / bare).unlink()
    first = detect(tmp_path / "mine")[0]
    assert first.overrides.endswith(f"dataset.unannotated={choice}")
    assert "; 1 images have no annotation; " in first.description
    config = configuration("train", *shlex.split(first.overrides))
    assert len(open_dataset(config.dataset, config.labels, "train")) == images


@pytest.mark.slow
@pytest.mark.parametrize("command", ["prepare verify", "train dry_run=true"])
def test_commands_name_the_right_kind(command, tmp_path):
    write_labelme(tmp_path / "mine")
    done = seg(*command.split(), "dataset=yolo_seg", "dataset.root=mine", "hydra.run.dir=out",
               cwd=tmp_path)  # fmt: skip
    assert done.returncode == 3
    assert "it opens as another kind: dataset=labelme dataset.root=mine\n" in done.stderr


def test_the_own_kind_is_not_another(tmp_path):
    write_yolo(tmp_path / "mine")
    config = configuration("prepare", "verify", "dataset=yolo_seg", f"dataset.root={tmp_path}/mine")
    with pytest.raises(DataError, match="'test'") as caught, naming_other_kinds(config.dataset):
        open_with_unmatched(config.dataset, "test")
    assert "another kind" not in str(caught.value)


def test_images_of_many_bands_hide_no_kind(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="extra rasters")
    geojson_tree.write_map(tmp_path / "mine")
    for path in (tmp_path / "mine").glob("*.tif"):
        with rasterio.open(path) as raster:
            profile, rgb_CHW = raster.profile, raster.read()
        with rasterio.open(path, "w", **profile | {"count": 4, "dtype": "uint16"}) as raster:
            raster.write(np.concatenate([rgb_CHW, rgb_CHW[:1]]).astype(np.uint16))
    first = detect(tmp_path / "mine")[0]
    assert first.name == "geojson"
    assert "4 bands" in first.image_fault


def test_the_directory_in_an_unpacked_archive_is_detected(tmp_path):
    write_cityscapes(tmp_path / "a" / "b")
    assert detect(tmp_path)[0].place == ("root", str(tmp_path / "a" / "b"))


def test_a_damaged_file_hides_no_kind(tmp_path):
    write_labelme(tmp_path / "mine")
    (tmp_path / "mine" / "b.png").write_bytes(b"")
    assert detect(tmp_path / "mine")[0].name == "labelme"


def test_the_options_of_another_layout_are_offered(tmp_path):
    write_own_images(tmp_path / "mine")
    (tmp_path / "mine" / "labels").rename(tmp_path / "mine" / "ids")
    with pytest.raises(DataError, match=r"dataset\.labels=ids"):
        detect(tmp_path / "mine")


def test_the_option_that_a_kind_needs_is_named(tmp_path):
    content = via_tree.export(*(via_tree.entry(f"{n}.png", via_tree.rect(None, 0, 0, 2, 1))
                                for n in (1, 2)))  # fmt: skip
    via_tree.plant(tmp_path / "mine", content)
    with pytest.raises(DataError, match=r"dataset=via needs an option(?s:.*)default_class=NAME"):
        detect(tmp_path / "mine")


@pytest.mark.parametrize("content", [None, "x.txt"])
def test_what_is_no_dataset_is_said(content, tmp_path):
    if content:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / content).write_text("nothing")
    with pytest.raises(DataError, match="mine: no"):
        detect(tmp_path / "mine")


@pytest.mark.slow
def test_the_lines_that_are_printed_are_typed(tmp_path):
    write_own_images(tmp_path / "mine")
    done = seg("prepare", "detect", "dataset.root=mine", "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        json.loads((tmp_path / "out" / "detect.json").read_text())["opens_as"][0]["name"]
        == "folder"
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("to ")]
    for line in lines:
        command, *arguments = shlex.split(line.partition("python -m seg.")[2])
        small = (
            ["num_workers=1"]
            if command == "prepare"
            else ["dry_run=true", "loader.num_workers=0", "loader.batch_size=2"]
        )
        done = seg(command, *arguments, *small, cwd=tmp_path)
        assert done.returncode == 0, (line, done.stderr)
    assert len(lines) == 2
