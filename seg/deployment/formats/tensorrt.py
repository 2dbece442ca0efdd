"""Format `tensorrt`: engines of TensorRT 10 for the GPU that built them, made from ONNX."""

from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from seg.deployment.export_graph import example_input
from seg.deployment.format_interface import Cores, ExportFormat, Source
from seg.deployment.formats.onnx import write_onnx
from seg.deployment.metadata import Card
from seg.deployment.tensor_info import Signature, TensorInfo
from seg.deployment.usage import INPUT
from seg.errors import ConfigError, DataError

_WORKSPACE_BYTES = 2**32
_MAX_BATCH, _OPT_BATCH = 16, 1
_MIN_PX, _OPT_PX, _MAX_PX = (65, 65), (1025, 2049), (2049, 4097)


def _write(source: Source, path: Path) -> list[Path]:
    import tensorrt

    onnx_path = path.with_suffix(".onnx")
    write_onnx(source, onnx_path)
    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    builder = tensorrt.Builder(logger)
    # the types of the products are those of the graph, QDQ pairs included
    flags = 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(flags)
    parser = tensorrt.OnnxParser(network, logger)
    try:
        read = parser.parse(onnx_path.read_bytes())
    finally:
        onnx_path.unlink()
    if not read:
        faults = "; ".join(str(parser.get_error(each)) for each in range(parser.num_errors))
        raise ConfigError(f"format=tensorrt: TensorRT cannot take the network ({faults[:400]})")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    config.add_optimization_profile(_profile(builder, source))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ConfigError("format=tensorrt: no engine could be built; see TensorRT's log above")
    path.write_bytes(bytes(plan))
    return [path]


def _profile(builder: Any, source: Source) -> Any:
    """Return the range of shapes that the engine takes, and the one that it is tuned for."""
    channels = example_input(source.model, source.spec).shape[1]
    profile = builder.create_optimization_profile()
    spec = source.spec
    batches = (1, _OPT_BATCH, _MAX_BATCH) if spec.batch_size is None else (spec.batch_size,) * 3
    sizes = (_MIN_PX, _OPT_PX, _MAX_PX) if spec.size is None else (spec.size,) * 3
    shapes = [(batch, channels, *size) for batch, size in zip(batches, sizes, strict=True)]
    profile.set_shape(INPUT, *shapes)
    return profile


def _signature(path: Path) -> Signature:
    engine = _engine(path)
    return Signature(_tensor_info(engine, 0), _tensor_info(engine, engine.num_io_tensors - 1))


def _tensor_info(engine: Any, index: int) -> TensorInfo:
    import tensorrt

    name = engine.get_tensor_name(index)
    dtype = tensorrt.nptype(engine.get_tensor_dtype(name))
    return TensorInfo(name, dtype.__name__, tuple(engine.get_tensor_shape(name)))


def _engine(path: Path) -> Any:
    import tensorrt

    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    engine = tensorrt.Runtime(logger).deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise DataError(
            f"{path}: TensorRT cannot open it; an engine runs on the kind of GPU and the "
            "version that built it; export it again here"
        )
    return engine


class _TensorRtRunner:
    """Engine that runs on torch's tensors and stream, one pass at a time."""

    def __init__(self, path: Path, _card: Card, _: Cores) -> None:
        import tensorrt

        engine = self._engine = _engine(path)
        self._lock = Lock()
        self._context = engine.create_execution_context()
        self._output = engine.get_tensor_name(engine.num_io_tensors - 1)
        types = {
            tensorrt.float32: torch.float32,
            tensorrt.uint8: torch.uint8,
            tensorrt.int32: torch.int32,
        }
        self._dtype = types[engine.get_tensor_dtype(self._output)]

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        with self._lock:  # shapes and addresses are the context's
            return self._run(image_BCHW)

    def _run(self, image_BCHW: Tensor) -> Tensor:
        image = image_BCHW.to("cuda").contiguous()
        context = self._context
        if not context.set_input_shape(INPUT, tuple(image.shape)):
            shapes = self._engine.get_tensor_profile_shape(INPUT, 0)
            raise ConfigError(
                f"an image of {tuple(image.shape)}: the engine takes {shapes[0]} to {shapes[2]}; "
                "give inference.window or inference.max_memory_gib, or export with size=..."
            )
        output = torch.empty(
            tuple(context.get_tensor_shape(self._output)), dtype=self._dtype, device=image.device
        )
        context.set_tensor_address(INPUT, image.data_ptr())
        context.set_tensor_address(self._output, output.data_ptr())
        stream = torch.cuda.current_stream()
        if not context.execute_async_v3(stream.cuda_stream):
            raise RuntimeError("TensorRT could not run the engine; see its log above")
        image.record_stream(stream)
        return output.to(image_BCHW.device)


FORMAT = ExportFormat(
    "tensorrt",
    ".engine",
    ("fp32", "fp16", "bf16", "int8"),
    ("cuda",),
    runs_code=True,
    write=_write,
    open=_TensorRtRunner,
    writing={"onnx": "onnx", "onnxscript": "onnxscript", "onnxruntime": "onnxruntime"},
    running={"tensorrt": "tensorrt"},
    stored_types=("uint8", "float32"),
    signature=_signature,
)
