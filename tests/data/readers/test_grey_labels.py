"""Grey levels, three equal channels, alpha, and what JPEG leaves: classes, or a clear question."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.csv import Csv
from seg.data.datasets.folder import Folder
from seg.data.label_ids import check_label_ids
from seg.errors import DataError


def blocks(*values):
    """Blocks of 8 x 8 pixels of each value, 16 x 8 for two."""
    return np.repeat(np.repeat(np.uint8([values]), 8, 0), 8, 1)


def in_channels(grey_HW, alpha_HW=None):
    channels = [grey_HW] * 3 + ([] if alpha_HW is None else [alpha_HW])
    return Image.fromarray(np.stack(channels, -1))


def as_jpeg(image):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    return Image.open(stream).convert("RGB")


@pytest.fixture
def plant(tmp_path):
    def plant(*labels, split="train", classes=None):
        for number, label in enumerate(labels):
            for kind in ("images", "labels"):
                (tmp_path / kind / split).mkdir(parents=True, exist_ok=True)
            size = label.size
            Image.new("RGB", size).save(tmp_path / f"images/{split}/{number}.png")
            label.save(tmp_path / f"labels/{split}/{number}.png")
        if classes is not None:
            (tmp_path / "classes.json").write_text(json.dumps(classes))
        return tmp_path

    return plant


def table(root):
    rows = [f"images/train/{number}.png,labels/train/{number}.png,train" for number in range(2)]
    (root / "samples.csv").write_text("\n".join(["image,label,split", *rows, ""]))
    return Csv(split="train", table=root / "samples.csv")


def refused(root, **options):
    with pytest.raises(DataError) as caught:
        Folder(split="train", root=root, **options)[0]
    message = str(caught.value)
    assert len(message.splitlines()) <= 6, message
    return message


OPAQUE = np.full((8, 16), 255, np.uint8)


@pytest.mark.parametrize(
    "label",
    [
        in_channels(blocks(0, 255)),
        in_channels(blocks(0, 255), OPAQUE),
        Image.fromarray(np.stack([blocks(0, 255), OPAQUE], -1)),
        Image.fromarray(blocks(0, 255)),
        Image.fromarray(blocks(0, 255).astype(np.uint16)),
    ],
    ids=["RGB", "RGBA", "LA", "L", "I;16"],
)
def test_black_and_white_are_background_and_foreground(plant, caplog, label):
    root = plant(label, label)
    with caplog.at_level("INFO"):
        datasets = [Folder(split="train", root=root), table(root)]
    for dataset in datasets:
        assert dataset.labels.names == ("background", "foreground")
        assert np.array_equal(dataset[0].label, blocks(0, 1))
    assert "0 and 255 alone: background and foreground" in caplog.text


def test_hugging_face_tables_of_black_and_white(tmp_path):
    datasets = pytest.importorskip("datasets")
    from seg.data.datasets.hf_dataset import HfDataset

    label = in_channels(blocks(0, 255))
    rows = {"image": [Image.new("RGB", label.size)] * 2, "label": [label] * 2}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Image()})
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "train.parquet")
    dataset = HfDataset(split="train", name=str(tmp_path))
    assert dataset.labels.names == ("background", "foreground")
    assert np.array_equal(dataset[1].label, blocks(0, 1))


def test_a_bit_a_pixel_holds_the_ids_0_and_1(plant):
    dataset = Folder(split="train", root=plant(Image.fromarray(blocks(0, 255)).convert("1")))
    assert dataset.labels.names == ("class_0", "class_1")
    assert np.array_equal(dataset[0].label, blocks(0, 1))


def test_ids_in_three_channels_have_the_names_of_the_class_file(plant):
    root = plant(in_channels(blocks(2, 0, 1, 255)), classes=["sky", "road", "car"])
    for kind in ("auto", "ids"):
        dataset = Folder(split="train", root=root, label_kind=kind)
        assert np.array_equal(dataset[0].label, blocks(2, 0, 1, 255))
    colors = {"black": [0, 0, 0], "white": [255, 255, 255]}
    root = plant(in_channels(blocks(255, 0)), classes=colors)
    assert np.array_equal(Folder(split="train", root=root)[0].label, blocks(1, 0))


def test_a_black_label_among_colors_does_not_make_them_grey(plant):
    colored = Image.fromarray(np.stack([blocks(0, 200), blocks(90, 0), blocks(0, 0)], -1))
    root = plant(in_channels(blocks(0, 0)), colored)
    assert "no file tells their classes" in refused(root)
    many = plant(*[in_channels(blocks(0, 1))] * 40)
    colored.save(many / "labels/train/8.png")
    dataset = Folder(split="train", root=many)
    index = [pair.name for pair in dataset.pairs].index("8")
    with pytest.raises(DataError, match=r"8\.png: label holds colors, and the first one"):
        dataset[index]


@pytest.mark.parametrize("values", [(0, 128, 255), (0, 85, 170, 255), (0, 254), (128, 255)])
@pytest.mark.parametrize("kind", [Image.fromarray, in_channels])
def test_grey_levels_ask_and_both_remedies_work(plant, values, kind):
    root = plant(kind(blocks(*values)), kind(blocks(*values)))
    message = refused(root)
    assert ", ".join(map(str, values)) in message
    plant(classes=json.loads(re.search(r"\{.*\}", message)[0]))
    dataset = Folder(split="train", root=root)
    assert np.array_equal(dataset[0].label, blocks(*range(len(values))))
    (root / "classes.json").unlink()
    if len(set(values) - {255}) > 1:
        dataset = Folder(split="train", root=root, label_kind="ids")
        assert dataset.labels.num_classes == len(set(values) - {255})


@pytest.mark.parametrize("value", [65535, 256, 257])
def test_16_bit_masks_ask_and_the_table_of_the_message_works(plant, value):
    label = Image.fromarray((blocks(0, 1) * np.uint16(value)).astype(np.uint16))
    message = refused(plant(label))
    assert f"0, {value}" in message
    root = plant(classes=json.loads(re.search(r"\{.*\}", message)[0]))
    assert np.array_equal(Folder(split="train", root=root)[0].label, blocks(0, 1))


def test_black_and_white_saved_as_jpeg_are_to_be_exported_again(plant):
    draw = np.random.default_rng(0).integers(0, 2, (8, 8)).astype(np.uint8) * 255
    mask = Image.fromarray(draw.repeat(12, 0).repeat(12, 1))
    message = refused(plant(as_jpeg(mask), as_jpeg(mask)))
    assert "saved as JPEG: export them again" in message


def test_a_label_with_alpha_asks_which_is_the_mask(plant):
    label = in_channels(blocks(0, 0), blocks(0, 255))
    message = refused(plant(label))
    assert "alpha channel of 2 values (0, 255)" in message
    assert "getchannel('A')" in message
    with pytest.raises(DataError, match="alpha channel of 2 values"):
        grey = np.stack([OPAQUE, blocks(0, 255)], -1)
        Folder(split="train", root=plant(Image.fromarray(grey), Image.fromarray(grey)))[0]


@pytest.mark.parametrize("value", [0, 255])
def test_one_value_alone_is_refused(plant, value):
    assert "of the two classes" in refused(plant(Image.fromarray(blocks(value, value))))


def test_validation_masks_of_255_beside_training_masks_of_1_are_refused(plant):
    plant(Image.fromarray(blocks(0, 255)), split="val")
    root = plant(Image.fromarray(blocks(0, 1)))
    train, val = (Folder(split=split, root=root) for split in ("train", "val"))
    seen = check_label_ids(train)
    assert seen == {0, 1}
    with pytest.raises(DataError, match="'class_0' and ignored pixels") as caught:
        check_label_ids(val, training=seen)
    assert "Write them in one way" in str(caught.value)
    check_label_ids(val, training=seen | {255})


def test_predictions_beside_training_labels_in_three_channels_are_read(plant):
    prediction = Image.fromarray(blocks(255, 0))
    prediction.putpalette([level for level in range(256) for _ in range(3)])
    plant(prediction, split="val")
    root = plant(in_channels(blocks(0, 255)))
    dataset = Folder(split="val", root=root)
    assert dataset.labels.names == ("background", "foreground")
    assert np.array_equal(dataset[0].label, blocks(1, 0))
