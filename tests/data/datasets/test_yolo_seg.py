"""Datasets in the layout of Ultralytics YOLO and of Roboflow's exports of it."""

import pytest
from PIL import Image

from seg.data.datasets.yolo_seg import YoloSeg
from seg.data.fingerprint import fingerprint
from seg.errors import ConfigError, DataError
from tests.data.datasets.yolo_tree import MAP, SHAPES, SIZE, plant

IMAGES_FIRST = {"train": "images/train", "val": "images/val"}
ROBOFLOW = {"train": "train/images", "val": "valid/images", "test": "test/images"}


def as_train_ids(label):
    """The background has the train id 0 and the classes follow."""
    return [[(value + 1) % 3 for value in row] for row in label]


@pytest.mark.parametrize("splits", [IMAGES_FIRST, ROBOFLOW], ids=["images first", "split first"])
def test_both_layouts_are_read(tmp_path, splits):
    root = plant(tmp_path, splits)
    for split in splits:
        dataset = YoloSeg(split=split, root=root)
        assert dataset.labels.names == ("background", "road", "car")
        assert [pair.name for pair in dataset.pairs] == [f"{split}1"]
        assert dataset[0].label.tolist() == as_train_ids(MAP)
    ids = {value: train_id for value, train_id in dataset.labels.file_ids if value != 255}
    assert ids == {0: 1, 1: 2, 2: 0}


def test_roboflows_paths_that_lead_out_are_sought_in_the_root(tmp_path):
    root = plant(tmp_path / "export", ROBOFLOW)
    text = "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['road', 'car']\n"
    (root / "data.yaml").write_text(text)
    assert len(YoloSeg(split="val", root=root)) == 1
    plant(tmp_path, {"other": "elsewhere/images"})
    (root / "data.yaml").write_text("train: ../elsewhere/images\nnames: [road, car]\n")
    with pytest.raises(DataError, match=r"train: '\.\./elsewhere/images' is not in"):
        YoloSeg(split="train", root=root)


def test_names_may_be_a_mapping_and_the_path_that_of_another_machine(tmp_path):
    data = "path: ../datasets/mine\nnames:\n  1: car\n  0: road\n"
    root = plant(tmp_path, IMAGES_FIRST, data=data)
    assert YoloSeg(split="train", root=root).labels.names == ("background", "road", "car")
    (root / "inner").mkdir()
    plant(root / "inner", IMAGES_FIRST)
    (root / "inner/data.yaml").unlink()
    (root / "data.yaml").write_text("path: inner\ntrain: images/train\nnames: [road, car]\n")
    # `train` alone is all of the data
    with pytest.raises(DataError, match="1 samples, not split"):
        YoloSeg(split="train", root=root)


def test_lists_of_images_are_read(tmp_path):
    root = plant(tmp_path, {"train": "data/images/train"}, data="names: [road, car]\n")
    for number in range(2, 7):
        Image.new("RGB", SIZE).save(root / f"data/images/train/{number}.jpg")
        (root / f"data/labels/train/{number}.txt").write_text(SHAPES)
    lines = [f"data/images/train/{number}.jpg" for number in range(2, 7)]
    (root / "train.txt").write_text("\n".join([*lines, "./data/images/train/train1.jpg"]))
    (root / "data.yaml").write_text("train: train.txt\nnames: {0: road, 1: car}\npath: .\n")
    train, val = (YoloSeg(split=split, root=root, val_fraction=0.3) for split in ("train", "val"))
    assert (len(train), len(val)) == (4, 2)
    assert val[0].label.tolist() == as_train_ids(MAP)
    (root / "train.txt").write_text("data/images/train/2.jpg\n\n../a.jpg\n")
    with pytest.raises(DataError, match=r"train\.txt, line 3: '\.\./a\.jpg' is no image in"):
        YoloSeg(split="train", root=root)


def test_directories_alone_split_where_the_yaml_file_names_classes_only(tmp_path):
    root = plant(tmp_path, {"train": "images/train", "val": "images/val"})
    (root / "data.yaml").rename(root / "things.yml")
    (root / "things.yml").write_text("names: [road, car]\n")
    assert [pair.name for pair in YoloSeg(split="val", root=root).pairs] == ["val1"]
    with pytest.raises(DataError, match="no split 'test'; found: train, val"):
        YoloSeg(split="test", root=root)


