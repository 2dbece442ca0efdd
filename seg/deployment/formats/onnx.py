"""Format `onnx`: run by ONNX Runtime; int8 as QDQ pairs with a scale a channel."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg.deployment.format_interface import Cores, ExportFormat, Source
from seg.deployment.metadata import Card
from seg.deployment.stored_images import TYPES
from seg.deployment.tensor_info import Signature, TensorInfo
from seg.deployment.usage import INPUT, class_table
from seg.errors import DataError
from seg.io.atomic import staged_path
from seg.usage_reports import switch_off_usage_reports

_QUANTIZED = ["Conv"]  # sums of residual modules cost more agreement than time
_NUMPY = {each: np.dtype(name).type for name, each in TYPES.items()}


def write_onnx(source: Source, path: Path) -> list[Path]:
    """Write one file that holds its weights; quantized where the precision is int8."""
    kind = source.spec.output_kind
    with _quiet():
        program = torch.onnx.export(
            source.program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[kind],
            external_data=False,
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)
    if source.spec.precision == "int8":
        _quantize(source, path)
    _describe(source, path)
    return [path]


def _describe(source: Source, path: Path) -> None:
    """Write the use of the file into the file itself, each key as JSON."""
    import onnx

    model = onnx.load(str(path))
    facts = {
        **source.usage.model_dump(mode="json"),
        "classes": class_table(source.model.labels),
    }
    onnx.helper.set_model_props(model, {key: json.dumps(fact) for key, fact in facts.items()})
    onnx.save(model, str(path))


def float_nodes(path: Path, modules: Sequence[str]) -> list[Any]:
    """Return the convolutions of an ONNX file whose weights are those of some modules."""
    import onnx

    prefixes = tuple(f"network.{name}." for name in modules)
    return [
        node
        for node in onnx.load(str(path)).graph.node
        if node.op_type == "Conv" and node.input[1].startswith(prefixes)
    ]


def _quantize(source: Source, path: Path) -> None:
    switch_off_usage_reports()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.quant_utils import QuantType

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.images = iter(source.calibration)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.images, None)
            if image is None:
                return None
            return {INPUT: source.input(image).numpy()}

    float_names = [node.name for node in float_nodes(path, source.kept_float)]
    with staged_path(path) as quantized, _quiet():
        quantize_static(
            str(path),
            str(quantized),
            Images(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTIZED,
            per_channel=True,
            # without VNNI the sums of two products of eight bits overflow sixteen
            reduce_range=not torch.cpu._is_vnni_supported(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=float_names,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters, which log what they do and warn of their own internals."""
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "root")}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
        try:
            for name in levels:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _signature(path: Path) -> Signature:
    import onnx

    graph = onnx.load(str(path)).graph
    return Signature(_tensor_info(graph.input[0]), _tensor_info(graph.output[0]))


def _tensor_info(value: Any) -> TensorInfo:
    from onnx.helper import tensor_dtype_to_np_dtype

    tensor = value.type.tensor_type
    sizes = (dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim)
    dtype = tensor_dtype_to_np_dtype(tensor.elem_type)
    return TensorInfo(value.name, dtype.name, tuple(sizes))


class _OnnxRunner:
    """Session whose input and output are bound to memory, so that no input is copied.

    Passes of several threads share the session: each binds memory of its own.
    """

    def __init__(self, path: Path, card: Card, cores: Cores) -> None:
        switch_off_usage_reports()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores.threads
        options.inter_op_num_threads = 1
        # torch works between passes: threads that spin there would take its cores
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # a plan a size would be kept for each size that ever comes
        options.enable_mem_pattern = card.spec.size is not None
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # whatever a foreign file provokes
            raise DataError(f"{path}: ONNX Runtime cannot open it ({error})") from None
        self._output = self._session.get_outputs()[0].name

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        image_BCHW = image_BCHW.cpu().contiguous()
        binding = self._session.io_binding()
        binding.bind_input(
            INPUT, "cpu", 0, _NUMPY[image_BCHW.dtype], image_BCHW.shape, image_BCHW.data_ptr()
        )
        binding.bind_output(self._output, "cpu")
        self._session.run_with_iobinding(binding)
        return torch.from_numpy(binding.get_outputs()[0].numpy())


FORMAT = ExportFormat(
    "onnx",
    ".onnx",
    ("fp32", "fp16", "int8"),
    ("cpu",),
    runs_code=False,
    write=write_onnx,
    open=_OnnxRunner,
    writing={"onnx": "onnx", "onnxscript": "onnxscript"},
    running={"onnxruntime": "onnxruntime"},
    extra="onnx",
    signature=_signature,
)
