"""`task=depthwise`: the depthwise convolutions of Aligned Xception 65, kernel by kernel.

Output, gradient to the input and gradient to the weight are timed apart, for each shape that the
network has at a crop: cuDNN and PyTorch's own kernel, and each tile of those in Triton.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn

from seg.benchmarks.timing import Timing, interleaved
from seg.errors import ConfigError
from seg.kernels import depthwise_impls
from seg.kernels.depthwise import DepthwiseConv2d
from seg.models.encoders.aligned_xception import LAYOUTS, AlignedXception

NETWORK = "aligned_xception65"
NATIVE = "torch without cuDNN"
PARTS = ("output", "input gradient", "weight gradient")
_CALLS = 10
Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Layer:
    """Depthwise convolution of the network, and how often it occurs."""

    input: Shape
    stride: int
    dilation: int
    count: int = 1

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.input))
        return f"{shape}, stride {self.stride}, dilation {self.dilation}, {self.count} times"


def layers(images: Shape) -> list[Layer]:
    """Return the depthwise convolutions of the network for such images, largest input first."""
    counts: dict[tuple[Shape, int, int], int] = {}

    def count(conv: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        assert isinstance(conv, DepthwiseConv2d)
        batch, channels, height, width = inputs[0].shape
        key = ((batch, channels, height, width), conv.stride[0], conv.dilation[0])
        counts[key] = counts.get(key, 0) + 1

    with torch.device("meta"):
        network = AlignedXception(LAYOUTS[NETWORK])
        for module in network.modules():
            if isinstance(module, DepthwiseConv2d):
                module.register_forward_hook(count)
        network(torch.empty(images))
    return [Layer(*key, number) for key, number in counts.items()]


def run(*, rounds: int, images: Shape, device: torch.device) -> dict[Layer, dict[str, Timing]]:
    """Time every way of each part of each layer in bfloat16, channels_last.

    Returns:
        layer -> "PART, WAY" -> seconds a call.

    Raises:
        ConfigError: no CUDA device, or `SEG_DEPTHWISE` leaves nothing to compare.
    """
    if device.type != "cuda":
        raise ConfigError("task=depthwise times the kernels of a card; give device=cuda")
    if depthwise_impls.way() != "auto":
        raise ConfigError("task=depthwise compares all kernels; leave SEG_DEPTHWISE unset, or auto")
    return {layer: _timed(layer, device, rounds) for layer in layers(images)}


def ways(layer: Layer, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """Return a call for each part of a layer in each way that the operators can choose."""
    batch, channels, height, width = layer.input
    image = torch.randn(layer.input, device=device).to(
        torch.bfloat16, memory_format=torch.channels_last
    )
    weight = torch.randn(channels, 1, 3, 3, device=device)
    numbers = (layer.stride, layer.dilation, layer.dilation)
    sides = [(side - 1) // layer.stride + 1 for side in (height, width)]
    gradient = torch.randn(batch, channels, *sides, device=device).to(
        torch.bfloat16, memory_format=torch.channels_last
    )
    choices = (
        depthwise_impls.of_output(image, weight, numbers),
        depthwise_impls.of_input_gradient(gradient, image, weight, numbers),
        depthwise_impls.of_weight_gradient(gradient, image, weight, numbers),
    )
    calls: dict[str, Callable[[], Tensor]] = {}
    for part, choice in zip(PARTS, choices, strict=True):
        calls |= {f"{part}, {name}": way for name, way in choice.items()}
        native = partial(_without_cudnn, choice[depthwise_impls.PYTORCH])
        calls[f"{part}, {NATIVE}"] = native
    return calls


def table(results: Mapping[Layer, Mapping[str, Timing]]) -> str:
    """Format a Markdown table: PyTorch and the best Triton kernel for each part of each layer."""
    lines = ["| layer | part | cuDNN ms | native ms | Triton ms | tile | times as fast |"]
    lines.append("|---|---|---|---|---|---|---|")
    for layer, timings in results.items():
        for part in PARTS:
            seconds = {
                name.removeprefix(f"{part}, "): timing.median_s
                for name, timing in timings.items()
                if name.startswith(part)
            }
            ours = {name: s for name, s in seconds.items() if name.startswith("triton")}
            best = min((taken_s, name) for name, taken_s in ours.items())[1]
            cudnn, native = seconds["torch"], seconds[NATIVE]
            lines.append(
                f"| {layer} | {part} | {1e3 * cudnn:.3f} | {1e3 * native:.3f} |"
                f" {1e3 * ours[best]:.3f} | {best.removeprefix('triton ')} |"
                f" {cudnn / ours[best]:.2f} |"
            )
    return "\n".join(lines)


def totals(results: Mapping[Layer, Mapping[str, Timing]]) -> dict[str, float]:
    """Return the seconds of a step's depthwise convolutions: cuDNN alone, and the best of each."""
    cudnn = best = 0.0
    for layer, timings in results.items():
        for part in PARTS:
            of_part = {n: median(t.seconds) for n, t in timings.items() if n.startswith(part)}
            cudnn += layer.count * of_part[f"{part}, torch"]
            best += layer.count * min(s for name, s in of_part.items() if not name.endswith(NATIVE))
    return {"cuDNN": cudnn, "fastest": best}


def _timed(layer: Layer, device: torch.device, rounds: int) -> dict[str, Timing]:
    def several(way: Callable[[], Tensor]) -> int:
        for _ in range(_CALLS):
            way()
        torch.cuda.synchronize(device)
        return _CALLS

    calls = {name: partial(several, way) for name, way in ways(layer, device).items()}
    return interleaved(calls, rounds=rounds)


def _without_cudnn(way: Callable[[], Tensor]) -> Tensor:
    with torch.backends.cudnn.flags(enabled=False):
        return way()
