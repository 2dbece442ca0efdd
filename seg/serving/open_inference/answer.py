"""Answers: from the segmentations of images to a body."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.inference.image_model import ImageModel
from seg.inference.image_source import ArrayRaster
from seg.io.json_file import compact_json
from seg.serving.open_inference.body import HEADER_LENGTH
from seg.serving.open_inference.description import (
    LABELS,
    MASKS,
    PNG,
    PROBABILITIES,
    VERSION,
    Interface,
)
from seg.serving.open_inference.request import InferenceRequest
from seg.serving.open_inference.tensors import DTYPES, elements_to_bytes
from seg.serving.outputs import file_values, label_png
from seg.serving.service import Segmentation

_MAX_JSON_VALUES = 2**22
_MAX_BYTES = 2**28  # of an answer, which is in memory three times

Values = dict[str, NDArray[Any] | bytes]
"""What is returned of an image, by the names of outputs."""


def encoder(
    outputs: Mapping[str, bool], model: ImageModel
) -> Callable[[ArrayRaster, Segmentation], Values]:
    """Return what makes the outputs of each image of a request of its segmentation.

    It raises a `DataError` once all of them take too many bytes.
    """
    values = file_values(model)
    sizes: list[int] = []

    def encode(_: ArrayRaster, segmentation: Segmentation) -> Values:
        made: dict[str, Callable[[], Any]] = {
            LABELS: lambda: segmentation.label_HW,
            PROBABILITIES: lambda: segmentation.probabilities_KHW,
            MASKS: lambda: segmentation.masks_KHW,
            PNG: lambda: label_png(segmentation.label_HW, model.labels, values),
        }
        content: Values = {name: made[name]() for name in outputs}
        sizes.extend(each.nbytes for each in content.values() if isinstance(each, np.ndarray))
        if sum(sizes) > _MAX_BYTES:
            raise DataError(
                f"the outputs take more than {_MAX_BYTES} bytes\n"
                f"  send fewer or smaller images in a request, or ask for {LABELS} or {PNG} alone",
                fault="too_large",
            )
        return content

    return encode


def write_answer(
    request: InferenceRequest, interface: Interface, images: Sequence[Values]
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of an answer.

    Raises:
        DataError: the images differ in size, or are too large for JSON.
    """
    outputs: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    for name, binary in request.outputs.items():
        tensor = interface.outputs[name]
        values = [each[name] for each in images]
        shape, data = _tensor(values, request, tensor.datatype)
        output: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": shape}
        if binary:
            part = data if isinstance(data, bytes) else data.reshape(-1).view(np.uint8).data
            output["parameters"] = {"binary_data_size": len(part)}
            parts.append(part)
        elif isinstance(data, np.ndarray):
            output["data"] = _json_values(name, data)
        outputs.append(output)
    document: dict[str, Any] = {"model_name": interface.name, "model_version": VERSION}
    if request.id is not None:
        document["id"] = request.id
    content = compact_json(document | {"outputs": outputs})
    if not parts:
        return content, {"Content-Type": "application/json"}
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(content))}
    return b"".join([content, *parts]), headers


def _tensor(
    values: Sequence[Any], request: InferenceRequest, datatype: str
) -> tuple[list[int], NDArray[Any] | bytes]:
    """Return the shape and the values of an output of all images."""
    if isinstance(values[0], bytes):
        return [len(values)], elements_to_bytes(values)
    first = values[0].shape
    for index, each in enumerate(values):
        if each.shape != first:
            sizes = [f"{shape[-2]} x {shape[-1]}" for shape in (first, each.shape)]
            raise DataError(
                f"infer: input {request.input!r}: image 0 has {sizes[0]} pixels, and image {index}"
                f" has {sizes[1]}: they do not fit into one tensor\n"
                f"  send images of one size in a request, or ask for {PNG} alone"
            )
    dtype = DTYPES[datatype]
    stacked = np.stack(values) if len(values) > 1 else np.ascontiguousarray(values[0])[None]
    return list(stacked.shape), stacked.astype(dtype, copy=False)


def _json_values(name: str, values: NDArray[Any]) -> list[Any]:
    """Return numbers in one flat list; null where there is no number."""
    if values.size > _MAX_JSON_VALUES:
        raise DataError(
            f"infer: output {name!r} has {values.size} values; JSON takes up to"
            f" {_MAX_JSON_VALUES}\n"
            "  ask for binary data: set its binary_data, or binary_data_output, to true",
            fault="too_large",
        )
    flat: list[Any] = values.reshape(-1).tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if each != each else each for each in flat]  # noqa: PLR0124
    return flat
