"""People's own folders, in each layout."""

import json
import logging

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.folder import Folder
from seg.errors import ConfigError, DataError


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


def plant(image, label, values=((0, 7, 255),)):
    values = np.array(values, np.uint8)
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", values.shape[1::-1], (1, 2, 3)).save(image)
    save(label, values)


def plant_split(root, split, names=("a", "deep/b"), values=((0, 7, 255),)):
    for name in names:
        plant(root / f"images/{split}/{name}.jpg", root / f"labels/{split}/{name}.png", values)
    return root


def test_classes_are_inferred_from_the_training_labels(tmp_path, caplog):
    plant_split(plant_split(tmp_path, "train"), "val", values=((7, 7),))
    with caplog.at_level(logging.INFO):
        train, val = (Folder(split=split, root=tmp_path) for split in ("train", "val"))
    assert train.labels.names == val.labels.names == ("class_0", "class_7")
    assert [sample.name for sample in train] == ["a", "deep/b"]
    assert train[0].label.tolist() == [[0, 1, 255]]
    assert val[0].label.tolist() == [[1, 1]]
    assert len(set(train.labels.palette)) == 2
    assert caplog.text.count("2 ids: 0, 7; 255 is ignored") == 1


def test_an_id_that_training_lacks_is_unknown(tmp_path):
    plant_split(plant_split(tmp_path, "train"), "val", values=((3, 7),))
    with pytest.raises(DataError, match=r"3 \(1 pixels\)"):
        Folder(split="val", root=tmp_path)[0]


@pytest.mark.parametrize(
    ("train", "val"), [("training", "validation"), ("train", "valid"), ("Train", "Val")]
)
def test_splits_may_be_spelled_otherwise(tmp_path, train, val):
    plant_split(plant_split(tmp_path, train), val, names=("c",))
    assert len(Folder(split="train", root=tmp_path)) == 2
    assert [sample.name for sample in Folder(split="val", root=tmp_path)] == ["c"]


def test_splits_may_lie_outside(tmp_path):
    for split in ("train", "valid"):
        folder = tmp_path / split
        plant(folder / "images/x.png", folder / "labels/x.png")
    assert Folder(split="val", root=tmp_path).pairs[0].image == tmp_path / "valid/images/x.png"
    with pytest.raises(DataError, match="no split 'test'; found: train, valid"):
        Folder(split="test", root=tmp_path)


def test_an_unsplit_folder_is_split_by_name(tmp_path):
    names = [f"p{number}" for number in range(10)]
    for name in names:
        plant(tmp_path / f"images/{name}.jpg", tmp_path / f"labels/{name}.png")
    plant(tmp_path / "images/city/q.jpg", tmp_path / "labels/city/q.png", ((9, 9),))

    def found(split, **options):
        return {pair.name for pair in Folder(split=split, root=tmp_path, **options).pairs}

    assert found("train") | found("val") == {*names, "city/q"}
    assert not found("train") & found("val")
    assert found("val") == found("val")
    assert len(found("val", val_fraction=0.5)) == 6
    assert found("val", val_seed=3, val_fraction=0.5) != found("val", val_fraction=0.5)
    assert Folder(split="val", root=tmp_path).labels.names == ("class_0", "class_7", "class_9")
    with pytest.raises(ConfigError, match="not split, so it has no split 'test'"):
        found("test")


def test_a_class_file_names_the_ids(tmp_path):
    plant_split(tmp_path, "train")
    (tmp_path / "classes.json").write_text('[{"name": "sky", "id": 7}, {"name": "sea", "id": 0}]')
    dataset = Folder(split="train", root=tmp_path)
    assert dataset.labels.names == ("sky", "sea")
    assert dataset[0].label.tolist() == [[1, 0, 255]]
    (tmp_path / "other.json").write_text('["a", "b"]')
    with pytest.raises(DataError, match=r"7 \(1 pixels\)"):
        Folder(split="train", root=tmp_path, classes=tmp_path / "other.json")[0]


def test_colors_are_read_by_the_class_file(tmp_path):
    plant_split(tmp_path, "train", values=(([0, 0, 142], [128, 64, 128]),))
    table = {"road": [128, 64, 128], "car": [0, 0, 142]}
    (tmp_path / "classes.json").write_text(json.dumps(table))
    assert Folder(split="train", root=tmp_path)[0].label.tolist() == [[1, 0]]
    (tmp_path / "classes.json").unlink()
    with pytest.raises(DataError, match=r'"name0": \[0, 0, 142\], "name1": \[128, 64, 128\]'):
        Folder(split="train", root=tmp_path)


