"""Groups of a network's layers: the parts of an encoder by depth, and a decoder's last layer."""

from collections.abc import Iterator

from torch import nn

_SEQUENCES = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def encoder_layer_groups(encoder: nn.Module) -> list[list[nn.Module]]:
    """Return the modules of an encoder that hold parameters, from the image to the last map.

    An encoder may declare its parts by an attribute `parts`. Of any other, each child is a part, in
    the order of definition; sequences are taken apart; a child without a kernel, such as a batch
    norm, belongs to the part before it.
    """
    declared = getattr(encoder, "parts", None)
    if declared is not None:
        return [[part] for part in declared]
    parts: list[list[nn.Module]] = []
    for module in _units(_unwrapped(encoder)):
        if not parts or any(parameter.ndim > 1 for parameter in module.parameters()):
            parts.append([module])
        else:
            parts[-1].append(module)
    return parts


def _unwrapped(module: nn.Module) -> nn.Module:
    children = _children(module)
    return _unwrapped(children[0]) if len(children) == 1 else module


def _units(module: nn.Module) -> Iterator[nn.Module]:
    for child in _children(module):
        if isinstance(child, _SEQUENCES):
            yield from _units(child)
        else:
            yield child


def _children(module: nn.Module) -> list[nn.Module]:
    return [child for child in module.children() if next(child.parameters(), None) is not None]


def last_layer_name(decoder: nn.Module) -> str:
    """Return the name of the decoder's child that computes the logits: `head` or `logits`."""
    return str(getattr(decoder, "head", "logits"))
