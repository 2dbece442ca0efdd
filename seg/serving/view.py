"""What the page shows of an image: labels, certainty and areas, in one JSON document."""

from base64 import b64encode
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.serving.png import png
from seg.serving.service import Segmentation
from seg.visualization.grids import label_image

_TINY = np.float32(1e-7)
_BYTE = 255


def view_of(segmentation: Segmentation, labels: LabelSpace) -> dict[str, Any]:
    """Return plain data for the page.

    Returns:
        `width`, `height`; `mode` of the labels and `ignore_index`;
        `classes`: of each `id`, `name`, `color`, `pixels` and `share` of the pixels that have data;
        and PNGs in base64:
        `label`: class ids with the palette (RGB where there are more than 255 classes);
        `ids`: the same ids as gray values, or as red + 256 green where they do not fit 8 bits;
        `probability`: of the class that each pixel has, x 255, gray; where outputs are decided by
        themselves, that of the least certain decision;
        `entropy`: of the probabilities, 255: all are equal, gray. The last two are None where the
        network computes labels alone, or the image is too large.
    """
    label_HW = segmentation.label_HW
    is_byte = labels.dtype is np.uint8
    shown = label_image(label_HW, labels) if is_byte else labels.colorize(label_HW)
    certainty = entropy = None
    if segmentation.probabilities_KHW is not None:
        certainty, entropy = _certainty(segmentation.probabilities_KHW, labels)
    return {
        "width": label_HW.shape[1],
        "height": label_HW.shape[0],
        "mode": labels.mode,
        "ignore_index": labels.ignore_index,
        "classes": class_areas(label_HW, labels),
        "label": _base64(shown),
        "ids": _base64(label_HW if is_byte else _red_and_green(label_HW)),
        "probability": _base64(certainty),
        "entropy": _base64(entropy),
    }


def class_areas(label_HW: NDArray[Any], labels: LabelSpace) -> list[dict[str, Any]]:
    """Return id, name, color, pixels and share of each class; shares are of pixels with data."""
    with_data = int(np.count_nonzero(label_HW != labels.ignore_index))
    if labels.mode == "multi_label":
        counts = np.count_nonzero(output_masks(label_HW, labels), axis=(1, 2))
    else:
        counts = np.bincount(label_HW.ravel(), minlength=labels.num_classes)
    return [
        {
            "id": index,
            "name": name,
            "color": list(color),
            "pixels": int(counts[index]),
            "share": round(int(counts[index]) / max(with_data, 1), 6),
        }
        for index, (name, color) in enumerate(zip(labels.names, labels.palette, strict=True))
    ]


def _certainty(
    probabilities_KHW: NDArray[np.float32], labels: LabelSpace
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the probability of what is predicted and the relative entropy, x 255, H x W each."""
    if labels.outputs is None:
        certainty_HW = probabilities_KHW.max(0)
        entropy_HW = sum(map(_surprise, probabilities_KHW)) / np.log(len(probabilities_KHW))
        return _as_bytes(certainty_HW), _as_bytes(entropy_HW)
    certainty_HW = np.maximum(probabilities_KHW, 1 - probabilities_KHW).min(0)
    bits = [_surprise(each) + _surprise(1 - each) for each in probabilities_KHW]
    return _as_bytes(certainty_HW), _as_bytes(sum(bits) / (len(bits) * np.log(2)))


def _surprise(probability_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return -p log p; OpenCV's logarithm takes a fifth of NumPy's time."""
    clipped_HW = np.maximum(probability_HW, _TINY)
    return np.asarray(-clipped_HW * cv2.log(clipped_HW), np.float32)


def _as_bytes(share_HW: Any) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(np.asarray(share_HW, np.float32), alpha=_BYTE))


def _red_and_green(label_HW: NDArray[Any]) -> NDArray[np.uint8]:
    blue_HW = np.zeros_like(label_HW)
    return np.stack((label_HW & _BYTE, label_HW >> 8, blue_HW), -1).astype(np.uint8)


def _base64(image: Image.Image | NDArray[np.uint8] | None) -> str | None:
    """Return a PNG in base64."""
    if image is None:
        return None
    if isinstance(image, Image.Image):
        return b64encode(png(image)).decode()
    # Of gray values OpenCV's takes a third of the time of Pillow's; it wants blue first.
    content = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1]
    return b64encode(content.data).decode()
