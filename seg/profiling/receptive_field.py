"""Receptive fields: how much of the image a value of each map sees.

Source: Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks" (Distill 2019),
whose recurrence is followed through whatever operations a network is made of.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from seg.models.hooks import hooks_attached, meta_tensors, module_mode

_ATEN = torch.ops.aten
_MIXING = (_ATEN.bmm, _ATEN._scaled_dot_product_flash_attention, _ATEN._softmax)


@dataclass(frozen=True)
class Field:
    """Receptive field of a value of a map, along one side.

    Attributes:
        size_px: how many pixels of the image it sees; infinite: all. After a resize it varies by
            position, by up to the jump before the resize; this is the value between two others.
        jump_px: pixels between the fields of two neighbours.
    """

    size_px: float
    jump_px: float


def receptive_fields(model: nn.Module, input_shape: Sequence[int]) -> dict[str, Field]:
    """Return the field of each module's output by its name; the network's own has the empty name.

    Args:
        model: takes one tensor, B x C x H x W; of several outputs the one that sees most counts.
        input_shape: of that tensor; a resize depends on it.
    """
    fields: dict[str, Field] = {}
    image = torch.empty(tuple(input_shape), device="meta")
    mode = _Propagation(image)

    def record(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs = [mode.fields[each] for each in _tensors(output) if each in mode.fields]
        if outputs:
            fields[name] = max(outputs, key=lambda field: field.size_px)

    recording = hooks_attached(
        module.register_forward_hook(partial(record, name))
        for name, module in model.named_modules()
    )
    with recording, module_mode(model, training=False), torch.no_grad(), mode:
        torch.func.functional_call(model, meta_tensors(model), (image,))
    for name, module in model.named_modules():
        blocks = len(module) if isinstance(module, nn.ModuleList) else 0  # a list is never called
        inside = [fields[f"{name}.{i}"] for i in range(blocks) if f"{name}.{i}" in fields]
        if inside:
            fields[name] = max(inside, key=lambda field: field.size_px)
    return fields


class _Propagation(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Dispatch mode that records the field of every tensor computed from one that has a field."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fields: Any = WeakIdKeyDictionary()
        self.fields[image] = Field(1, 1)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        output = func(*args, **(kwargs or {}))
        inputs = [self.fields[each] for each in _tensors(args) if each in self.fields]
        if inputs:
            widest = max(inputs, key=lambda field: field.size_px)
            rule = _RULES.get(func.overloadpacket, _same)
            field = rule(widest, args, output)
            for each in _tensors(output):
                self.fields[each] = field
        return output


def _tensors(value: Any) -> list[Tensor]:
    return [each for each in tree_leaves(value) if isinstance(each, Tensor)]


def _same(field: Field, args: Any, output: Any) -> Field:
    return field


def _everything(field: Field, args: Any, output: Any) -> Field:
    return Field(math.inf, field.jump_px)


def _window(field: Field, kernel: int, stride: int, dilation: int) -> Field:
    size_px = field.size_px + (kernel - 1) * dilation * field.jump_px
    return Field(size_px, field.jump_px * stride)


def _convolution(field: Field, args: Any, output: Any) -> Field:
    kernel, stride, dilation, transposed = args[1].shape[-1], args[3][-1], args[5][-1], args[6]
    if not transposed:
        return _window(field, kernel, stride, dilation)
    neighbours = math.ceil(kernel / stride) - 1
    return Field(field.size_px + neighbours * field.jump_px, field.jump_px / stride)


def _pool(dilation_at: int | None, field: Field, args: Any, output: Any) -> Field:
    kernel = args[1][-1]
    stride = args[2][-1] if len(args) > 2 and args[2] else kernel
    has_dilation = dilation_at is not None and len(args) > dilation_at
    return _window(field, kernel, stride, args[dilation_at][-1] if has_dilation else 1)


def _mean(field: Field, args: Any, output: Any) -> Field:
    """Return the whole image for a mean over sides, the same field for one over channels."""
    axes = {axis % args[0].dim() for axis in (args[1] if len(args) > 1 and args[1] else (2, 3))}
    return _everything(field, args, output) if axes & {2, 3} else field


def _resize(field: Field, args: Any, output: Any) -> Field:
    before, after = args[0].shape[-1], output.shape[-1]
    if before == after:
        return field
    # a nearest neighbour has no such choice, and sees one value
    if len(args) > 2 and args[2] is True and after > 1:  # corners coincide
        before, after = before - 1, after - 1
    # a value between two others sees what both see
    return Field(field.size_px + field.jump_px, field.jump_px * before / after)


_RULES: dict[Any, Callable[[Field, Any, Any], Field]] = {
    _ATEN.convolution: _convolution,
    _ATEN.max_pool2d_with_indices: partial(_pool, 4),
    _ATEN.avg_pool2d: partial(_pool, None),
    _ATEN.mean: _mean,
    _ATEN._adaptive_avg_pool2d: _everything,
    _ATEN.adaptive_max_pool2d: _everything,
    _ATEN.upsample_bilinear2d: _resize,
    _ATEN.upsample_nearest2d: _resize,
    _ATEN.upsample_bicubic2d: _resize,
    **dict.fromkeys(_MIXING, _everything),
}
