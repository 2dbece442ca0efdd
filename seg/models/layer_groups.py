"""What lies where in a network: the parts of an encoder by depth, and the layer that ends it."""

from collections.abc import Iterator

from torch import nn

_SEQUENCES = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def encoder_layer_groups(encoder: nn.Module) -> list[list[nn.Module]]:
    """The modules of an encoder that hold parameters, from the image to the last map.

    An encoder may say so itself by an attribute `parts`. Of any other, each child is a part, in the
    order of definition, sequences being taken apart; a child without a kernel, such as a batch
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
    return [each for each in module.children() if next(each.parameters(), None) is not None]


def last_layer_name(decoder: nn.Module) -> str:
    """Name of the decoder's child that gives the logits; a decoder may declare it by `head`."""
    return str(getattr(decoder, "head", "logits"))