def test_palette_images_hold_ids_or_colors_as_told(tmp_path):
    plant_split(tmp_path, "train", names=("a",))
    label = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    label.putpalette([9, 9, 9, 5, 5, 5])
    label.save(tmp_path / "labels/train/a.png")
    (tmp_path / "classes.json").write_text('{"car": [5, 5, 5], "road": [9, 9, 9]}')

    def read(kind):
        return Folder(split="train", root=tmp_path, label_kind=kind)[0].label.tolist()

    assert read("ids") == [[0, 1, 1]]
    assert read("auto") == [[1, 0, 0]]  # the palette is that of the class file in another order
    assert read("colours") == [[1, 0, 0]]
    with pytest.raises(ConfigError, match="auto, ids, colours"):
        read("rgb")


def test_one_broken_label_does_not_hide_the_classes(tmp_path, caplog):
    plant_split(tmp_path, "train", names=("a", "b", "c"))
    (tmp_path / "labels/train/a.png").write_bytes(b"broken")
    dataset = Folder(split="train", root=tmp_path)
    assert dataset.labels.names == ("class_0", "class_7")
    assert "1 labels could not be read" in caplog.text
    assert dataset[1].label.tolist() == [[0, 1, 255]]
    with pytest.raises(DataError, match="not an image"):
        dataset[0]


def test_labels_that_are_photographs_are_told(tmp_path):
    grey = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    plant_split(tmp_path, "train", names=("a",))
    Image.fromarray(grey).save(tmp_path / "labels/train/a.png")
    with pytest.raises(DataError, match="65536 different values"):
        Folder(split="train", root=tmp_path)
    Image.fromarray(np.array([[-3]], np.int32)).save(tmp_path / "labels/train/a.tif")
    (tmp_path / "labels/train/a.png").unlink()
    with pytest.raises(DataError, match="values from -3 to -3"):
        Folder(split="train", root=tmp_path)


def test_what_is_wrong_with_a_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="there is no such directory"):
        Folder(split="train", root=tmp_path / "nowhere")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"looked for: images, labels\n  found there: images/"):
        Folder(split="train", root=tmp_path)
    inner = plant_split(tmp_path / "outer/own", "train")
    with pytest.raises(DataError, match=f"it seems to be {inner}"):
        Folder(split="train", root=inner.parent)
    plant_split(tmp_path, "train")
    with pytest.raises(DataError, match="images: no split 'val'; found: train"):
        Folder(split="val", root=tmp_path)
    (tmp_path / "images/val").mkdir()
    with pytest.raises(DataError, match="labels: no split 'val'; found: train"):
        Folder(split="val", root=tmp_path)
    (tmp_path / "labels/train/a.png").unlink()
    with pytest.raises(DataError, match="1 images have no label"):
        Folder(split="train", root=tmp_path)


def test_masks_of_0_and_255_are_background_and_foreground(tmp_path, caplog):
    plant_split(tmp_path, "train", values=((0, 255, 0),))
    plant_split(tmp_path, "val", names=("a",), values=((0, 0, 255),))
    with caplog.at_level(logging.INFO):
        train, val = (Folder(split=split, root=tmp_path) for split in ("train", "val"))
    assert train.labels.names == val.labels.names == ("background", "foreground")
    assert train[0].label.tolist() == [[0, 1, 0]]
    assert val[0].label.tolist() == [[0, 0, 1]]
    assert caplog.text.count("0 and 255 alone: background and foreground") == 1


def test_grey_values_ask_and_ids_takes_them(tmp_path):
    plant_split(tmp_path, "train", values=((0, 128, 255),))
    with pytest.raises(DataError, match="look like levels of grey, not like ids: 0, 128, 255"):
        Folder(split="train", root=tmp_path)
    dataset = Folder(split="train", root=tmp_path, label_kind="ids")
    assert dataset.labels.names == ("class_0", "class_128")
    assert dataset[0].label.tolist() == [[0, 1, 255]]
    table = {"0": "soil", "128": "root", "255": "leaf"}
    (tmp_path / "classes.json").write_text(json.dumps(table))
    assert Folder(split="train", root=tmp_path)[0].label.tolist() == [[0, 1, 2]]


def test_one_class_is_refused(tmp_path):
    plant_split(tmp_path, "train", values=((0, 0, 0),))
    with pytest.raises(DataError, match="hold the value 0 alone"):
        Folder(split="train", root=tmp_path)
    (tmp_path / "classes.json").write_text('["leaf"]')
    with pytest.raises(DataError, match="'leaf' is the only class to train"):
        Folder(split="train", root=tmp_path)


def test_more_than_255_classes_are_read(tmp_path):
    plant(tmp_path / "images/train/a.png", tmp_path / "labels/train/a.png")
    values = np.arange(308, dtype=np.uint16)[None]
    Image.fromarray(values).save(tmp_path / "labels/train/a.png")
    for classes in (None, [f"c{number}" for number in range(308)]):
        if classes:
            (tmp_path / "classes.json").write_text(json.dumps(classes))
        dataset = Folder(split="train", root=tmp_path)
        assert dataset.labels.num_classes == 308
        assert dataset.labels.encode(values, "a").tolist() == values.tolist()


