"""Where kernels in Triton are launched."""

import torch
from torch import Tensor


def device_of(x: Tensor) -> torch.cuda.device:
    """A context in which the card of `x` is the one that is used; by the interpreter, none is."""
    return torch.cuda.device(x.device.index if x.is_cuda else -1)
