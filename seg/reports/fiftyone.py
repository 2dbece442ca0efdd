"""Pictures, labels and predictions as FiftyOne reads them: `ImageSegmentationDirectory` twice."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.dataset_tools.atomic_directory import filled_aside

# FiftyOne shows the value 0 as nothing: it is what is not labelled, classes begin at 1.
_FIRST_CLASS = 1
_UNSAFE = re.compile(r"[^\w.-]+")
_LOADER = '''\
"""Opens this folder in FiftyOne: pip install fiftyone; python open_in_fiftyone.py"""

import json
import os
from pathlib import Path

os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
import fiftyone as fo

folder = Path(__file__).resolve().parent
classes = json.loads((folder / "classes.json").read_text())
kind = fo.types.ImageSegmentationDirectory
dataset = fo.Dataset()
for field in ("labels", "predictions"):
    dataset.merge_dir(
        data_path=str(folder / "data"),
        labels_path=str(folder / field),
        dataset_type=kind,
        label_field=field,
    )
dataset.default_mask_targets = {int(value): name for value, name in classes.items()}
if __name__ == "__main__":
    dataset.evaluate_segmentations("predictions", gt_field="labels", eval_key="eval")
    fo.launch_app(dataset).wait()
'''


def write_fiftyone(
    folder: Path, entries: Iterable[tuple[Sample, NDArray[np.uint8]]], labels: LabelSpace
) -> int:
    """Write `data/`, `labels/`, `predictions/`, `classes.json` and a script that opens them.

    The masks are 8-bit grey PNG files of the pictures' names: class id + 1, and 0 where a label is
    ignored.

    Args:
        folder: to fill, whole or not at all; must not hold anything.
        entries: samples with their predicted class ids, H x W.
        labels: the classes of both.

    Returns:
        the number of pictures.

    Raises:
        DataError: the folder holds something, or cannot be written.
    """
    with filled_aside(folder) as aside:
        for name in ("data", "labels", "predictions"):
            (aside / name).mkdir()
        count = 0
        for sample, prediction_HW in entries:
            file = f"{count:06d}_{_UNSAFE.sub('_', sample.name)[-80:]}.png"
            Image.fromarray(sample.image).save(aside / "data" / file)
            Image.fromarray(_mask(sample.label, labels)).save(aside / "labels" / file)
            Image.fromarray(_mask(prediction_HW, labels)).save(aside / "predictions" / file)
            count += 1
        targets = {str(place + _FIRST_CLASS): name for place, name in enumerate(labels.names)}
        (aside / "classes.json").write_text(json.dumps(targets, indent=2) + "\n")
        (aside / "open_in_fiftyone.py").write_text(_LOADER)
    return count


def _mask(label_HW: NDArray[np.uint8], labels: LabelSpace) -> NDArray[np.uint8]:
    known = label_HW < labels.num_classes
    return np.where(known, label_HW + np.uint8(_FIRST_CLASS), 0).astype(np.uint8)
