"""`task=inference`: from a uint8 image to its label map, beside the peers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seg.benchmarks import models
from seg.benchmarks.interleaved import Measured, Prepared, Way
from seg.benchmarks.layers import Machine
from seg.benchmarks.models import Workload
from seg.inference.fusion import argmax_labels
from seg.models.interfaces import IMAGENET

FIRST = "smp eager"


def ways(job: Workload, *, engines: Sequence[Path], compiled: bool) -> dict[str, Way]:
    """Return the ways by name; the plainest comes first. A further way is one line."""
    smp, ours = partial(_peer, models.smp_network, job), partial(_ours, job)
    rows = {
        FIRST: Way(smp),
        "smp, memory kept": Way(smp, tuned=True),
        "smp, channels_last": Way(partial(smp, last=True)),
        "smp, channels_last, memory kept": Way(partial(smp, last=True), tuned=True),
        "smp, channels_last, bf16": Way(partial(smp, last=True, bf16=True)),
        "smp, channels_last, bf16, memory kept": Way(
            partial(smp, last=True, bf16=True), tuned=True
        ),
        "torchvision DeepLabV3 ResNet-101 (its own network)": Way(
            partial(_peer, models.torchvision_network, job)
        ),
        "timm, encoder alone": Way(partial(_peer, models.timm_network, job)),
        "seg": Way(partial(ours, ()), tuned=True),
        "seg, channels_last": Way(partial(ours, ("last",)), tuned=True),
        "seg, optimize()": Way(partial(ours, ("last", "optimize")), tuned=True),
        "seg, optimize() in bf16": Way(partial(ours, ("last", "optimize in bf16")), tuned=True),
        "seg, optimize(), pad_to_grid=False": Way(
            partial(ours, ("last", "optimize", "unpadded")), tuned=True
        ),
        "seg, optimize() in bf16, pad_to_grid=False": Way(
            partial(ours, ("last", "optimize in bf16", "unpadded")), tuned=True
        ),
        "seg, channels_last, bf16": Way(partial(ours, ("last",), bf16=True), tuned=True),
    }
    if compiled:
        rows["smp, channels_last, compile"] = Way(partial(smp, last=True, compiled=True))
        rows["smp, channels_last, bf16, compile"] = Way(
            partial(smp, last=True, bf16=True, compiled=True)
        )
        rows["seg, optimize() in bf16, compile"] = Way(
            partial(ours, ("last", "optimize in bf16", "compile")), tuned=True
        )
        rows["seg, channels_last, compile"] = Way(partial(ours, ("last", "compile")), tuned=True)
    for file in engines:
        rows[f"seg, {file.name}"] = Way(partial(_export, file, job), tuned=True)
    return rows


def table(results: Mapping[str, Measured], machine: Machine) -> str:
    """Format a Markdown table; `roofline` is the machine's least time, over the time."""
    first = next(iter(results.values()))
    heads = ("way", "ms", "spread", "times as fast", "peak MiB", "GFLOP/s", "GB/s", "roofline")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, way in results.items():
        seconds, rates = way.time.median_s, ("", "", "")
        if way.layers is not None:
            rates = (
                f"{2e-9 * way.layers.multiply_adds / seconds:.0f}",
                f"{1e-9 * way.layers.bytes_moved / seconds:.1f}",
                f"{machine.least_s(way.layers) / seconds:.0%}",
            )
        lines.append(
            f"| {name} | {1e3 * seconds:.1f} | {way.time.spread:.0%} |"
            f" {first.time.median_s / seconds:.2f} | {way.peak_mib:.0f} | {' | '.join(rates)} |"
        )
    return "\n".join(lines)


def layer_table(results: Mapping[str, Measured]) -> str:
    """Format the milliseconds by kind of layer, each operator timed by itself."""
    parted = {name: way.layers for name, way in results.items() if way.layers is not None}
    kinds = list(dict.fromkeys(kind for layers in parted.values() for kind in layers.kinds))
    lines = [f"| way | parameters | GMAC | GB moved | {' | '.join(kinds)} |"]
    lines.append("|---" * (4 + len(kinds)) + "|")
    for name, layers in parted.items():
        cells = [
            f"{1e3 * layers.kinds[kind].seconds:.1f}" if kind in layers.kinds else ""
            for kind in kinds
        ]
        lines.append(
            f"| {name} | {(results[name].parameters or 0) / 1e6:.1f} M |"
            f" {layers.multiply_adds / 1e9:.1f} | {layers.bytes_moved / 1e9:.2f} |"
            f" {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _peer(
    build: Callable[[Workload], nn.Module],
    job: Workload,
    *,
    last: bool = False,
    bf16: bool = False,
    compiled: bool = False,
) -> Prepared:
    torch.manual_seed(0)
    model = build(job).eval().to(job.device)
    model = channels_last(model) if last else model
    run: Any = torch.compile(model) if compiled else model
    image_BCHW = job.images()

    @torch.inference_mode()
    def call() -> Tensor:
        image = IMAGENET(image_BCHW)  # as tutorials do
        image = image.contiguous(memory_format=torch.channels_last) if last else image
        with autocast(job.device, bf16=bf16):
            return run(image).argmax(1).byte()  # type: ignore[no-any-return]

    return Prepared(call, model, parted=not compiled)


def _ours(job: Workload, changes: Sequence[str], *, bf16: bool = False) -> Prepared:
    torch.manual_seed(0)
    model = models.our_network(job).eval().to(job.device)
    for change in changes:
        model = CHANGES[change](model)
    image_BCHW = job.images()

    @torch.inference_mode()
    def call() -> Tensor:
        with autocast(job.device, bf16=bf16):
            if "last" not in changes:
                return argmax_labels(model.forward_image(image_BCHW))
            image = model.normalization(image_BCHW).contiguous(memory_format=torch.channels_last)
            return argmax_labels(model.decode(model.encode(image), job.size))

    return Prepared(call, model, parted="compile" not in changes)


def _export(file: Path, job: Workload) -> Prepared:
    from seg.build.models import load_model

    model = load_model(file)
    image_BCHW = job.images()
    return Prepared(lambda: model.argmax_labels(image_BCHW))


def channels_last(model: Any) -> Any:
    """Return the model with weights in channels_last order."""
    return model.to(memory_format=torch.channels_last)


def _unpadded(model: Any) -> Any:
    """Compute on as many cells as the peers: 32 x 64 for 512 x 1024 px, where we have 33 x 65."""
    model.pad_to_grid = False
    return model


def _compiled(model: Any) -> Any:
    model.encoder, model.decoder = torch.compile(model.encoder), torch.compile(model.decoder)
    return model


CHANGES: dict[str, Callable[[Any], Any]] = {
    "last": channels_last,
    "optimize": lambda model: model.optimize(),
    "optimize in bf16": lambda model: model.optimize(dtype=torch.bfloat16),
    "unpadded": _unpadded,
    "compile": _compiled,
}
"""Changes of our network: name -> a call that returns the changed network."""


def autocast(device: torch.device, *, bf16: bool) -> Any:
    """Return the autocast to bf16, or no context."""
    return torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()
