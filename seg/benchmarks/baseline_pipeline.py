"""Usual input pipeline, as tutorials write it: the baseline of `task=data`."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from seg.data.label_space import LabelSpace

SCALE, JITTER, JITTER_P, FLIP_P = (0.5, 2.0), (0.8, 1.2), 0.8, 0.5
"""What both pipelines draw from; what `conf/augmentation/default.yaml` says of resized crops."""


class TextbookSamples(Dataset[Any]):
    """Dataset of the usual pipeline: Pillow decodes, albumentations does all the rest.

    Args:
        files: image and label of each sample.
        labels: translates the values of the label files.
        crop: height and width, pixels.
    """

    def __init__(
        self, files: Sequence[tuple[Path, Path]], labels: LabelSpace, crop: tuple[int, int]
    ) -> None:
        self._files = files
        self._table = np.full(256, labels.ignore_index, np.uint8)
        for value, train_id in labels.file_ids:
            self._table[value] = train_id
        self._transform = albumentations.Compose(
            [
                albumentations.RandomScale((SCALE[0] - 1, SCALE[1] - 1), p=1),
                albumentations.PadIfNeeded(*crop, fill=128, fill_mask=labels.ignore_index),
                albumentations.RandomCrop(*crop),
                albumentations.HorizontalFlip(p=FLIP_P),
                albumentations.ColorJitter(JITTER, JITTER, JITTER, (0, 0), p=JITTER_P),
                albumentations.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
                ToTensorV2(),
            ]
        )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a normalized float32 image 3 x H x W and an int64 label H x W."""
        image_path, label_path = self._files[index]
        image = np.array(Image.open(image_path).convert("RGB"))
        label = self._table[np.array(Image.open(label_path))]
        result = self._transform(image=image, mask=label)
        return result["image"], result["mask"].to(torch.int64)
