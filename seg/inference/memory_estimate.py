"""An estimate of the memory that a pass of a network takes."""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from seg.models.hooks import hooks_attached
from seg.models.segmenter import Segmenter

_PROBE_PX = 129
# In sizes of the largest map: a residual module's own, oneDNN's copies, and what malloc cannot use
# again. On a CPU the peaks of three networks were 716, 321 and 976 bytes a pixel; this gives 706,
# 350 and 1359.
_LARGEST_AT_ONCE = 8
_known: "WeakKeyDictionary[nn.Module, float]" = WeakKeyDictionary()


def bytes_per_pixel(model: Segmenter) -> float:
    """Measure by a small pass the memory that one pass takes, in bytes a pixel of the image.

    Counted are the encoder's output maps, and the largest map of all several times.
    """
    if model not in _known:
        _known[model] = _measured(model)
    return _known[model]


@torch.inference_mode()
def _measured(model: Segmenter) -> float:
    largest = 0

    def watch(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal largest
        maps = [each for each in (*inputs, output) if isinstance(each, Tensor)]
        largest = max([largest, *(each.nbytes for each in maps)])

    hooks = hooks_attached(
        module.register_forward_hook(watch)
        for module in model.modules()
        if not any(module.children())
    )
    with hooks:
        channels = len(model.normalization.mean)
        image_BCHW = torch.zeros(1, channels, _PROBE_PX, _PROBE_PX, device=model.device)
        features = model.encode(image_BCHW)
        model.decode(features, (_PROBE_PX, _PROBE_PX))
    outputs = sum(each.nbytes for each in features)
    return (outputs + _LARGEST_AT_ONCE * largest) / _PROBE_PX**2
