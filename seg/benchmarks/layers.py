"""Time of a network by kind of layer, and the best that the machine reaches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seg.models.fused_convolution import fused

_ACTIVATIONS = {"relu", "relu_", "silu", "gelu", "sigmoid", "hardswish"}
_RESIZES = {"interpolate", "upsample_bilinear2d"}
_VIEWS = {"__get__", "permute", "detach", "view", "transpose", "__getitem__"}  # move no data
_CHANNELS, _SIDE = 1024, 64
_COPY_BYTES = 2**28
_TRIES = 7


@dataclass
class Kind:
    """Sum over the layers of one kind in one call: seconds, multiply-adds, bytes moved."""

    seconds: float = 0.0
    multiply_adds: int = 0
    bytes_moved: int = 0


@dataclass(frozen=True)
class Layers:
    """Cost of one call, operator by operator.

    Attributes:
        kinds: kind -> sum over its layers.
        operators: multiply-adds, bytes moved and type of each operator.
    """

    kinds: dict[str, Kind]
    operators: tuple[tuple[int, int, torch.dtype], ...]

    @property
    def multiply_adds(self) -> int:
        """Return the multiply-adds of all layers."""
        return sum(kind.multiply_adds for kind in self.kinds.values())

    @property
    def bytes_moved(self) -> int:
        """Return the bytes read and written by all layers."""
        return sum(kind.bytes_moved for kind in self.kinds.values())


@dataclass(frozen=True)
class Machine:
    """Best rates of the machine, as measured in this run.

    Attributes:
        flops: type -> floating point operations a second.
        bytes_a_second: read and written.
    """

    flops: dict[torch.dtype, float]
    bytes_a_second: float

    def least_s(self, layers: Layers) -> float:
        """Return the seconds of a call if arithmetic or memory alone bounds each operator."""
        return sum(
            max(
                2 * multiply_adds / self.flops.get(dtype, self.flops[torch.float32]),
                moved / self.bytes_a_second,
            )
            for multiply_adds, moved, dtype in layers.operators
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        flops = {str(dtype).removeprefix("torch."): rate for dtype, rate in self.flops.items()}
        return {"flops": flops, "bytes_a_second": self.bytes_a_second}


def measure_machine(device: torch.device) -> Machine:
    """Measure the best of some pointwise convolutions, and of some copies larger than any cache."""
    source = torch.zeros(_COPY_BYTES // 4, device=device)
    target = torch.ones_like(source)
    copy_s = _best_s(lambda: target.copy_(source), device)
    flops = {dtype: _flops(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    return Machine(flops, 2 * _COPY_BYTES / copy_s)


@torch.no_grad()
def _flops(dtype: torch.dtype, device: torch.device) -> float:
    """Measure oneDNN's own call on a CPU: PyTorch's matrix products in float32 reach half of it."""
    conv = nn.Conv2d(_CHANNELS, _CHANNELS, 1, bias=False).to(device, dtype)
    layer = (fused(conv) if device.type == "cpu" else None) or conv
    map_BCHW = torch.rand(1, _CHANNELS, _SIDE, _SIDE, device=device, dtype=dtype)
    map_BCHW = map_BCHW.contiguous(memory_format=torch.channels_last)
    return 2 * map_BCHW.numel() * _CHANNELS / _best_s(lambda: layer(map_BCHW), device)


def layers_of(call: Callable[[], object], device: torch.device) -> Layers:
    """Run a call once more, timing each of its operators."""
    call()
    with _Clock(device) as clock:
        call()
    return Layers(clock.kinds, tuple(clock.operators))


def _best_s(call: Callable[[], object], device: torch.device) -> float:
    best = float("inf")
    for _ in range(_TRIES):
        started_at = perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, perf_counter() - started_at)
    return best


@dataclass(eq=False)
class _Clock(TorchFunctionMode):
    device: torch.device
    kinds: dict[str, Kind] = field(default_factory=dict)
    operators: list[tuple[int, int, torch.dtype]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        started_at = perf_counter()
        result = func(*args, **(kwargs or {}))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elapsed_s = perf_counter() - started_at
        kind = self.kinds.setdefault(_kind(func, args, kwargs or {}), Kind())
        tensors = [each for each in (*args, result) if isinstance(each, Tensor)]
        moved = sum(each.numel() * each.element_size() for each in tensors)
        work = result.numel() * _taps(func, args) if isinstance(result, Tensor) else 0
        kind.seconds += elapsed_s
        if isinstance(result, Tensor) and getattr(func, "__name__", "") not in _VIEWS:
            kind.multiply_adds += work
            kind.bytes_moved += moved
            self.operators.append((work, moved, result.dtype))
        return result


def _is_convolution(func: Any) -> bool:
    return getattr(func, "__name__", "") in {"conv2d", "convolution_relu"}


def _taps(func: Any, args: Any) -> int:
    """Return the multiply-adds of each output value."""
    if getattr(func, "__name__", "") == "depthwise":  # of `seg.kernels`
        return len(args[1])
    return int(args[1][0].numel()) if _is_convolution(func) else 0


def _kind(func: Any, args: Any, kwargs: dict[str, Any]) -> str:
    name = getattr(func, "__name__", "")
    if _is_convolution(func):
        weight = args[1]
        if weight.shape[1] > 1 or len(weight) == 1:
            return "pointwise" if weight.shape[2:].numel() == 1 else "full convolution"
        dilation = kwargs.get("dilation", args[5] if len(args) > 5 else 1)
        dilated = max(dilation) if isinstance(dilation, tuple | list) else dilation
        return "dilated depthwise" if dilated > 1 else "depthwise"
    if name == "depthwise":
        return "dilated depthwise" if max(kwargs["dilation"]) > 1 else "depthwise"
    if name == "batch_norm":
        return "norm"
    if name in _ACTIVATIONS:
        return "activation"
    return "resize" if name in _RESIZES else "rest"
