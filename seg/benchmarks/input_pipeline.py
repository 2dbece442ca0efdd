"""Speed of each part of the input pipeline, on one core."""

import io
from collections.abc import Callable, Mapping
from functools import partial

import albumentations
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from seg.benchmarks.baseline_pipeline import JITTER, SCALE
from seg.benchmarks.timing import Timing, interleaved
from seg.data.transforms.color_jitter import LinearColorJitter
from seg.data.transforms.random_scale_crop import RandomScaleCrop

_CALLS = 4
Way = Callable[[], object]


def run(
    image_HWC: NDArray[np.uint8],
    label_HW: NDArray[np.uint8],
    crop: tuple[int, int],
    *,
    rounds: int,
) -> dict[str, dict[str, Timing]]:
    """Time the ways of doing each part on one sample.

    Returns:
        part -> way -> seconds; the first way of each part is the textbook's.
    """
    part_HWC = np.ascontiguousarray(image_HWC[: crop[0], : crop[1]])
    jitter = albumentations.ColorJitter(JITTER, JITTER, JITTER, (0, 0), p=1)
    linear_jitter = LinearColorJitter(JITTER, JITTER, JITTER, p=1)
    parts: dict[str, Mapping[str, Way]] = {
        "decode PNG": _png(image_HWC),
        "decode JPEG": _jpeg(image_HWC),
        "scale and crop": _scale_and_crop(image_HWC, label_HW, crop),
        "colors": {
            "albumentations": lambda: jitter(image=part_HWC),
            "one matrix": lambda: linear_jitter(image=part_HWC),
        },
        "hand over": {
            "normalized float32": lambda: torch.from_numpy(part_HWC).float().div(127.5).sub(1),
            "uint8, the device normalizes": lambda: torch.from_numpy(part_HWC).clone(),
        },
    }
    return {
        part: interleaved(
            {name: partial(_repeat, way) for name, way in ways.items()}, rounds=rounds
        )
        for part, ways in parts.items()
    }


def _repeat(way: Way) -> int:
    for _ in range(_CALLS):
        way()
    return _CALLS


def _png(image_HWC: NDArray[np.uint8]) -> dict[str, Way]:
    from kornia_rs.io import decode_image_png_u8

    content = _encoded(image_HWC, "PNG")
    raw, shape = np.frombuffer(content, np.uint8), image_HWC.shape[:2]
    return {
        "Pillow": lambda: np.asarray(Image.open(io.BytesIO(content))),
        "OpenCV": lambda: cv2.imdecode(raw, cv2.IMREAD_COLOR_RGB),
        "kornia-rs": lambda: decode_image_png_u8(content, shape, "rgb"),
    }


def _jpeg(image_HWC: NDArray[np.uint8]) -> dict[str, Way]:
    content = _encoded(image_HWC, "JPEG", quality=95)
    raw = np.frombuffer(content, np.uint8)

    def reduced() -> object:
        image = Image.open(io.BytesIO(content))
        image.draft("RGB", (image.width // 2, image.height // 2))
        return np.asarray(image)

    return {
        "Pillow": lambda: np.asarray(Image.open(io.BytesIO(content))),
        "OpenCV": lambda: cv2.imdecode(raw, cv2.IMREAD_COLOR_RGB),
        "Pillow at half the size": reduced,
    }


def _scale_and_crop(
    image_HWC: NDArray[np.uint8], label_HW: NDArray[np.uint8], crop: tuple[int, int]
) -> dict[str, Way]:
    textbook = albumentations.Compose(
        [
            albumentations.RandomScale((SCALE[0] - 1, SCALE[1] - 1), p=1),
            albumentations.PadIfNeeded(*crop, fill=128, fill_mask=255),
            albumentations.RandomCrop(*crop),
        ]
    )
    window_first = albumentations.Compose([RandomScaleCrop(SCALE, crop)])
    return {
        "all of the image, then the crop": lambda: textbook(image=image_HWC, mask=label_HW),
        "window first": lambda: window_first(image=image_HWC, mask=label_HW),
    }


def _encoded(image_HWC: NDArray[np.uint8], kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image_HWC).save(buffer, kind, **options)
    return buffer.getvalue()
