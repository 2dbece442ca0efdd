"""Use of an exported file without this package: input, output, step by step."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from seg.data.label_space import LabelSpace
from seg.data.label_values import label_values
from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import NO_DATA_FILL
from seg.deployment.stored_images import stored_channels
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.losses.mask_loss import IGNORED

INPUT = "image"
_Side = Literal["height", "width"]
_SIDES: tuple[_Side, ...] = ("height", "width")
InputKind = Literal["uint8", "float32", "normalized", "stored"]
_TYPES = {"uint8": "uint8", "float32": "float32", "normalized": "float32"}


class Usage(BaseModel):
    """Description of the use of an export, in its card and in the file itself.

    Attributes:
        input: name, type, layout, channel order and range of the images, and what the training
            declares of image files, as in `seg.data.readers.value_range.ImageDecoding`: `bands`,
            `kind` (type of stored values), `value_range`, `clip`, `nodata`.
        normalization: of images in 0..255 by the caller, `(image / 255 - mean) / std` a channel;
            None: none, the graph does it.
        output: name, type and layout of the output.
        padded_grid: rows and columns that logits are resized to, as formulas of the image's
            `height` and `width`; remainders by `%` are 0 or more. None for labels.
        steps: of the use, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: dict[str, Any]
    normalization: dict[str, list[float]] | None
    output: dict[str, Any]
    padded_grid: dict[_Side, str] | None
    steps: list[str]


def usage_of(
    model: TrainedSegmenter,
    *,
    input_kind: InputKind,
    output_kind: Literal["logits", "labels"],
    size: tuple[int, int] | None,
    stored_type: str | None = None,
) -> Usage:
    """Return how a network with these kinds of input and output (`ExportSpec`) is used."""
    decoding = model.decoding
    is_stored, logits = input_kind == "stored", output_kind == "logits"
    normalized = input_kind == "normalized"
    channels = stored_channels(decoding) if is_stored else decoding.channels
    order = _order(decoding, channels)
    lacking = f"(1 - {{}}) % {model.output_stride}"
    if model.input_multiple is not None:
        lacking = f"-{{}} % {model.input_multiple}"
    grid = {side: f"{side} + {lacking.format(side)}" for side in _SIDES} if logits else None
    if is_stored:
        steps = [_stored_step(order, str(stored_type), size)]
    else:
        steps = _scaling_steps(decoding, rounded=input_kind == "uint8")
        steps.append(_first_step(order, input_kind, size))
    if decoding.nodata is not None:
        steps.append(_no_data_step(model, in_graph=is_stored and not logits))
    masks = model.labels.outputs is not None
    layout = f"batch x {model.num_classes} x " if logits or masks else "batch x "
    return Usage(
        input={
            "name": INPUT,
            "type": stored_type if is_stored else _TYPES[input_kind],
            "layout": f"batch x {channels} x height x width",
            "channel_order": order,
            "range": None if normalized or is_stored else [0, 255],
            **decoding.to_dict(),
            "kind": stored_type or decoding.kind,
        },
        normalization=model.normalization.to_dict() if normalized else None,
        output={
            "name": output_kind,
            "type": "float32" if logits else "uint8" if model.num_classes <= 255 else "int32",
            "layout": layout + ("rows x columns" if logits else "height x width"),
        },
        padded_grid=grid,
        steps=[*steps, *_last_steps(grid, align_corners=model.align_corners, masks=masks)],
    )


def class_table(labels: LabelSpace) -> list[dict[str, Any]]:
    """Return the classes: `value` is a class's position, `id` its value in the dataset's files.

    Sigmoid outputs are listed in their place, with `threshold`; a region has the `id` of the class
    that it writes.
    """
    try:
        ids: tuple[int | None, ...] = label_values(labels, "id").classes
    except ConfigError:  # the dataset has none for some class
        ids = (None,) * labels.num_classes
    if labels.outputs is not None:
        outputs = labels.outputs
        return [
            {
                **{"value": value, "name": name, "id": ids[outputs.stands_for[value]]},
                **{"color": list(labels.output_palette[value])},
                **{"threshold": outputs.thresholds[value]},
            }
            for value, name in enumerate(outputs.names)
        ]
    return [
        {"value": value, "name": name, "id": id_, "color": list(color)}
        for value, (name, id_, color) in enumerate(
            zip(labels.names, ids, labels.palette, strict=True)
        )
    ]


def _order(decoding: ImageDecoding, channels: int) -> str:
    """Return what the channels are, in words."""
    if decoding.bands is None:
        return "RGB"
    if len(decoding.bands) == 1 and channels > 1:
        return f"the band {decoding.bands[0]}, {channels} times"
    return f"the bands {', '.join(map(str, decoding.bands))} of image files"


def _scaling_steps(decoding: ImageDecoding, *, rounded: bool) -> list[str]:
    """Return how stored values become images in 0..255, and what stands for missing ones."""
    steps = []
    if decoding.value_range is not None:
        clipped = ", cut off below 0 and above 255" if decoding.clip or rounded else ""
        ranges = "one pair for each band" if len(decoding.ranges) > 1 else "one pair for all bands"
        steps.append(
            "Scale stored values in float32: (value - low) * (255 / (high - low))"
            f"{clipped}{', and round them' if rounded else ''}; low and high are"
            f" `value_range`, {ranges}."
        )
    if decoding.nodata is not None:
        steps.append(
            f"Put {NO_DATA_FILL:g} into all channels of pixels of which a band is"
            f" {decoding.nodata}: they have no data."
        )
    return steps


def _no_data_step(model: TrainedSegmenter, *, in_graph: bool) -> str:
    if in_graph and model.labels.outputs is not None:
        return (
            f"Pixels of which a band is {model.decoding.nodata} have no data: {IGNORED} in all"
            " masks."
        )
    if in_graph:
        return (
            f"Pixels of which a band is {model.decoding.nodata} have no data: their label is"
            f" {model.labels.ignore_index}."
        )
    return "Leave out what is computed of pixels without data."


def _sized(size: tuple[int, int] | None) -> str:
    return "of its own size" if size is None else f"of {size[0]} x {size[1]} (height x width)"


def _stored_step(order: str, stored_type: str, size: tuple[int, int] | None) -> str:
    return (
        f"Give the upright image {_sized(size)}, {order}"
        f"{' (gray: three times)' if order == 'RGB' else ''}, values as they are stored, as"
        f" {stored_type}; the graph scales, fills, normalizes and pads it."
    )


def _first_step(order: str, input_kind: str, size: tuple[int, int] | None) -> str:
    values = f"{order} in 0..255 as {_TYPES[input_kind]}"
    if input_kind == "normalized":
        return f"Give the upright image {_sized(size)}, {values}, after (image / 255 - mean) / std."
    return f"Give the upright image {_sized(size)}, {values}; the graph normalizes and pads it."


def _last_steps(grid: dict[_Side, str] | None, *, align_corners: bool, masks: bool) -> list[str]:
    if grid is None and masks:
        return ["Plane k is the mask of entry k of `classes`: 1 where it is present, 0 elsewhere."]
    if grid is None:
        return ["Each value is the position of the pixel's class in `classes`."]
    return [
        "The logits lie on the padded image. Resize them bilinearly to that grid, "
        f"{grid['height']} rows and {grid['width']} columns, "
        f"align_corners={str(align_corners).lower()}.",
        "Then crop: keep the first `height` rows and `width` columns.",
        "Entry k of `classes` is present where 1 / (1 + exp(-logit k)) reaches its `threshold`."
        if masks
        else "The position of the greatest logit of a pixel is that of its class in `classes`.",
    ]
