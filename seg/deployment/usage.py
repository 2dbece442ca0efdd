"""Use of an exported file without this package: input, output, step by step."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from seg.data.label_space import LabelSpace
from seg.data.label_values import label_values
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter

INPUT = "image"
_Side = Literal["height", "width"]
_SIDES: tuple[_Side, ...] = ("height", "width")
_TYPES = {"uint8": "uint8", "float32": "float32", "normalized": "float32"}


class Usage(BaseModel):
    """Description of the use of an export, in its card and in the file itself.

    Attributes:
        input: name, type, layout, channel order and range of the images; `value_range` is that of
            stored values where the dataset declares one.
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
    input_kind: Literal["uint8", "float32", "normalized"],
    output_kind: Literal["logits", "labels"],
    size: tuple[int, int] | None,
) -> Usage:
    """Return how a network with these kinds of input and output (`ExportSpec`) is used."""
    channels, declared = len(model.normalization.mean), model.decoding.value_range
    normalized = input_kind == "normalized"
    logits = output_kind == "logits"
    order = "RGB" if channels == 3 else f"the {channels} channels of the training images"
    lacking = f"(1 - {{}}) % {model.output_stride}"
    if model.input_multiple is not None:
        lacking = f"-{{}} % {model.input_multiple}"
    grid = {side: f"{side} + {lacking.format(side)}" for side in _SIDES} if logits else None
    scaling = []
    if declared is not None:
        low, high = declared
        scaling = [f"Scale stored values of {low:g} to {high:g} to 0..255, clip and round them."]
    return Usage(
        input={
            "name": INPUT,
            "type": _TYPES[input_kind],
            "layout": f"batch x {channels} x height x width",
            "channel_order": order,
            "range": None if normalized else [0, 255],
            "value_range": None if declared is None else list(declared),
        },
        normalization=model.normalization.to_dict() if normalized else None,
        output={
            "name": output_kind,
            "type": "float32" if logits else "uint8" if model.num_classes <= 255 else "int32",
            "layout": f"batch x {model.num_classes} x rows x columns"
            if logits
            else "batch x height x width",
        },
        padded_grid=grid,
        steps=[
            *scaling,
            _first_step(order, input_kind, size),
            *_last_steps(grid, align_corners=model.align_corners),
        ],
    )


def class_table(labels: LabelSpace) -> list[dict[str, Any]]:
    """Return the classes: `value` is a class's position, `id` its value in the dataset's files."""
    try:
        ids: tuple[int | None, ...] = label_values(labels, "id").classes
    except ConfigError:  # the dataset has none for some class
        ids = (None,) * labels.num_classes
    return [
        {"value": value, "name": name, "id": id_, "color": list(color)}
        for value, (name, id_, color) in enumerate(
            zip(labels.names, ids, labels.palette, strict=True)
        )
    ]


def _first_step(order: str, input_kind: str, size: tuple[int, int] | None) -> str:
    fixed = "of its own size" if size is None else f"of {size[0]} x {size[1]} (height x width)"
    values = f"{order} in 0..255 as {_TYPES[input_kind]}"
    if input_kind == "normalized":
        return f"Give the upright image {fixed}, {values}, after (image / 255 - mean) / std."
    return f"Give the upright image {fixed}, {values}; the graph normalizes and pads it."


def _last_steps(grid: dict[_Side, str] | None, *, align_corners: bool) -> list[str]:
    if grid is None:
        return ["Each value is the position of the pixel's class in `classes`."]
    return [
        "The logits lie on the padded image. Resize them bilinearly to that grid, "
        f"{grid['height']} rows and {grid['width']} columns, "
        f"align_corners={str(align_corners).lower()}.",
        "Then crop: keep the first `height` rows and `width` columns.",
        "The position of the greatest logit of a pixel is that of its class in `classes`.",
    ]
