"""Folders, tables and Hub sets of classified images."""

import numpy as np
import pytest
from PIL import Image

from seg.data.classification.image_csv import ImageCsv
from seg.data.classification.image_folder import ImageFolder
from seg.data.classification.image_hub import ImageHub
from seg.errors import ConfigError, DataError


def picture(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 7), (value, 0, 0)).save(path)


@pytest.fixture
def imagenet(tmp_path):
    """Two classes in ImageNet's layout; the red channel is the class."""
    for split, count in (("train", 3), ("val", 1)):
        for place, name in enumerate(("n01440764", "n02102040")):
            for number in range(count):
                picture(tmp_path / split / name / f"{name}_{number}.JPEG", 100 * place)
    return tmp_path


def test_imagenet_layout(imagenet):
    train, val = (ImageFolder(split=split, root=imagenet) for split in ("train", "val"))
    assert (len(train), len(val)) == (6, 2)
    assert train.labels.is_compatible(val.labels)
    assert train.labels.names == ("n01440764", "n02102040")
    assert [int(train[index].label) for index in range(-6, 6)] == 2 * [0, 0, 0, 1, 1, 1]
    for sample in (train[4], val[1], val[-1]):
        assert sample.label == 1
        assert sample.image.shape == (7, 9, 3)
        assert abs(int(sample.image[..., 0].mean()) - 100) < 3
    assert train[0].name == "n01440764/n01440764_0.JPEG"


def test_a_folder_without_splits_is_split_the_same_way_each_time(tmp_path):
    for name in ("cat", "dog"):
        for number in range(10):
            picture(tmp_path / name / f"{number}.png", 1)
    parts = [
        ImageFolder(split=split, root=tmp_path, val_fraction=0.2) for split in ("train", "val")
    ]
    names = [{part.name(index) for index in range(len(part))} for part in parts]
    assert (len(names[0]), len(names[1])) == (16, 4)
    assert not names[0] & names[1]
    again = ImageFolder(split="val", root=tmp_path, val_fraction=0.2)
    assert {again.name(index) for index in range(len(again))} == names[1]


def test_what_is_wrong_with_folders_is_told(imagenet, tmp_path):
    picture(imagenet / "val" / "n03000684" / "a.JPEG", 0)
    with pytest.raises(DataError, match="'n03000684' is not among the training split's 2"):
        ImageFolder(split="val", root=imagenet)
    with pytest.raises(DataError, match="no split 'test'"):
        ImageFolder(split="test", root=imagenet)
    flat = tmp_path / "flat"
    picture(flat / "train" / "a.jpg", 0)
    with pytest.raises(DataError, match="no directories of classes"):
        ImageFolder(split="train", root=flat)
    with pytest.raises(DataError, match="no such directory"):
        ImageFolder(split="train", root=tmp_path / "nowhere")
    damaged = imagenet / "train" / "n01440764" / "n01440764_0.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:300])
    with pytest.raises(DataError, match=r"n01440764_0\.JPEG"):
        ImageFolder(split="train", root=imagenet)[0]


def table(folder, *lines):
    for name in ("a", "b", "c", "d"):
        picture(folder / f"{name}.png", ord(name))
    (folder / "t.csv").write_text("\n".join(("image,label,split", *lines)) + "\n")
    return folder / "t.csv"


def test_csv_with_one_class_an_image(tmp_path):
    path = table(tmp_path, "a.png,dog,train", "b.png,cat,train", "c.png,dog,val")
    train, val = (ImageCsv(split=split, table=path) for split in ("train", "val"))
    assert train.labels.names == val.labels.names == ("cat", "dog")
    assert [int(train[i].label) for i in range(2)] == [1, 0]
    assert int(val[0].label) == 1
    assert val[0].image[0, 0, 0] == ord("c")


def test_csv_with_several_classes_an_image(tmp_path):
    path = table(tmp_path, "a.png,dog; cat,train", "b.png,bird,train", "c.png,bird;dog,val")
    val = ImageCsv(split="val", table=path, label_separator=";")
    assert val.labels.names == ("bird", "cat", "dog")
    assert val.labels.multi_label
    assert val[0].label.tolist() == [1, 0, 1]
    assert val[0].label.dtype == np.float32


def test_what_is_wrong_with_a_table_is_told(tmp_path):
    path = table(tmp_path, "a.png,dog,train", "b.png,cat,train", "c.png,cow,val")
    with pytest.raises(DataError, match="line 4: class 'cow' is not among the training split's 2"):
        ImageCsv(split="val", table=path)
    with pytest.raises(ConfigError, match=r"classification_dataset\.table"):
        ImageCsv(split="val")
    path = table(tmp_path, "a.png,dog,train", "b.png,dog,val")
    with pytest.raises(DataError, match="1 classes; two or more"):
        ImageCsv(split="train", table=path)


@pytest.fixture
def hub_set(tmp_path):
    """Saves rows as Parquet files in the layout that `datasets` reads as train and validation."""
    datasets = pytest.importorskip("datasets")
    picture(tmp_path / "a.png", 7)
    cell = {"bytes": (tmp_path / "a.png").read_bytes(), "path": None}

    def save(feature, train, validation):
        features = datasets.Features({"image": datasets.Image(), "label": feature(datasets)})
        folder = tmp_path / "set"
        folder.mkdir()
        for split, labels in (("train", train), ("validation", validation)):
            rows = {"image": [cell] * len(labels), "label": labels}
            data = datasets.Dataset.from_dict(rows, features=features)
            data.to_parquet(folder / f"{split}-00000-of-00001.parquet")
        return str(folder)

    return save


def test_hub_with_declared_classes(hub_set):
    name = hub_set(lambda hub: hub.ClassLabel(names=["cat", "dog"]), [0, 1, 1], [1])
    val = ImageHub(split="val", name=name)
    assert val.labels.names == ("cat", "dog")
    assert int(val[0].label) == 1
    assert val[0].image[0, 0, 0] == 7


def test_hub_with_lists_of_words(hub_set):
    def words(hub):
        return hub.Sequence(hub.Value("string"))

    name = hub_set(words, [["dog", "cat"], ["bird"]], [["dog"], []])
    val = ImageHub(split="val", name=name)
    assert val.labels.names == ("bird", "cat", "dog")
    assert val[0].label.tolist() == [0, 0, 1]
    assert val[1].label.tolist() == [0, 0, 0]
