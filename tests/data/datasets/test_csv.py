"""Samples listed in a CSV file, on disk and at addresses."""

from io import BytesIO

import fsspec
import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.csv import Csv
from seg.data.loading.loader import KeyedDataset, SegmentationLoader
from seg.data.loading.resumable_sampler import EpochOrder
from seg.errors import ConfigError, DataError


def png(values):
    buffer = BytesIO()
    Image.fromarray(np.array(values, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


IMAGE = png(np.full((1, 3, 3), 9))


@pytest.fixture
def folder(tmp_path):
    for number, values in enumerate([(0, 7, 255), (7, 7, 7), (0, 0, 0)]):
        (tmp_path / f"{number}.png").write_bytes(IMAGE)
        (tmp_path / f"{number}_ids.png").write_bytes(png([values]))
    return tmp_path


def table(folder, *lines, header="image,label,split", encoding="utf-8"):
    path = folder / "samples.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding=encoding)
    return path


def test_paths_are_relative_to_the_table_or_absolute(folder):
    path = table(
        folder,
        "0.png,0_ids.png,train",
        f'"{folder}/1.png",{folder}/1_ids.png,train',
        "",
        f"file://{folder}/2.png,2_ids.png,Valid",
        encoding="utf-8-sig",
    )
    train, val = (Csv(split=split, table=path) for split in ("train", "val"))
    assert train.labels.names == val.labels.names == ("class_0", "class_7")
    assert [sample.label.tolist() for sample in train] == [[[0, 1, 255]], [[1, 1, 1]]]
    assert val[0].label.tolist() == [[0, 0, 0]]
    names = [sample.name for sample in (*train, *val)]
    assert names == ["0", f"{folder}/1".strip("/"), f"{folder}/2".strip("/")]


def test_the_columns_may_have_other_names(folder):
    path = table(folder, "x,0_ids.png,0.png,fit", header="note,mask,photo,part")
    columns = {"image_column": "photo", "label_column": "mask", "split_column": "part"}
    assert (
        len(Csv(split="fit", table=path, label_kind="ids", classes=names(folder), **columns)) == 1
    )


def names(folder):
    path = folder / "names.json"
    path.write_text('{"0": "road", "7": "car"}')
    return path


def test_without_a_split_column_a_part_is_held_out(folder):
    path = table(folder, *(f"{n}.png,{n}_ids.png" for n in range(3)), header="image,label")
    options = {"table": path, "split_column": None}
    train, val = (Csv(split=split, **options) for split in ("train", "val"))
    assert (len(train), len(val)) == (2, 1)
    assert train.labels.names == ("class_0", "class_7")
    with pytest.raises(ConfigError, match="no split 'test'"):
        Csv(split="test", **options)


@pytest.fixture
def store():
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/bucket", recursive=True)


def test_table_files_and_classes_may_lie_in_a_store(store):
    store.pipe_file("/bucket/a/0.png", IMAGE)
    store.pipe_file("/bucket/0_ids.png", png([[0, 7, 255]]))
    store.pipe_file("/bucket/names.json", b'{"0": "road", "7": "car"}')
    store.pipe_file(
        "/bucket/samples.csv", b"image,label,split\na/0.png,memory://bucket/0_ids.png,val\n"
    )
    dataset = Csv(
        split="val", table="memory://bucket/samples.csv", classes="memory://bucket/names.json"
    )
    assert dataset.labels.names == ("road", "car")
    assert (dataset[0].name, dataset[0].label.tolist()) == ("a/0", [[0, 1, 255]])
    store.rm("/bucket/a/0.png")
    with pytest.raises(DataError, match=r"memory://bucket/a/0\.png: image not found"):
        dataset[0]


def test_addresses_are_read_in_loader_workers(folder):
    lines = (f"file://{folder}/{n}.png,file://{folder}/{n}_ids.png,train" for n in range(3))
    dataset = Csv(split="train", table=table(folder, *lines))
    loader = SegmentationLoader(
        KeyedDataset(dataset, augmentation=None, seed=0),
        EpochOrder(3, batch_size=3, seed=0, shuffle=False, drop_last=False, rank=0, world_size=1),
        num_workers=1,
        prefetch_factor=2,
        pin_memory=False,
        timeout_s=60.0,
    )
    (batch,) = loader
    assert batch["label"][:, 0].tolist() == [[0, 1, 255], [1, 1, 1], [0, 0, 0]]


def test_two_files_of_one_name_are_two_samples(folder):
    (folder / "0.jpeg").write_bytes(IMAGE)
    path = table(folder, "0.png,0_ids.png,train", "0.jpeg,1_ids.png,train")
    assert [sample.name for sample in Csv(split="train", table=path)] == ["0", "0_3"]


def test_the_default_table(folder, monkeypatch):
    monkeypatch.setenv("SEG_DATA", str(folder.parent))
    table(folder, "0.png,0_ids.png,train")
    with pytest.raises(DataError, match=r"looked for: samples\.csv"):
        Csv(split="train")
    (folder.parent / "csv").symlink_to(folder)
    assert len(Csv(split="train")) == 1


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["0.png,0_ids.png"], "line 2: 2 cells, the header has 3"),
        (
            ["0.png,0_ids.png,train", "1.png,,train"],
            r"1 of 2 images have no label: 1\.png \(line 3",
        ),
        (["0.png,0_ids.png,train", ",0_ids.png,train"], "line 3: column 'image' is empty"),
        (["0.png,0_ids.png,train"] * 2, r"line 3: image 0\.png is also in line 2"),
        (['"0.png,0_ids.png,train'], "line 2: unexpected end of data"),
        (["0.png,0_ids.png,val", "1.png,1_ids.png,night"], "'train'; found: night, val"),
        (["0.png,0_ids.png,train", "1.png,1_ids.png,training"], "both mean"),
        (["none.png,0_ids.png,train"], r"of 2 listed files 1 do not exist.*\n.*none\.png"),
        (["0.png,none.png,train"], r"of 2 listed files 1 do not exist.*\n.*none\.png"),
        (["none.png,none_ids.png,train"], r"2 do not exist.*\n.*none\.png, .*none_ids\.png"),
        (["a\\0.png,a\\0_ids.png,train"], "backslashes separate directories on Windows alone"),
        (["0\0.png,0_ids.png,train"], r"line 2: column 'image' holds no name"),
        (["0.png," + "x" * 5000 + ",train"], r"line 2: column 'label' holds no name"),
        (["0.png," + "x" * 2**21 + ",train"], "no valid CSV"),
        ([], "no line follows the header"),
    ],
)
def test_mistakes_are_told_with_their_line(folder, lines, told):
    with pytest.raises(DataError, match=told):
        Csv(split="train", table=table(folder, *lines))


def test_the_header_must_name_the_columns(folder):
    with pytest.raises(DataError, match="line 1: column 'image' is not in the header: image;label"):
        Csv(split="train", table=table(folder, header="image;label;split"))
    with pytest.raises(DataError, match="'label' is more than once in"):
        Csv(split="train", table=table(folder, header="image,label,label,split"))
    with pytest.raises(DataError, match="not UTF-8"):
        Csv(split="train", table=table(folder, "ä,b,c", encoding="latin-1"))
    with pytest.raises(DataError, match="table not found"):
        Csv(split="train", table=folder / "none.csv")


def test_missing_files_are_counted_and_three_named(folder):
    lines = [f"gone/{number}.png,gone/{number}_ids.png,train" for number in range(4)]
    with pytest.raises(DataError) as caught:
        Csv(split="train", table=table(folder, *lines))
    message = str(caught.value)
    assert "of 8 listed files 8 do not exist" in message
    assert f"sought in {folder}" in message
    assert "gone/0.png" in message
    assert "gone/1.png, ..." in message
    assert "gone/1_ids.png" not in message
