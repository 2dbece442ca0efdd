"""Several networks that predict the same image, and where they disagree."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch

from seg.errors import ConfigError
from seg.inference.image_model import ImageModel
from seg.inference.image_source import Raster
from seg.inference.inference import BAND_PX, Inference, RowBlock
from seg.inference.uncertainty import disagreement


def check_members(models: Sequence[ImageModel], names: Sequence[str]) -> None:
    """Check that networks answer the same question about the same pixels.

    Raises:
        ConfigError: another list of classes, another kind of outputs, or images that are read in
            another way.
    """
    first = models[0]
    for model, name in zip(models[1:], names[1:], strict=True):
        outputs, expected = model.labels.outputs, first.labels.outputs
        same = outputs.is_compatible(expected) if outputs else expected is None
        if model.labels.names != first.labels.names or not same:
            raise ConfigError(
                f"{name}: other classes than {names[0]}: {_classes(model)}; there"
                f" {_classes(first)}\n  compare networks of the same classes"
            )
        if model.decoding != first.decoding:
            section = first.decoding.section
            raise ConfigError(
                f"{name}: reads the values of images otherwise than {names[0]}\n"
                f"  compare networks of the same {section}.bands, value_range, kind and nodata"
            )


def iter_compared_blocks(
    inference: Inference, models: Sequence[ImageModel], raster: Raster
) -> Iterator[RowBlock]:
    """Predict an image by several networks, from top to bottom without gaps.

    Yields:
        what the first network predicts, with probabilities, and the disagreement of all.
    """
    streams = [_bands(inference, model, raster) for model in models]
    outputs = models[0].labels.outputs
    for blocks in zip(*streams, strict=True):
        members = (torch.from_numpy(block.probabilities_KHW) for block in blocks)
        yield replace(blocks[0], disagreement_HW=disagreement(members, 0, outputs).numpy())


def _bands(inference: Inference, model: ImageModel, raster: Raster) -> Iterator[RowBlock]:
    """Yield probabilities in bands of the same rows on every device, whose tiles differ."""
    blocks = inference.iter_row_blocks(model, raster, probabilities=True)
    for _, group in groupby(blocks, lambda block: block.rows.start // BAND_PX):
        band = list(group)
        yield RowBlock(
            slice(band[0].rows.start, band[-1].rows.stop),
            np.concatenate([block.label_HW for block in band]),
            np.concatenate([block.probabilities_KHW for block in band], 1),
            None
            if band[0].masks_KHW is None
            else np.concatenate([block.masks_KHW for block in band], 1),
        )


def _classes(model: ImageModel) -> str:
    """Describe the classes of a network."""
    labels = model.labels
    names = ", ".join(labels.output_names[:4])
    more = f" and {len(labels.output_names) - 4} more" if len(labels.output_names) > 4 else ""
    return f"{names}{more} ({labels.mode})"
