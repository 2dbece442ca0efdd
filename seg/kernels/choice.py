"""When a compiled loop gains; to be asked before its module, and Numba with it, is imported."""

import importlib.util
import os
from functools import lru_cache

import torch
from torch import Tensor, nn

_RESIZED_BYTES = 2**24  # smaller logits: loading a loop takes more than it saves
_PAIRS = range(2**19, 2**31)  # a thread counts in 32 bits
_BYTE = 256
NEAR = 2  # dilations up to it are as quick in oneDNN


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether loops can be compiled; `NUMBA_DISABLE_JIT=1` says that they shall not."""
    disabled = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not disabled and importlib.util.find_spec("numba") is not None


def argmax_gains(logits_hKw: Tensor, pixels: int) -> bool:
    """Whether `argmax.upsampled_argmax` gains for a picture of `pixels`."""
    return _large(logits_hKw, pixels * logits_hKw.shape[1]) and logits_hKw.shape[1] <= _BYTE


def cross_entropy_gains(values_BKhw: Tensor, label_BHW: Tensor, ignore_index: int) -> bool:
    """Whether the loops of `cross_entropy` take these coarse logits and labels, and gain."""
    classes = values_BKhw.shape[1]
    return (
        _large(values_BKhw, label_BHW.numel() * classes)
        and values_BKhw.dtype == torch.float32
        and classes < _BYTE
        and 0 <= ignore_index < _BYTE
        and (label_BHW.dtype == torch.uint8 or _bytes(label_BHW))
    )


def pairs_gain(pixels: int) -> bool:
    """Whether `pairs.byte_pairs` gains for arrays of `pixels`."""
    return pixels in _PAIRS and available()


def depthwise_gains(conv: nn.Conv2d) -> bool:
    """Whether `depthwise.depthwise` gains, on a CPU and channels_last.

    oneDNN is as quick where neither stride nor dilation leaves taps apart, and at a dilation of 2.
    """
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.kernel_size == (3, 3)
        and conv.padding_mode == "zeros"
        and isinstance(conv.padding, tuple)
        and (max(conv.dilation) > NEAR or max(conv.stride) > 1)
        and available()
    )


def _large(values: Tensor, resized: int) -> bool:
    return values.device.type == "cpu" and 4 * resized >= _RESIZED_BYTES and available()


def _bytes(label_BHW: Tensor) -> bool:
    low, high = label_BHW.aminmax()
    return int(low) >= 0 and int(high) < _BYTE
