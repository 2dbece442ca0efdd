"""Export for FiftyOne: images, labels and predictions (`ImageSegmentationDirectory` twice)."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.dataset_tools.atomic_directory import atomic_directory
from seg.visualization.composite import as_rgb

# FiftyOne draws nothing for the value 0, which stands for ignored pixels; classes begin at 1.
_FIRST_CLASS = 1
_UNSAFE = re.compile(r"[^\w.-]+")
_LOADER = '''\
"""Opens this directory in FiftyOne: pip install fiftyone; python open_in_fiftyone.py"""

import json
import os
from pathlib import Path

os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
import fiftyone as fo

directory = Path(__file__).resolve().parent
classes = json.loads((directory / "classes.json").read_text())
kind = fo.types.ImageSegmentationDirectory
dataset = fo.Dataset()
for field in ("labels", "predictions"):
    dataset.merge_dir(
        data_path=str(directory / "data"),
        labels_path=str(directory / field),
        dataset_type=kind,
        label_field=field,
    )
dataset.default_mask_targets = {int(value): name for value, name in classes.items()}
if __name__ == "__main__":
    dataset.evaluate_segmentations("predictions", gt_field="labels", eval_key="eval")
    fo.launch_app(dataset).wait()
'''


def write_fiftyone(
    directory: Path, entries: Iterable[tuple[Sample, NDArray[Any]]], labels: LabelSpace
) -> int:
    """Write `data/`, `labels/`, `predictions/`, `classes.json` and a script that opens them.

    The masks are grey PNG files of the images' names, of 8 bits, or 16 for more than 255 classes:
    class id + 1, and 0 where a label is ignored.

    Args:
        directory: to fill, completely or not at all; must be empty or absent.
        entries: samples with their predicted class ids, H x W.
        labels: the classes of both.

    Returns:
        the number of images.

    Raises:
        DataError: the directory is not empty, or cannot be written.
    """
    with atomic_directory(directory) as staged:
        for name in ("data", "labels", "predictions"):
            (staged / name).mkdir()
        count = 0
        for sample, prediction_HW in entries:
            file = f"{count:06d}_{_UNSAFE.sub('_', sample.name)[-80:]}.png"
            Image.fromarray(sample.image).save(staged / "data" / file)
            Image.fromarray(_mask(sample.label, labels)).save(staged / "labels" / file)
            Image.fromarray(_mask(prediction_HW, labels)).save(staged / "predictions" / file)
            count += 1
        targets = {str(place + _FIRST_CLASS): name for place, name in enumerate(labels.names)}
        (staged / "classes.json").write_text(json.dumps(targets, indent=2) + "\n")
        (staged / "open_in_fiftyone.py").write_text(_LOADER)
    return count


def predict_split(
    run_dir: Path, split: str, plugins: Sequence[str] = ()
) -> tuple[LabelSpace, Iterator[tuple[Sample, NDArray[Any]]]]:
    """Return a run's classes, and each sample of a split with its predicted class ids, H x W.

    Images are RGB, as `as_rgb` draws them.

    Raises:
        ConfigError, DataError: the checkpoint or the dataset cannot be read.
    """
    from seg.build.evaluation import checkpoint_dataset
    from seg.build.models import restore
    from seg.inference.segmentation_model import predict_sample
    from seg.training.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(run_dir, plugins=plugins)
    dataset = checkpoint_dataset(checkpoint, dataset={}, labels=None, split=split)
    model = restore(checkpoint)
    composite = model.decoding.composite

    def entries() -> Iterator[tuple[Sample, NDArray[np.uint8]]]:
        for index in range(len(dataset)):
            sample = dataset[index]
            rgb = replace(sample, image=as_rgb(sample.image, composite, stretched=True))
            yield rgb, predict_sample(model, sample.image)

    return checkpoint.labels, entries()


def _mask(label_HW: NDArray[Any], labels: LabelSpace) -> NDArray[Any]:
    """Return the mask of class ids for FiftyOne, H x W."""
    known = label_HW < labels.num_classes
    return np.where(known, label_HW + labels.dtype(_FIRST_CLASS), 0).astype(labels.dtype)
