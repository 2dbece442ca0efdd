"""Repository of Triton: `config.pbtxt` beside the versions of a model."""

from pathlib import Path

from seg.deployment.repositories.model_repository import LABELS, ModelRepository, ServedModel
from seg.deployment.tensor_info import TensorInfo
from seg.io.atomic import write_atomically

_MAX_BATCH = 8  # images of one size that wait at the same time
_TYPES = {
    "uint8": "UINT8",
    "int16": "INT16",
    "uint16": "UINT16",
    "int32": "INT32",
    "uint32": "UINT32",
    "float32": "FP32",
    "float64": "FP64",
}
_BACKENDS = {
    "onnx": ('platform: "onnxruntime_onnx"', 'backend: "onnxruntime"'),
    "openvino": ('backend: "openvino"',),
    "tensorrt": ('platform: "tensorrt_plan"', 'backend: "tensorrt"'),
}


def _write(directory: Path, model: ServedModel) -> None:
    text = "\n".join(_lines(model)) + "\n"
    write_atomically(directory / "config.pbtxt", lambda file: file.write(text.encode()))


def _lines(model: ServedModel) -> list[str]:
    # the OpenVINO backend sets the batch of the network itself, and fails with fewer images
    batched = model.has_free_batch and model.card.format != "openvino"
    return [
        "# Written by seg.export for all versions of this model; it is never written again.",
        f'name: "{model.name}"',
        *_BACKENDS[model.card.format],
        f'default_model_filename: "{model.file}"',
        f"max_batch_size: {_MAX_BATCH if batched else 0}",
        *["# Requests of images of one size are joined.", "dynamic_batching { }"] * batched,
        f"input [ {{ {_tensor(model.signature.input, batched=batched)} }} ]",
        f"output [ {{ {_tensor(model.signature.output, batched=batched)}"
        f' label_filename: "{LABELS}" }} ]',
        *_computed_by(model),
    ]


def _tensor(tensor: TensorInfo, *, batched: bool) -> str:
    dims = tensor.shape[1:] if batched else tensor.shape
    return f'name: "{tensor.name}" data_type: TYPE_{_TYPES[tensor.dtype]} dims: {list(dims)}'


def _computed_by(model: ServedModel) -> list[str]:
    """Return the device and the settings that the gate measured, or that bound memory."""
    if model.card.format == "tensorrt":
        return ["instance_group [ { count: 1 kind: KIND_GPU } ]"]
    lines = [
        "# The export was measured on a CPU.",
        "instance_group [ { count: 1 kind: KIND_CPU } ]",
    ]
    if model.card.format == "onnx":
        return [
            *lines,
            "# Less memory where sizes vary.",
            _parameter("enable_mem_pattern", "0"),
        ]
    if model.hint == "bf16":
        return [*lines, _parameter("HINT_BF16", "YES")]
    return [
        *lines,
        "# This backend cannot ask for float32: CPUs with bfloat16 compute in that.",
    ]


def _parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}'


REPOSITORY = ModelRepository(
    "triton",
    {"onnx": "model.onnx", "openvino": "model.xml", "tensorrt": "model.engine"},
    write=_write,
    check=lambda _root: None,  # the server finds models by their directories
    register=lambda _root, _model: None,
    untaken_types={"openvino": ("float64",)},
)