def test_a_single_class_is_1_and_the_background_0(tmp_path):
    root = plant(tmp_path, IMAGES_FIRST, data="nc: 1\nnames: [cell]\n", shapes="0 0 0 1 0 0 1\n")
    dataset = YoloSeg(split="train", root=root)
    assert dataset.labels.names == ("background", "cell")
    assert dataset.labels.file_ids[:2] == ((0, 0), (1, 1))


def test_a_background_among_the_names_is_the_class_of_the_rest(tmp_path):
    data = "names: [car, background]\n"
    root = plant(tmp_path, IMAGES_FIRST, data=data, shapes="0 0 0 0 0 0 0\n")
    dataset = YoloSeg(split="train", root=root)
    assert dataset.labels.names == ("car", "background")
    assert dataset[0].label.tolist() == [[0, *[1] * 7], *[[1] * 8] * 3]


def test_images_without_a_text_file(tmp_path):
    root = plant(tmp_path, IMAGES_FIRST)
    Image.new("RGB", (5, 2)).save(root / "images/train/bare.png")
    Image.new("RGB", (5, 2)).save(root / "images/train/empty.png")
    (root / "labels/train/empty.txt").write_text("")
    with pytest.raises(DataError, match=r"1 images have no label: .*bare\.png"):
        YoloSeg(split="train", root=root)
    assert len(YoloSeg(split="train", root=root, unannotated="exclude")) == 2
    dataset = YoloSeg(split="train", root=root, unannotated="background")
    assert [sample.label.any() for sample in dataset] == [False, False, True]
    assert dataset[0].label.shape == (2, 5)
    with pytest.raises(ConfigError, match=r"needs dataset\.unlabelled=background"):
        YoloSeg(split="train", root=root, unannotated="background", unlabelled="ignored")
    (root / "labels/train/lonely.txt").write_text(SHAPES)
    (root / "labels/train/classes.txt").write_text("road\ncar\n")  # LabelImg leaves it there
    with pytest.raises(DataError, match=r"1 labels have no image: .*lonely\.txt"):
        YoloSeg(split="train", root=root, unannotated="background")


def test_labels_at_another_place_are_no_background(tmp_path):
    root = plant(tmp_path, IMAGES_FIRST)
    (root / "labels").rename(root / "texts")
    with pytest.raises(DataError, match=r"none of 1 images has a label; looked for .*labels/train"):
        YoloSeg(split="train", root=root, unannotated="background")


def test_a_turned_image_gives_the_upright_size(tmp_path):
    root = plant(tmp_path, IMAGES_FIRST)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE[::-1]).save(root / "images/train/train1.jpg", exif=exif)
    assert YoloSeg(split="train", root=root)[0].label.tolist() == as_train_ids(MAP)


def test_what_decides_on_pixels_belongs_to_the_fingerprint(tmp_path):
    root = plant(tmp_path, IMAGES_FIRST)
    prints = [
        fingerprint(YoloSeg(split="train", root=root, **options))
        for options in ({}, {"overlap_order": "file"}, {"boxes": "draw"})
    ]
    assert len(set(map(str, prints))) == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("names: [road]\nnc: 2\n", "nc is 2, and names has 1"),
        ("names: {0: road, 2: car}\n", "the numbers are 0, 2; they count up from 0"),
        ("train: a\n", "names is None; allowed: names:"),
        ("names: [road, 7]\n", "entry 1: name is 7; a word is needed"),
        ("names: [road, car]\nkpt_shape: [17, 3]\n", "boxes and key points, not polygons"),
        ("names: [road, car]\nmasks_dir: masks\n", "dataset=folder"),
        ("names: &n [road, car]\nother: *n\n", "holds an alias"),
        ("names: [road, car]\ntrain: 3\n", "train is 3; allowed: a path or a list of paths"),
        ("[road, car]\n", "no description of a YOLO dataset"),
    ],
)
def test_what_is_wrong_with_the_yaml_file_is_named(tmp_path, data, message):
    (tmp_path / "data.yaml").write_text(data)
    with pytest.raises(DataError, match=message):
        YoloSeg(split="train", root=tmp_path)


def test_the_yaml_file_is_an_option(tmp_path):
    root = plant(tmp_path / "root", IMAGES_FIRST)
    (root / "data.yaml").rename(tmp_path / "mine.yaml")
    with pytest.raises(DataError, match=r"give dataset\.data_yaml=FILE"):
        YoloSeg(split="train", root=root)
    assert len(YoloSeg(split="train", root=root, data_yaml=tmp_path / "mine.yaml")) == 1
    with pytest.raises(ConfigError, match="no such file"):
        YoloSeg(split="train", root=root, data_yaml=tmp_path / "none.yaml")
