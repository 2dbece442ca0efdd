"""Which parameters decay."""

from collections import Counter
from typing import Any

from torch import nn


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two disjoint, complete groups: full and pointwise convolutions decay; the rest does not.

    The rest is norms, biases and depthwise kernels (DeepLab, `core/xception.py`: no regularisation
    on depthwise weights).

    Raises:
        RuntimeError: a trainable parameter would be lost or doubled, with its name.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                (decayed if name == "weight" and _decays(module) else free).append(parameter)
    grouped = Counter(id(parameter) for parameter in (*decayed, *free))
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and grouped[id(parameter)] != 1:
            raise RuntimeError(f"parameter {name} lies in {grouped[id(parameter)]} groups")
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _decays(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return not (module.groups > 1 and module.groups == module.in_channels)
    return isinstance(module, nn.Linear)
