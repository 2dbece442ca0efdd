"""`task=training`: forward, loss, backward and SGD, beside the peer's."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from seg.benchmarks import models
from seg.benchmarks.inference_speed import CHANGES, autocast, channels_last
from seg.benchmarks.interleaved import Measured, Prepared, Way
from seg.benchmarks.models import NUM_CLASSES, Workload
from seg.kernels import depthwise_impls
from seg.losses.cross_entropy import CrossEntropy
from seg.models.interfaces import IMAGENET

FIRST = "smp eager"
_IGNORED = 255


def ways(job: Workload, *, compiled: bool = False) -> dict[str, Way]:
    """Return the ways by name; the plainest comes first. A further way is one line."""
    smp, ours = partial(_peer, job), partial(_ours, job)
    best = partial(ours, last=True, fused=True, bf16=True)
    rows = {
        FIRST: Way(smp),
        "smp, memory kept": Way(smp, tuned=True),
        "smp, channels_last": Way(partial(smp, last=True)),
        "smp, channels_last, bf16": Way(partial(smp, last=True, bf16=True)),
        "smp, channels_last, bf16, memory kept": Way(
            partial(smp, last=True, bf16=True), tuned=True
        ),
        "seg": Way(ours, tuned=True),
        "seg, channels_last": Way(partial(ours, last=True), tuned=True),
        "seg, channels_last, fused SGD": Way(partial(ours, last=True, fused=True), tuned=True),
        "seg, channels_last, fused SGD, bf16": Way(best, tuned=True),
        "seg, the same, pad_to_grid=False": Way(partial(best, padded=False), tuned=True),
        "seg, the same, gradient checkpointing": Way(partial(best, recomputed=True), tuned=True),
    }
    if compiled:
        rows["seg, the same, compile"] = Way(partial(best, compiled=True), tuned=True)
    if job.device.type == "cuda":
        rows["seg, the same, PyTorch's depthwise"] = Way(partial(best, kernels="torch"))
        rows["seg, the same, depthwise, norm and ReLU apart"] = Way(partial(best, kernels="apart"))
    return rows


def table(results: Mapping[str, Measured], *, unit: str = "s") -> str:
    """Format a Markdown table, in `s` or `ms`."""
    first = next(iter(results.values()))
    factor = {"s": 1, "ms": 1e3}[unit]
    lines = [f"| way | {unit} | spread | times as fast | peak MiB |", "|---|---|---|---|---|"]
    for name, way in results.items():
        lines.append(
            f"| {name} | {factor * way.time.median_s:.3f} | {way.time.spread:.0%} |"
            f" {first.time.median_s / way.time.median_s:.2f} | {way.peak_mib:.0f} |"
        )
    return "\n".join(lines)


def _batch(job: Workload) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (job.batch, *job.size)
    label_BHW = torch.randint(NUM_CLASSES, shape, generator=generator, dtype=torch.uint8)
    label_BHW[:, : job.size[0] // 10] = _IGNORED
    return job.images(), label_BHW.to(job.device)


def _peer(job: Workload, *, last: bool = False, bf16: bool = False) -> Prepared:
    torch.manual_seed(0)
    model = models.smp_network(job).train().to(job.device)
    model = channels_last(model) if last else model
    image_BCHW, label_BHW = _batch(job)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=4e-5)

    def loss_of() -> Tensor:
        image = IMAGENET(image_BCHW)  # as tutorials do
        image = image.contiguous(memory_format=torch.channels_last) if last else image
        with autocast(job.device, bf16=bf16):
            logits = model(image)
        return functional.cross_entropy(logits.float(), label_BHW.long(), ignore_index=_IGNORED)

    return Prepared(_step(loss_of, optimizer), model)


def _ours(
    job: Workload,
    *,
    last: bool = False,
    bf16: bool = False,
    fused: bool = False,
    kernels: str = "all",
    padded: bool = True,
    recomputed: bool = False,
    compiled: bool = False,
) -> Prepared:
    torch.manual_seed(0)
    if kernels == "torch":
        depthwise_impls.WAY = kernels
    depthwise_impls.AT_ONCE = kernels == "all"
    options = {"gradient_checkpointing": True} if recomputed else {}
    model = models.our_network(job, **options).train().to(job.device)
    model.pad_to_grid = padded  # without it on as many cells as the peer
    model = channels_last(model) if last else model
    model = CHANGES["compile"](model) if compiled else model
    image_BCHW, label_BHW = _batch(job)
    loss = CrossEntropy(num_classes=NUM_CLASSES, ignore_index=_IGNORED).to(job.device)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=1e-3, momentum=0.9, weight_decay=4e-5, fused=fused or None
    )

    def loss_of() -> Tensor:
        image = model.normalization(image_BCHW)
        image = image.contiguous(memory_format=torch.channels_last) if last else image
        with autocast(job.device, bf16=bf16):
            logits = model.decode(model.encode(image), job.size)
        value: Tensor = loss(logits, label_BHW)
        return value

    return Prepared(_step(loss_of, optimizer), model)


def _step(loss_of: Callable[[], Tensor], optimizer: torch.optim.Optimizer) -> Callable[[], object]:
    def step() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of()
        torch.autograd.backward(loss)
        optimizer.step()
        return loss.detach()

    return step
