#!/usr/bin/env bash
# Believed: Datumaro's VOC export with `label_map="source"` writes every label of the dataset; one without a color gets a color, or
#   an empty one in labelmap.txt (`tree:::`), as where no label has any.
# Seen (datumaro 1.13.12): where some labels have colors and others none, those without are left out of labelmap.txt, and their masks
#   of the PNG files: the pixels are background. Nothing is raised or warned of.
# Remedy: give every label a color (MaskCategories), or none.
# Exits 1 if that changes.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12
"$directory/venv/bin/python" - "$directory" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from datumaro.components.annotation import AnnotationType, LabelCategories, Mask, MaskCategories
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image
from PIL import Image as Pillow

root = Path(sys.argv[1])
names = ["background", "car", "tree"]


def export(name, colors):
    """Return the labels of the label map, and the number of pixels that are not black."""
    masks = [np.zeros((4, 6), bool) for _ in range(2)]
    masks[0][:, :2], masks[1][:, 4:] = True, True
    annotations = [Mask(mask, label=label) for label, mask in enumerate(masks, start=1)]
    item = DatasetItem("a", subset="train", media=Image.from_numpy(np.zeros((4, 6, 3), np.uint8)), annotations=annotations)
    categories = {AnnotationType.label: LabelCategories.from_iterable(names)}
    if colors:
        categories[AnnotationType.mask] = MaskCategories(colors)
    Dataset.from_iterable([item], categories=categories).export(
        str(root / name), "voc_segmentation", save_media=True, label_map="source"
    )
    lines = (root / name / "labelmap.txt").read_text().splitlines()
    pixels = np.asarray(Pillow.open(root / name / "SegmentationClass/a.png").convert("RGB"))
    return [line.partition(":")[0] for line in lines if line[0] != "#"], int(pixels.any(axis=2).sum())


without = export("without", {})
some = export("some", {0: (0, 0, 0), 1: (200, 0, 0)})
print("datumaro", version("datumaro"))
print("labels and labelled pixels, no label with a color:", without)
print("believed, where car has a color and tree none:", without)
print("seen:", some)
sys.exit(0 if without == (names, 16) and some == (names[:2], 8) else "the behaviour has changed")
PYTHON
