"""Format `openvino`: its intermediate representation; int8 by NNCF's quantization."""

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg.cpu import has_native_bfloat16
from seg.deployment.format_interface import Cores, ExportFormat, Source
from seg.deployment.formats.onnx import float_nodes, write_onnx
from seg.deployment.metadata import Card
from seg.deployment.tensor_info import Signature, TensorInfo
from seg.errors import ConfigError, DataError, error_summary
from seg.models.rounding import round_weights
from seg.usage_reports import switch_off_usage_reports

_HINTS = {"fp32": "f32", "fp16": "f32", "bf16": "bf16", "int8": "f32"}


def _write(source: Source, path: Path) -> list[Path]:
    switch_off_usage_reports()
    import openvino

    spec = source.spec
    if spec.precision == "int8" and spec.input_kind == "stored":
        raise ConfigError(
            "format=openvino precision=int8: not verified with input_kind=stored, so not written\n"
            "  give input_kind=float32, and scale values before as the card says, or format=onnx"
        )
    as_float = spec.model_copy(update={"precision": "fp32"})
    network = source.model
    if spec.precision == "bf16":  # OpenVINO takes the nearest values: these
        network = network.optimize(replacements={})
        round_weights(network, torch.bfloat16)
    onnx_path = path.with_suffix(".onnx")
    write_onnx(Source(network, as_float), onnx_path)
    try:
        model = openvino.convert_model(str(onnx_path))
        if spec.precision == "int8":
            float_names = _convolutions(model, float_nodes(onnx_path, source.kept_float))
            model = _quantize(model, source, float_names)
    finally:
        onnx_path.unlink()
    openvino.save_model(model, str(path), compress_to_fp16=spec.precision in ("fp16", "bf16"))
    return [path, path.with_suffix(".bin")]


def _convolutions(model: Any, onnx_nodes: Sequence[Any]) -> list[str]:
    """Return OpenVINO's names of an ONNX file's convolutions.

    It splits off each bias, so that the convolution is `name/WithoutBiases`, and names those at
    the end of the graph by their output.
    """
    known = {name for node in onnx_nodes for name in (node.name, *node.output)}
    operations = [op for op in model.get_ordered_ops() if "Convolution" in op.get_type_name()]
    names = [op.get_friendly_name() for op in operations]
    matches = [name for name in names if name.partition("/")[0] in known]
    assert len(matches) == len(onnx_nodes), (matches, known)
    return matches


def _quantize(model: object, source: Source, float_names: list[str]) -> object:
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    images = [source.input(each).numpy() for each in source.calibration]
    return nncf.quantize(
        model,
        nncf.Dataset(images),
        subset_size=len(images),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=float_names),
    )


def precision_hint(precision: str) -> str:
    """Return the type that OpenVINO computes in, as the gate measures it."""
    # of int8 networks it is the type of the layers in float
    return "bf16" if precision == "int8" and has_native_bfloat16() else _HINTS[precision]


def _signature(path: Path) -> Signature:
    switch_off_usage_reports()
    import openvino

    model = openvino.Core().read_model(str(path))
    return Signature(_tensor_info(model.input(0)), _tensor_info(model.output(0)))


def _tensor_info(port: Any) -> TensorInfo:
    sizes = (dim.get_length() if dim.is_static else -1 for dim in port.get_partial_shape())
    dtype = np.dtype(port.get_element_type().to_dtype())
    return TensorInfo(port.get_any_name(), dtype.name, tuple(sizes))


class _OpenVinoRunner:
    """Compiled model; inputs are not copied.

    A request serves one pass at a time, so there are as many as passes at a time. All of them take
    shared inputs: one that had taken a shared input would copy an unshared one over it.
    """

    def __init__(self, path: Path, card: Card, cores: Cores) -> None:
        switch_off_usage_reports()
        import openvino

        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": str(cores.passes),
            "INFERENCE_NUM_THREADS": cores.threads * cores.passes,
            "INFERENCE_PRECISION_HINT": precision_hint(card.spec.precision),
        }
        if card.spec.size is None:  # kernels would be kept of each size that ever comes
            options["CPU_RUNTIME_CACHE_CAPACITY"] = "0"
        try:
            model = openvino.Core().read_model(str(path))
            self._model = openvino.Core().compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise DataError(f"{path}: OpenVINO cannot open it ({error_summary(error)})") from None
        self._idle: deque[Any] = deque()

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        image = np.ascontiguousarray(image_BCHW.cpu().numpy())
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        outputs = request.infer([image], share_inputs=True, share_outputs=True)
        output = torch.from_numpy(np.array(outputs[0]))
        self._idle.append(request)  # one that failed is left out
        return output


FORMAT = ExportFormat(
    "openvino",
    ".xml",
    ("fp32", "fp16", "bf16", "int8"),
    ("cpu",),
    runs_code=False,
    write=_write,
    open=_OpenVinoRunner,
    writing={"nncf": "nncf", "onnx": "onnx", "onnxscript": "onnxscript"},
    running={"openvino": "openvino"},
    extra="openvino",
    signature=_signature,
)
