"""Latency of a network for one image, flow by flow."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from seg.benchmarks.timing import Timing, interleaved
from seg.models.hooks import hooks_attached
from seg.models.variants import Variant, apply_variant
from seg.profiling.summary import Shape

WHOLE = ""


def with_full_convolutions(model: nn.Module) -> nn.Module | None:
    """Replace every separable convolution of a copy by a full one; None if there is none.

    Its weights are random.
    """
    full = copy.deepcopy(model)
    return full if apply_variant(full, Variant(full=True)) else None


def measure(
    networks: Mapping[str, nn.Module],
    shape: Shape,
    *,
    flows: Sequence[str],
    rounds: int,
    device: torch.device,
) -> dict[str, dict[str, Timing]]:
    """Measure the seconds of one image, networks in turn.

    Args:
        networks: by name.
        shape: channels, height and width of the image.
        flows: names of modules that are timed too.
        rounds: how often each is timed.
        device: of the measurement.

    Returns:
        network -> flow -> seconds; the empty name stands for the whole network.
    """
    image = torch.randn((1, *shape), device=device).to(memory_format=torch.channels_last)
    seconds: dict[str, dict[str, list[float]]] = {}
    variants = {}
    for name, network in networks.items():
        network.to(device).to(memory_format=torch.channels_last).eval()
        seconds[name] = {flow: [] for flow in flows}
        variants[name] = partial(_run, network, image, seconds[name])
    whole = interleaved(variants, rounds=rounds)
    return {
        name: {WHOLE: whole[name], **{f: Timing(tuple(s[-rounds:])) for f, s in each.items()}}
        for name, each in seconds.items()
    }


@torch.inference_mode()
def _run(network: nn.Module, image: torch.Tensor, seconds: Mapping[str, list[float]]) -> int:
    """Run one forward pass and record the seconds of each flow; return the number of images."""
    parts = dict.fromkeys(seconds, 0.0)
    with hooks_attached(_timers(network, parts, image.device)):
        network(image)
        _wait(image.device)
    for name, taken in parts.items():
        seconds[name].append(taken)
    return 1


def _timers(
    network: nn.Module, seconds: dict[str, float], device: torch.device
) -> Iterator[RemovableHandle]:
    """Register hooks that add up the seconds of modules; a list is the sum of its blocks."""
    for name in seconds:
        flow = network.get_submodule(name)
        for module in flow if isinstance(flow, nn.ModuleList) else [flow]:
            started: list[float] = []

            def enter(*_: Any, started: list[float] = started) -> None:
                _wait(device)
                started.append(perf_counter())

            def leave(*_: Any, started: list[float] = started, name: str = name) -> None:
                _wait(device)
                seconds[name] += perf_counter() - started.pop()

            yield module.register_forward_pre_hook(enter)
            yield module.register_forward_hook(leave)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
