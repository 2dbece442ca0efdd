"""Datasets that the library of the Hugging Face Hub reads, made here; no network."""

import logging
import pickle
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.hf_dataset import HfDataset
from seg.errors import ConfigError, DataError

LABELS = {"train": [[[0, 1, 2]], [[2, 2, 255]]], "validation": [[[1, 0]]]}


def png(values):
    buffer = BytesIO()
    Image.fromarray(np.array(values, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return datasets


@pytest.fixture
def plant(datasets, tmp_path):
    """Writes a split of images as Parquet, as the Hub keeps them; gives the folder."""

    def plant(split, labels, feature=None):
        size = [np.shape(label)[:2] for label in labels]
        table = {
            "image": [{"bytes": png(np.full((*each, 3), 9)), "path": None} for each in size],
            "label": labels
            if feature
            else [{"bytes": png(label), "path": None} for label in labels],
            "scene": [0] * len(labels),
        }
        features = datasets.Features(
            image=datasets.Image(),
            label=feature or datasets.Image(),
            scene=datasets.ClassLabel(names=["street", "field"]),
        )
        path = tmp_path / "owner/data" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(table, features).to_parquet(path)
        return str(path.parent)

    return plant


@pytest.fixture
def name(plant):
    plant("train", LABELS["train"])
    return plant("validation", LABELS["validation"])


def test_images_are_decoded_strictly_and_classes_inferred(name):
    train, val = (HfDataset(split=split, name=name) for split in ("train", "val"))
    assert train.labels.names == val.labels.names == ("class_0", "class_1", "class_2")
    assert [sample.label.tolist() for sample in train] == LABELS["train"]
    assert train[1].name == "000001"
    assert train[0].image.tolist() == [[[9, 9, 9]] * 3]
    assert val.read_label(0).tolist() == LABELS["validation"][0]
    with pytest.raises(IndexError):
        train[2]


def test_parts_of_a_split_may_stand_for_splits(name):
    dataset = HfDataset(split="val", name=name, val_split="train[50%:]")
    assert [sample.label.tolist() for sample in dataset] == LABELS["train"][1:]


def test_names_come_from_a_file(name, tmp_path):
    path = tmp_path / "id2label.json"
    path.write_text('{"0": "road", "1": "car", "2": "sky"}')
    assert HfDataset(split="val", name=name, classes=path).labels.names == ("road", "car", "sky")


def test_zero_may_be_reduced_away(name, tmp_path):
    path = tmp_path / "id2label.json"
    path.write_text('{"0": "wall", "1": "building"}')
    dataset = HfDataset(split="train", name=name, classes=path, reduce_zero_label=True)
    assert dataset.labels.names == ("wall", "building")
    assert [sample.label.tolist() for sample in dataset] == [[[255, 0, 1]], [[1, 1, 255]]]
    inferred = HfDataset(split="train", name=name, reduce_zero_label=True)
    assert inferred.labels.names == ("class_0", "class_1")
    assert inferred.labels.file_ids == dataset.labels.file_ids


def test_lists_of_declared_classes_are_labels(datasets, plant):
    feature = datasets.List(datasets.List(datasets.ClassLabel(names=["road", "car"])))
    name = plant("train", [[[0, 1], [1, 1]]], feature)
    dataset = HfDataset(split="train", name=name)
    assert dataset.labels.names == ("road", "car")
    assert dataset[0].label.tolist() == [[0, 1], [1, 1]]


def test_colors_are_read_by_the_class_file(plant, tmp_path):
    name = plant("train", [[[[0, 0, 142], [128, 64, 128]]]])
    path = tmp_path / "classes.json"
    path.write_text('{"road": [128, 64, 128], "car": [0, 0, 142]}')
    assert HfDataset(split="train", name=name, classes=path)[0].label.tolist() == [[1, 0]]
    with pytest.raises(ConfigError, match="reduce_zero_label is for ids"):
        HfDataset(split="train", name=name, classes=path, reduce_zero_label=True)
    with pytest.raises(DataError, match=r"row 0, column 'label': label holds 2 colors"):
        HfDataset(split="train", name=name)


def test_faults_name_the_row(datasets, plant, tmp_path):
    name = plant("train", LABELS["train"])
    rows = datasets.Dataset.from_parquet(f"{name}/train-00000-of-00001.parquet")
    broken = [{"bytes": png([[0, 1]])[:-9], "path": None}, {"bytes": png([[0, 3]]), "path": None}]
    images = [{"bytes": png(np.zeros((1, 2, 3))), "path": None}] * 3
    table = {"image": images, "label": [*broken, None]}
    features = datasets.Features({key: rows.features[key] for key in table})
    datasets.Dataset.from_dict(table, features).to_parquet(tmp_path / "b/train.parquet")
    (tmp_path / "names.json").write_text('["road", "car"]')
    dataset = HfDataset(split="train", name=str(tmp_path / "b"), classes=tmp_path / "names.json")
    for index, (told, fault) in enumerate(
        [("damaged", "damaged"), (r"3 \(1 pixels\)", "unknown_values"), ("no image", "missing")]
    ):
        match = f"split train, row {index}, column 'label': .*{told}"
        with pytest.raises(DataError, match=match) as caught:
            dataset[index]
        assert caught.value.fault == fault


def test_files_beside_a_table_are_read_where_they_lie(datasets, tmp_path):
    folder = tmp_path / "files/train"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(png(np.zeros((1, 2, 3))))
    (folder / "b.png").write_bytes(png([[0, 4]]))
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "label_file_name": "b.png"}')
    dataset = HfDataset(split="train", name=str(tmp_path / "files"))
    assert dataset.labels.names == ("class_0", "class_4")
    assert dataset[0].label.tolist() == [[0, 1]]


def test_it_travels_to_worker_processes(name):
    dataset = pickle.loads(pickle.dumps(HfDataset(split="train", name=name)))
    assert [sample.label.tolist() for sample in dataset] == LABELS["train"]


def test_code_of_a_dataset_is_never_run(datasets, tmp_path):
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(DataError, match="cannot be loaded"):
        HfDataset(split="train", name=str(folder))
    assert not (tmp_path / "ran").exists()


def test_old_versions_that_run_code_are_refused(datasets, monkeypatch, name):
    monkeypatch.setattr(datasets, "__version__", "3.6.0")
    with pytest.raises(ConfigError, match=r"may run code .*seg-xception\[hub\]"):
        HfDataset(split="train", name=name)


def test_wrong_choices_are_told(name):
    with pytest.raises(ConfigError, match="OWNER/NAME"):
        HfDataset(split="train")
    with pytest.raises(ConfigError, match="no split 'test'; allowed: train, val"):
        HfDataset(split="test", name=name, test_split=None)
    with pytest.raises(DataError, match="split test: cannot be loaded: Unknown split"):
        HfDataset(split="test", name=name)
    with pytest.raises(ConfigError, match="no column 'mask'; its columns: image, label, scene"):
        HfDataset(split="train", name=name, label_column="mask")
    with pytest.raises(DataError, match="0-dimensional"):
        HfDataset(split="train", name=name, label_column="scene")[0]
    with pytest.raises(DataError, match="cannot be loaded"):
        HfDataset(split="train", name=f"{name}/none")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'seg-xception\[hub\]'"):
        HfDataset(split="train", name="owner/name")


def test_masks_of_0_and_255_are_background_and_foreground(plant, caplog):
    name = plant("train", [[[0, 255, 0]], [[0, 0, 0]]])
    plant("validation", [[[255, 255, 0]]])
    with caplog.at_level(logging.INFO):
        train, val = (HfDataset(split=split, name=name) for split in ("train", "val"))
    assert train.labels.names == ("background", "foreground")
    assert train[0].label.tolist() == [[0, 1, 0]]
    assert val[0].label.tolist() == [[1, 1, 0]]
    assert caplog.text.count("background and foreground") == 1
    with pytest.raises(DataError, match="no value beside 255"):
        HfDataset(split="train", name=name, reduce_zero_label=True)


def test_an_ignored_zero_makes_no_foreground_of_255(plant):
    name = plant("train", [[[0, 1, 255]]])
    with pytest.raises(DataError, match="the value 0 alone"):
        HfDataset(split="train", name=name, reduce_zero_label=True)
