"""Where a network's time goes, by kind of layer, and what the machine could do at best."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_ACTIVATIONS = {"relu", "relu_", "silu", "gelu", "sigmoid", "hardswish"}
_RESIZES = {"interpolate", "upsample_bilinear2d"}
_GEMM_SIDE = 2048
_COPY_BYTES = 2**28
_TRIES = 5


@dataclass
class Kind:
    """Layers of one kind, in one call: seconds, multiply-adds, bytes read and written."""

    seconds: float = 0.0
    multiply_adds: int = 0
    bytes_moved: int = 0


@dataclass(frozen=True)
class Layers:
    """One call, operator by operator.

    Attributes:
        kinds: kind -> what its layers took and did.
        each: multiply-adds and bytes of each operator.
    """

    kinds: dict[str, Kind]
    each: tuple[tuple[int, int], ...]

    @property
    def multiply_adds(self) -> int:
        return sum(kind.multiply_adds for kind in self.kinds.values())

    @property
    def bytes_moved(self) -> int:
        return sum(kind.bytes_moved for kind in self.kinds.values())


@dataclass(frozen=True)
class Machine:
    """What was reached in this run: floating point operations and bytes a second."""

    flops: float
    bytes_a_second: float

    def least_s(self, layers: Layers) -> float:
        """Seconds of a call, each of whose operators is bound by arithmetic or by memory alone."""
        return sum(
            max(2 * multiply_adds / self.flops, moved / self.bytes_a_second)
            for multiply_adds, moved in layers.each
        )


def measured_machine(device: torch.device) -> Machine:
    """The best of some float32 matrix products, and of some copies that no cache holds."""
    left, right = (torch.rand(_GEMM_SIDE, _GEMM_SIDE, device=device) for _ in range(2))
    source = torch.zeros(_COPY_BYTES // 4, device=device)
    target = torch.ones_like(source)
    product_s = _best_s(lambda: torch.mm(left, right), device)
    copy_s = _best_s(lambda: target.copy_(source), device)
    return Machine(2 * _GEMM_SIDE**3 / product_s, 2 * _COPY_BYTES / copy_s)


def layers_of(call: Callable[[], object], device: torch.device) -> Layers:
    """Run a call once more, timing each of its operators."""
    call()
    with _Clock(device) as clock:
        call()
    return Layers(clock.kinds, tuple(clock.each))


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
    each: list[tuple[int, int]] = field(default_factory=list)

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
        moved = sum(each.numel() * each.element_size() for each in _tensors([*args, result]))
        done = result.numel() * _taps(func, args) if isinstance(result, Tensor) else 0
        kind.seconds += elapsed_s
        if isinstance(result, Tensor) and _works(func):
            kind.multiply_adds += done
            kind.bytes_moved += moved
            self.each.append((done, moved))
        return result


def _works(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    return name not in {"__get__", "permute", "detach", "view", "transpose", "__getitem__"}


def _is_convolution(func: Any) -> bool:
    return getattr(func, "__name__", "") in {"conv2d", "convolution_relu"}


def _taps(func: Any, args: Any) -> int:
    """Multiply-adds of each output value."""
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


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    return (each for each in values if isinstance(each, Tensor))
