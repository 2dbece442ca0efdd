"""Requests: what is asked of which images, checked before anything is computed."""

from dataclasses import dataclass
from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from seg.errors import DataError
from seg.io.json_file import parse_json
from seg.io.source import Source, checked
from seg.serving.open_inference.body import HEADER_LENGTH, Body
from seg.serving.open_inference.description import (
    BYTES,
    ENCODED,
    IMAGE,
    LABELS,
    PNG,
    VERSION,
    Interface,
)
from seg.serving.open_inference.tensors import (
    DTYPES,
    elements_from_bytes,
    numbers_from_bytes,
    numbers_from_json,
)

_MAX_JSON_BYTES = 2**23  # as Python objects JSON takes up to 25 times its size
_SOURCE = Source(
    "infer",
    "request",
    "send JSON of the Open Inference Protocol; larger tensors go behind it, as bytes, with the"
    f" header\n  {HEADER_LENGTH}: docs/open-inference.md",
    _MAX_JSON_BYTES,
)
_SHOWN = 80

Parameters = dict[str, str | bool | int | float]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", protected_namespaces=())


class InputTensor(_Part):
    """An input; its values are in `data`, or behind the JSON where `binary_data_size` is given."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=8)]
    datatype: str
    parameters: Parameters = {}
    data: Any = None


class OutputTensor(_Part):
    """An output that is asked for."""

    name: str
    parameters: Parameters = {}


class Document(_Part):
    """The JSON of a request."""

    id: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    parameters: Parameters = {}
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=8)]
    outputs: Annotated[list[OutputTensor], Field(max_length=8)] | None = None


@dataclass(frozen=True)
class Limits:
    """What a request may have.

    Attributes:
        max_images: in a request.
        max_pixels: of an image.
    """

    max_images: int
    max_pixels: int


@dataclass(frozen=True)
class InferenceRequest:
    """A request that has been checked.

    Attributes:
        id: returned with the answer.
        input: the name of its input, for messages.
        images: files, or arrays of stored values, H x W x bands.
        outputs: the names of the outputs, in order, and whether each is returned as bytes.
    """

    id: str | None
    input: str
    images: list[bytes] | list[NDArray[Any]]
    outputs: dict[str, bool]


def read_request(body: Body, interface: Interface, limits: Limits) -> InferenceRequest:
    """Return the request in a body.

    Raises:
        DataError: it is no request of the protocol, or not one that the network can answer.
    """
    document = checked(Document, parse_json(body.document, _SOURCE), _SOURCE)
    for key, value, own in (
        ("model_name", document.model_name, interface.name),
        ("model_version", document.model_version, VERSION),
    ):
        if value not in (None, own):
            raise _refusal(f"{key} {_brief(value)} differs from that of the address: {own}")
    tensors = _binary_parts(document, body)
    if len(document.inputs) > 1:
        names = ", ".join(_brief(each.name) for each in document.inputs)
        raise _refusal(
            f"{len(document.inputs)} inputs: {names}; a request has one, {IMAGE} or {ENCODED}"
        )
    outputs = _outputs(document, interface)
    tensor = document.inputs[0]
    try:
        images = _images(tensor, tensors[0], interface, limits)
    except DataError as error:
        error.args = (f"infer: input {_brief(tensor.name)}: {error}",)
        raise
    return InferenceRequest(document.id, tensor.name, images, outputs)


def _brief(name: Any) -> str:
    """Return a name that others chose as messages show it."""
    return ascii(name if not isinstance(name, str) else name[:_SHOWN])


def _refusal(text: str) -> DataError:
    return DataError(f"infer: {text}")


def _binary_parts(document: Document, body: Body) -> list[memoryview | None]:
    """Return the bytes of each input; None: its values are in the JSON.

    Raises:
        DataError: the sizes are not those of the body.
    """
    parts: list[memoryview | None] = []
    at = 0
    for each in document.inputs:
        size = each.parameters.get("binary_data_size")
        if "shared_memory_region" in each.parameters:
            raise _refusal("shared memory is not supported\n  send the tensor in the body")
        if (size is None) == (each.data is None):
            raise _refusal(
                f"input {_brief(each.name)} needs its values in data, or the number of its bytes"
                " behind the JSON in the parameter binary_data_size: one of both"
            )
        if size is None:
            parts.append(None)
            continue
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise _refusal(f"binary_data_size {_brief(size)} is no number of bytes")
        if body.tensors is None:
            raise _refusal(f"binary tensors need the header {HEADER_LENGTH}")
        parts.append(body.tensors[at : at + size])
        at += size
    actual = 0 if body.tensors is None else len(body.tensors)
    if at != actual:
        raise _refusal(
            f"the inputs have {str(at)[:_SHOWN]} bytes by binary_data_size, and {actual} bytes"
            " follow the JSON"
        )
    return parts


def _outputs(document: Document, interface: Interface) -> dict[str, bool]:
    """Return the requested outputs, and whether each is returned as bytes."""
    binary = _flag(document.parameters, "binary_data_output", default=False)
    if not document.outputs:
        return {LABELS: binary}
    outputs: dict[str, bool] = {}
    for each in document.outputs:
        if each.name not in interface.outputs:
            allowed = ", ".join(interface.outputs)
            raise _refusal(f"output {_brief(each.name)} is unknown; allowed: {allowed}")
        if each.name in outputs:
            raise _refusal(f"output {each.name} occurs twice")
        if each.parameters.get("classification"):
            raise _refusal(
                "classification of an output is not supported: each pixel has a class\n"
                f"  ask for {LABELS}, or for probabilities"
            )
        if "shared_memory_region" in each.parameters:
            raise _refusal("shared memory is not supported\n  take the output from the answer")
        outputs[each.name] = _flag(each.parameters, "binary_data", default=binary)
        if each.name == PNG and not outputs[PNG]:
            raise _refusal(f"JSON cannot hold the bytes of {PNG}\n  set its binary_data to true")
    return outputs


def _flag(parameters: Parameters, key: str, *, default: bool) -> bool:
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise _refusal(f"{key} is {_brief(value)}; allowed: true, false")
    return value


def _images(
    tensor: InputTensor, data: memoryview | None, interface: Interface, limits: Limits
) -> list[bytes] | list[NDArray[Any]]:
    """Return the images of an input."""
    if tensor.name == IMAGE:
        return _arrays(tensor, data, interface, limits)
    if tensor.name != ENCODED:
        raise DataError(f"is unknown; allowed: {IMAGE}, {ENCODED}")
    if tensor.datatype != BYTES or len(tensor.shape) != 1:
        raise DataError(
            f"datatype {_brief(tensor.datatype)} and shape {_brief(tensor.shape)}; allowed: {BYTES}"
            " and [number of image files]"
        )
    _check_images(tensor.shape[0], limits)
    if data is None:
        raise DataError(
            "JSON cannot hold the bytes of image files\n  send them behind the JSON, as binary data"
        )
    return elements_from_bytes(data, tensor.shape[0])


def _check_images(count: int, limits: Limits) -> None:
    if count > limits.max_images:
        raise DataError(
            f"{str(count)[:_SHOWN]} images; up to {limits.max_images} are allowed in a request\n"
            "  send several requests"
        )


def _arrays(
    tensor: InputTensor, data: memoryview | None, interface: Interface, limits: Limits
) -> list[NDArray[Any]]:
    """Return the arrays of stored values of an input, H x W x bands."""
    if tensor.datatype not in interface.image_datatypes:
        allowed = ", ".join(interface.image_datatypes)
        raise DataError(f"datatype {_brief(tensor.datatype)}; allowed: {allowed}")
    shape = tensor.shape if len(tensor.shape) != 3 else [1, *tensor.shape]
    if len(shape) != 4 or shape[3] not in interface.image_bands:
        bands = " or ".join(map(str, interface.image_bands))
        raise DataError(
            f"shape {_brief(tensor.shape)[:_SHOWN]}; allowed: [height, width, {bands}] and"
            f" [images, height, width, {bands}]"
        )
    _check_images(shape[0], limits)
    if shape[1] * shape[2] > limits.max_pixels:
        pixels = str(shape[1] * shape[2])[:_SHOWN]
        raise DataError(
            f"{pixels} pixels; up to {limits.max_pixels} are allowed: max_pixels of seg.serve",
            fault="too_large",
        )
    dtype = DTYPES[tensor.datatype]
    if data is None:
        numbers = numbers_from_json(tensor.data, dtype, tensor.shape)
    else:
        numbers = numbers_from_bytes(data, dtype, shape)
    return list(numbers.reshape(shape))
