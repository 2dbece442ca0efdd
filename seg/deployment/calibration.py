"""Images in the input format of an exported graph."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.sample import Sample, SegmentationDataset
from seg.data.wrappers.subset import spread_over
from seg.deployment.metadata import ExportSpec
from seg.deployment.stored_images import to_stored, with_kind
from seg.models.interfaces import Normalization


def preprocess(
    image_HWC: NDArray[Any],
    spec: ExportSpec,
    normalization: Normalization,
    decoding: ImageDecoding = PLAIN,
) -> Tensor:
    """Return one image as a batch of the spec's kind, repeated where the batch is larger."""
    image_BCHW = torch.from_numpy(np.ascontiguousarray(image_HWC)).permute(2, 0, 1)[None]
    image_BCHW = image_BCHW.repeat(spec.batch_size or 1, 1, 1, 1).contiguous()
    return to_input_format(image_BCHW, spec, normalization, decoding)


def to_input_format(
    image_BCHW: Tensor,
    spec: ExportSpec,
    normalization: Normalization,
    decoding: ImageDecoding = PLAIN,
) -> Tensor:
    """Turn images in 0..255, uint8 or float, B x C x H x W, into the graph's kind of input.

    For a graph that takes uint8, or stored whole numbers, floats are rounded: resized images lose
    their fractions.
    """
    if spec.input_kind == "stored":
        return to_stored(image_BCHW, with_kind(decoding, spec.stored_type))
    if spec.input_kind == "normalized":
        return normalization(image_BCHW).float()
    if spec.input_kind == "uint8":
        if image_BCHW.dtype == torch.uint8:
            return image_BCHW
        return image_BCHW.round().clamp(0, 255).to(torch.uint8)
    return image_BCHW.float()


def spread(
    data: SegmentationDataset, count: int | None, size: tuple[int, int] | None, ignore_index: int
) -> list[Sample]:
    """Return samples evenly spread over a dataset, cropped or padded to `size`.

    Args:
        data: the dataset.
        count: of samples; None: all.
        size: height and width, pixels; padding on the right and below is black and ignored.
            None: images stay as they are.
        ignore_index: label of ignored pixels.
    """
    samples = [data[place] for place in spread_over(len(data), count or len(data))]
    if size is None:
        return samples
    return [_crop_or_pad(sample, size, ignore_index) for sample in samples]


def _crop_or_pad(sample: Sample, size: tuple[int, int], ignore_index: int) -> Sample:
    image, label = (array[: size[0], : size[1]] for array in (sample.image, sample.label))
    lacking = [(0, side - length) for side, length in zip(size, label.shape, strict=True)]
    padded = np.pad(label, lacking, constant_values=ignore_index)
    return Sample(sample.name, np.pad(image, (*lacking, (0, 0))), padded)
