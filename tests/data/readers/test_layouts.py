"""Images and labels in other directories or side by side: counted, shown, paired by the remedy."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.csv import Csv
from seg.data.datasets.folder import Folder
from seg.errors import DataError

DRAW = np.random.default_rng(0)


def write(root, *names, count=4):
    """Noise as images; ids as labels, which are files whose second name follows `|`."""
    for name in names:
        image, _, label = name.partition("|")
        for number in range(count):
            for text, pixels in (
                (image, DRAW.integers(0, 256, (12, 16, 3), np.uint8)),
                (label, np.arange(192, dtype=np.uint8).reshape(12, 16) % 3),
            ):
                if text:
                    path = root / text.replace("#", f"IMG_{number:03d}")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(path)
    return root


def refused(root):
    with pytest.raises(DataError) as caught:
        Folder(split="train", root=root)
    message = str(caught.value)
    assert len(message.splitlines()) <= 6, message
    return message


def typed(message, root):
    options = re.search("to pair them give (.*)", message)
    assert options is not None, message
    pairs = [option.removeprefix("dataset.").split("=", 1) for option in shlex.split(options[1])]
    options = {"root": root, **dict(pairs)}
    return [Folder(split=split, **options) for split in ("train", "val")]


@pytest.mark.parametrize(
    ("files", "options"),
    [
        (["imgs/#.jpg|masks/#.png"], "dataset.images=imgs dataset.labels=masks"),
        (
            ["JPEGImages/#.jpg|SegmentationClass/#.png"],
            "dataset.images=JPEGImages dataset.labels=SegmentationClass",
        ),
        (["image/#.png|label/#.png"], "dataset.images=image dataset.labels=label"),
        (["data/#.png|gt/#.png"], "dataset.images=data dataset.labels=gt"),
        (["b/#.png|a/#.png"], "dataset.images=b dataset.labels=a"),
        (["images/#.jpg|masks/#_m.png"], "dataset.images=images 'dataset.labels=masks/*_m'"),
        (["my images/#.jpg|masks/#.png"], "'dataset.images=my images' dataset.labels=masks"),
        (
            ["#_rgb.png|#_seg.png"],
            "'dataset.images=*_rgb' 'dataset.labels=*_seg'",
        ),
        (["#.jpg|#.png"], "'dataset.images=*.jpg' 'dataset.labels=*.png'"),
        (["scans/#/photo.jpg|scans/#/mask.png"], "'dataset.images=*/photo.jpg'"),
        (["photos/#.jpg|photos/labels/#.png"], "'dataset.labels=labels/*.png'"),
    ],
)
def test_unsplit_files_are_paired_by_the_options_of_the_message(tmp_path, files, options):
    root = write(tmp_path, *files)
    message = refused(root)
    assert "4 images and 4 labels" in message
    assert options in message
    train, val = typed(message, root)
    assert (len(train), len(val)) == (3, 1)
    assert train[0].label.max() == 2


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ("$/#.JPG|$/#_gt.png", "dataset.images=. 'dataset.labels=*_gt'"),
        ("$/imgs/#.jpg|$/masks/#.png", "dataset.images=imgs dataset.labels=masks"),
        ("imgs/$/#.jpg|masks/$/#.png", "dataset.images=imgs dataset.labels=masks"),
        ("imgs/$/#.jpg|masks/$/#_m.png", "dataset.images=imgs 'dataset.labels=masks/*_m'"),
        (
            "in/$/c/#_rgb.png|gt/$/c/#_gt_ids.png",
            "'dataset.images=in/*_rgb' 'dataset.labels=gt/*_gt_ids'",
        ),
        ("deep/$/img/#.jpg|deep/$/ann/#.png", "deep dataset.images=img dataset.labels=ann"),
    ],
)
def test_splits_are_paired_by_the_options_of_the_message(tmp_path, files, options):
    root = write(tmp_path, *(files.replace("$", split) for split in ("train", "val")))
    message = refused(root)
    assert "8 images and 8 labels" in message
    assert "IMG_002" in message
    assert options in message
    assert [len(dataset) for dataset in typed(message, root)] == [4, 4]


@pytest.mark.parametrize("files", ["$_images/#.jpg|$_masks/#.png", "$/#.jpg|$annot/#.png"])
def test_what_no_option_pairs_is_listed_in_the_table_of_the_message(tmp_path, files):
    root = write(tmp_path, *(files.replace("$", split) for split in ("train", "val")))
    message = refused(root)
    table, header, row = re.search(r"dataset\.table=(.*)\n +(.*)\n +(.*)", message).groups()
    rows = [
        row.replace("IMG_000", f"IMG_{number:03d}").replace("train", split)
        for number in range(4)
        for split in ("train", "val")
    ]
    (root / "samples.csv").write_text("\n".join([header, *rows, ""]))
    assert [len(Csv(split=split, table=table)) for split in ("train", "val")] == [4, 4]


def test_images_without_a_label_and_files_apart_are_named(tmp_path):
    root = write(tmp_path, "imgs/#.jpg|masks/#.png", "imgs/more_#.jpg", "thumbs/#.jpg")
    message = refused(root)
    assert "8 images and 4 labels, of 16 image files" in message
    assert "dataset.labels=masks dataset.unannotated=exclude\n" in message
    assert "not among them: 4 in thumbs/" in message
    assert sum(map(len, typed(message, root))) == 4


def test_what_does_not_pair_up_is_counted_by_directory(tmp_path):
    message = refused(write(tmp_path, "x/#.jpg", "y/other_#.jpg"))
    assert "8 image files" in message
    assert "4 in x/ (such as IMG_000.jpg), 4 in y/ (such as other_IMG_000.jpg)" in message
    assert "dataset=csv" in message
