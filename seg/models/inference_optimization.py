"""Optimization of networks for inference: folded batch norms, faster kernels."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seg.kernels.depthwise import DepthwiseConv2d
from seg.models.fused_convolution import FusedConv2d, faster_depthwise, fused
from seg.models.hooks import hooks_attached

Replacement = Callable[[nn.Module], nn.Module | None]
"""Creates the replacement of a module; None leaves it as it is."""

FASTER_CONVOLUTIONS: dict[type[nn.Module], Replacement] = dict.fromkeys(
    (nn.Conv2d, DepthwiseConv2d), lambda conv: faster_depthwise(conv) or fused(conv)
)
"""For `replace_modules`: faster kernels on a CPU, compiled loops and oneDNN's own calls."""


def fold_batch_norms(root: nn.Module, probe: Callable[[], object]) -> list[str]:
    """Multiply batch norms into the convolutions before them; `root` computes the same.

    A norm is folded if a pass shows that its input is the output of one convolution, that nothing
    else uses this output, and that both run once. The products are computed in float64.

    Args:
        root: in evaluation mode; its convolutions and norms are changed.
        probe: runs `root` once.

    Returns:
        names of the norms that are removed.
    """
    names = {module: name for name, module in root.named_modules()}
    folded = []
    for conv, norm in _pairs(root, probe, nn.Conv2d, _BatchNorm):
        assert isinstance(norm, _BatchNorm)
        if not norm.training and norm.running_var is not None:
            _fold(conv, norm)
            _put(root, names[norm], _remainder(norm))
            folded.append(names[norm])
    return folded


def fuse_relus(root: nn.Module, probe: Callable[[], object]) -> list[str]:
    """Let each `FusedConv2d` apply the ReLU after it, where nothing else uses its output.

    Args:
        root: its convolutions and ReLUs are changed.
        probe: runs `root` once.

    Returns:
        names of the ReLUs that are removed.
    """
    names = {module: name for name, module in root.named_modules()}
    removed = []
    for conv, relu in _pairs(root, probe, FusedConv2d, nn.ReLU):
        assert isinstance(conv, FusedConv2d)
        conv.relu = True
        _put(root, names[relu], nn.Identity())
        removed.append(names[relu])
    return removed


def replace_modules(root: nn.Module, by_type: Mapping[type[nn.Module], Replacement]) -> list[str]:
    """Replace modules of exactly some types, for faster kernels.

    Args:
        root: is changed.
        by_type: type -> creator of the replacement, if any.

    Returns:
        names of the modules that were replaced.
    """
    replaced = []
    for name, module in list(root.named_modules()):
        other = by_type[type(module)](module) if name and type(module) in by_type else None
        if other is not None:
            _put(root, name, other)
            replaced.append(name)
    return replaced


class _Uses(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts of how often operations take each tensor; tensors are kept, so that ids are unique."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[int] = Counter()
        self.tensors: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, Tensor):
                self.counts[id(value)] += 1
                self.tensors.append(value)
        return func(*args, **(kwargs or {}))


def _pairs(
    root: nn.Module,
    probe: Callable[[], object],
    makers: type[nn.Module],
    takers: type[nn.Module],
) -> list[tuple[nn.Module, nn.Module]]:
    """Return the modules of which only one takes what the other gives; each runs once."""
    made: dict[nn.Module, list[int]] = {}
    taken: dict[nn.Module, list[int]] = {}
    uses = _Uses()

    def on_maker(module: nn.Module, _: Any, output: Tensor) -> None:
        uses.tensors.append(output)
        made.setdefault(module, []).append(id(output))

    def on_taker(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        taken.setdefault(module, []).append(id(inputs[0]))

    handles = []
    for module in root.modules():
        if isinstance(module, makers):
            handles.append(module.register_forward_hook(on_maker))
        elif isinstance(module, takers):
            handles.append(module.register_forward_pre_hook(on_taker))
    with hooks_attached(handles), torch.no_grad(), uses:
        probe()
    maker_of = {keys[0]: maker for maker, keys in made.items() if len(keys) == 1}
    return [
        (maker_of[keys[0]], taker)
        for taker, keys in taken.items()
        if len(keys) == 1 and keys[0] in maker_of and uses.counts[keys[0]] == 1
    ]


@torch.no_grad()
def _fold(conv: nn.Module, norm: nn.Module) -> None:
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    scale_C = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale_C = scale_C * norm.weight.double()
    start_C = 0.0 if conv.bias is None else conv.bias.double()
    bias_C = (start_C - norm.running_mean.double()) * scale_C
    if norm.bias is not None:
        bias_C = bias_C + norm.bias.double()
    weight = conv.weight.double() * scale_C.view(-1, 1, 1, 1)
    conv.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
    conv.bias = nn.Parameter(bias_C.to(conv.weight.dtype), requires_grad=False)


def _remainder(norm: nn.Module) -> nn.Module:
    """Return what a norm does besides: timm's hold an activation."""
    parts = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
    return nn.Sequential(*parts).eval() if parts else nn.Identity().eval()


def _put(root: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(root.get_submodule(parent), child, module)