def test_smoothed_colors_get_the_remedy_for_colors(tmp_path):
    big = np.zeros((40, 40, 3), np.uint8)
    big[:, 20:] = (200, 40, 40)
    mask = Image.fromarray(big).rotate(30, Image.Resampling.BICUBIC).resize((97, 97))
    plant_split(tmp_path, "train", names=("a",), values=np.zeros((97, 97)))
    mask.save(tmp_path / "labels/train/a.png")
    with pytest.raises(DataError, match=r"smoothly \(anti-aliased\)") as caught:
        Folder(split="train", root=tmp_path)
    assert "[200, 40, 40]" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 6
    (tmp_path / "classes.json").write_text('{"soil": [0, 0, 0], "leaf": [200, 40, 40]}')
    with pytest.raises(DataError, match=r"smoothly \(anti-aliased\)") as caught:
        Folder(split="train", root=tmp_path)[0]
    assert caught.value.fault == "unknown_colors"
    assert "class ids" not in str(caught.value)


@pytest.mark.parametrize("name", ["{}_label.png", "mask_{}.png"])
def test_images_and_labels_in_the_root_are_paired_by_the_option_of_the_message(tmp_path, name):
    for at in range(4):
        plant(tmp_path / f"IMG_00{at}.JPG", tmp_path / name.format(f"IMG_00{at}"), ((0, 255),))
    with pytest.raises(DataError, match="4 images and 4 labels") as error:
        Folder(split="train", root=tmp_path)
    message = str(error.value)
    assert "IMG_000.JPG, IMG_001.JPG, IMG_002.JPG\n" in message
    assert f"dataset.images=. 'dataset.labels={name.format('*')[:-4]}'" in message
    assert len(message.splitlines()) <= 6
    assert len(Folder(split="train", root=tmp_path, images=".", labels=name.format("*"))) == 3


def test_a_root_without_the_directories_is_answered_in_six_lines(tmp_path):
    save(tmp_path / "one.png", ((0, 1),))
    with pytest.raises(DataError, match="looked for: images, labels") as error:
        Folder(split="train", root=tmp_path)
    assert len(str(error.value).splitlines()) <= 6


def test_roboflows_masks_are_read_by_the_options_of_the_manual(tmp_path):
    table = "Pixel Value, Class\n0, background\n1, cell wall\n2, nucleus\n"
    for split, name in (("train", "a"), ("valid", "b")):
        save(tmp_path / split / f"{name}_png.rf.0f3c.jpg", [[[1, 2, 3]] * 3])
        save(tmp_path / split / f"{name}_png.rf.0f3c_mask.png", [[0, 2, 1]])
        (tmp_path / split / "_classes.csv").write_text(table)
    options = {"images": ".", "labels": "*_mask", "classes": tmp_path / "train/_classes.csv"}
    for split, name in (("train", "a"), ("val", "b")):
        dataset = Folder(split=split, root=tmp_path, **options)
        assert dataset.labels.names == ("background", "cell wall", "nucleus")
        assert [pair.name for pair in dataset.pairs] == [f"{name}_png.rf.0f3c"]
        assert dataset[0].label.tolist() == [[0, 2, 1]]
    save(tmp_path / "train/a_png.rf.0f3c_mask.png", [[0, 3, 1]])
    with pytest.raises(DataError, match=r"a_png\.rf\.0f3c_mask\.png"):
        Folder(split="train", root=tmp_path, **options)[0]


def test_the_masks_of_roboflow_bring_their_classes(tmp_path):
    table = "Pixel Value, Class\n0, background\n1, cell wall\n2, nucleus\n"
    for split, name in (("train", "a"), ("valid", "b")):
        save(tmp_path / split / f"{name}.jpg", [[[1, 2, 3]] * 3])
        save(tmp_path / split / f"{name}_mask.png", [[0, 0, 1]])
        (tmp_path / split / "_classes.csv").write_text(table)
    names = ("background", "cell wall", "nucleus")
    assert Folder(split="val", root=tmp_path).labels.names == names
    (tmp_path / "valid/_classes.csv").write_text(table.replace("nucleus", "core"))
    with pytest.raises(DataError, match=r"train/_classes\.csv and .*name other"):
        Folder(split="val", root=tmp_path)
    chosen = tmp_path / "train/_classes.csv"
    assert Folder(split="val", root=tmp_path, classes=chosen).labels.names == names
    for split in ("train", "valid"):  # of Roboflow's image classification
        (tmp_path / split / "_classes.csv").write_text("filename, cell wall\na.jpg, 1\n")
    assert Folder(split="val", root=tmp_path).labels.names == ("class_0", "class_1")
