"""Pictures as an exported graph is given them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.data.sample import Sample, SegmentationDataset
from seg.data.wrappers.subset import spread_over
from seg.deployment.metadata import ExportSpec
from seg.models.interfaces import Normalization


def preprocess(
    picture_HW3: NDArray[np.uint8], spec: ExportSpec, normalization: Normalization
) -> Tensor:
    """A batch of one picture, of the spec's kind; repeated where the batch is larger."""
    picture_BCHW = torch.from_numpy(np.ascontiguousarray(picture_HW3)).permute(2, 0, 1)[None]
    picture_BCHW = picture_BCHW.repeat(spec.batch_size or 1, 1, 1, 1).contiguous()
    return to_input_format(picture_BCHW, spec, normalization)


def to_input_format(picture_BCHW: Tensor, spec: ExportSpec, normalization: Normalization) -> Tensor:
    """Pictures in 0..255, uint8 or float, as the graph's kind of input.

    For a graph that takes uint8, floats are rounded: of resized pictures fractions are lost.
    """
    if spec.input_kind == "normalized":
        return normalization(picture_BCHW)
    if spec.input_kind == "uint8":
        if picture_BCHW.dtype == torch.uint8:
            return picture_BCHW
        return picture_BCHW.round().clamp(0, 255).to(torch.uint8)
    return picture_BCHW.float()


def spread(
    data: SegmentationDataset, count: int | None, size: tuple[int, int] | None, ignore_index: int
) -> list[Sample]:
    """Samples evenly spread over a dataset, cut or filled up to a size where one is given.

    Args:
        data: the dataset.
        count: of samples; None: all.
        size: height and width; what is missing on the right and below is black, and ignored.
        ignore_index: what ignored pixels are labelled.
    """
    samples = [data[place] for place in spread_over(len(data), count or len(data))]
    if size is None:
        return samples
    return [_fitted(sample, size, ignore_index) for sample in samples]


def _fitted(sample: Sample, size: tuple[int, int], ignore_index: int) -> Sample:
    image = np.zeros((*size, sample.image.shape[2]), sample.image.dtype)
    label = np.full(size, ignore_index, sample.label.dtype)
    height, width = (min(pair) for pair in zip(size, sample.label.shape, strict=True))
    image[:height, :width] = sample.image[:height, :width]
    label[:height, :width] = sample.label[:height, :width]
    return Sample(sample.name, image, label)
