"""`task=loss`: cross entropy from coarse logits, beside resizing them first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from seg.benchmarks.memory import Call, peak_mib
from seg.benchmarks.timing import Timing, interleaved, spread
from seg.losses.cross_entropy import CrossEntropy
from seg.models.coarse_logits import CoarseLogits, Resize

TEXTBOOK, OURS = "upsample, then F.cross_entropy", "seg, from coarse logits"
_STRIDE = 4
_IGNORED = 255
_WARM_UP = (1, 2, 9, 9)
Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Cost:
    """Loss and backward of one way, in each round.

    Attributes:
        time: seconds.
        peak_mib: memory above what logits and labels take.
    """

    time: Timing
    peak_mib: tuple[float, ...]


def run(*, rounds: int, shape: Shape, device: torch.device) -> dict[str, Cost]:
    """Time both ways, and weigh them.

    Args:
        rounds: how often each is timed and weighed.
        shape: pictures, classes, height and width; the coarse logits lie 4 px apart.
        device: where.

    Returns:
        way -> cost; the textbook's comes first.
    """
    ways = {name: partial(_prepared, name, shape) for name in (TEXTBOOK, OURS)}
    calls = {name: _counted(prepare(device), device) for name, prepare in ways.items()}
    times = interleaved(calls, rounds=rounds)
    peaks: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, prepare in ways.items():
            peaks[name].append(peak_mib(prepare, device))
    return {name: Cost(times[name], tuple(peaks[name])) for name in ways}


def table(costs: Mapping[str, Cost]) -> str:
    """A Markdown table: medians, spreads, and what each way is to the first."""
    lines = ["| way | peak MiB | spread | over the first | ms | spread | times as fast |"]
    lines.append("|---|---|---|---|---|---|---|")
    first = next(iter(costs.values()))
    for name, cost in costs.items():
        share = median(cost.peak_mib) / median(first.peak_mib)
        speed = first.time.median_s / cost.time.median_s
        lines.append(
            f"| {name} | {median(cost.peak_mib):.1f} | {spread(cost.peak_mib):.0%} | {share:.3f} |"
            f" {1e3 * cost.time.median_s:.1f} | {cost.time.spread:.0%} | {speed:.1f} |"
        )
    return "\n".join(lines)


def loss_and_gradient(
    way: str, coarse_BKhw: Tensor, label_BHW: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Mean cross entropy, and its gradient to the coarse logits."""
    height, width = label_BHW.shape[1:]
    coarse_BKhw = coarse_BKhw.detach().requires_grad_()
    logits = CoarseLogits(coarse_BKhw, Resize((height, width), (height, width), True))
    if way == OURS:
        ours = CrossEntropy(num_classes=num_classes, ignore_index=_IGNORED)
        loss: Tensor = ours(logits, label_BHW)
    else:
        full_BKHW = functional.interpolate(
            coarse_BKhw, size=(height, width), mode="bilinear", align_corners=True
        )
        loss = functional.cross_entropy(full_BKHW, label_BHW.long(), ignore_index=_IGNORED)
        del full_BKHW  # what holds it now is the graph
    (gradient,) = torch.autograd.grad(loss, coarse_BKhw)
    return loss.detach(), gradient


def _prepared(way: str, shape: Shape, device: torch.device) -> Call:
    """The call, with libraries loaded and inputs made, none of them larger than what stays."""
    loss_and_gradient(way, *_inputs(_WARM_UP, device), _WARM_UP[1])
    coarse_BKhw, label_BHW = _inputs(shape, device)
    return partial(loss_and_gradient, way, coarse_BKhw, label_BHW, shape[1])


def _inputs(shape: Shape, device: torch.device) -> tuple[Tensor, Tensor]:
    pictures, num_classes, *size = shape
    generator = torch.Generator(device).manual_seed(0)
    height, width = ((side - 1) // _STRIDE + 1 for side in size)
    coarse_BKhw = torch.randn(
        pictures, num_classes, height, width, generator=generator, device=device
    )
    label_BHW = torch.randint(
        num_classes, (pictures, *size), generator=generator, dtype=torch.uint8, device=device
    )
    label_BHW[:, : size[0] // 10] = _IGNORED
    return coarse_BKhw, label_BHW


def _counted(call: Call, device: torch.device) -> Callable[[], int]:
    def once() -> int:
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return 1

    return once
