"""Conditions under which kernels of convolutions are faster, checked before they are imported."""

import importlib.util

import torch
from torch import Tensor, nn

from seg.kernels.numba_jit import numba_available

HAS_TRITON = importlib.util.find_spec("triton") is not None
_MAX_FAST_DILATION = {"AVX512": 6}  # greatest dilation that oneDNN's fast kernel handles
_MAX_FAST_DILATION_ELSEWHERE = 4
FLOATS = (torch.float32, torch.bfloat16)  # what loops take: they sum in float32
_MIN_CHANNELS = 128  # a loop over fewer channels is too short to gain


def is_recorded() -> bool:
    """Return whether a graph for other machines is made, which know PyTorch's operators alone."""
    return (
        torch.compiler.is_exporting()
        or torch._C._get_tracing_state() is not None
        or torch.onnx.is_in_onnx_export()
    )


def is_cpu_channels_last(map_BCHW: Tensor) -> bool:
    """Return whether a map is on a CPU in channels_last and no graph is made."""
    return (
        map_BCHW.device.type == "cpu"
        and map_BCHW.is_contiguous(memory_format=torch.channels_last)
        and not (torch.compiler.is_compiling() or is_recorded())
    )


def is_for_inference(map_BCHW: Tensor) -> bool:
    """Return whether loops take a map: `is_cpu_channels_last`, in `FLOATS`, no gradient."""
    return (
        is_cpu_channels_last(map_BCHW)
        and map_BCHW.dtype in FLOATS
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


def should_use_numba_depthwise(conv: nn.Conv2d) -> bool:
    """Return whether `depthwise_loop.depthwise` is faster, on a CPU in channels_last.

    oneDNN takes up to thirty times as long where taps lie farther apart than its kernel for the
    processor reaches, and is faster up to there, at any stride.
    """
    near = _MAX_FAST_DILATION.get(
        torch.backends.cpu.get_cpu_capability(), _MAX_FAST_DILATION_ELSEWHERE
    )
    return max(conv.dilation) > near and _is_depthwise(conv)


def should_use_own_depthwise_gradients(conv: nn.Conv2d, dtype: torch.dtype) -> bool:
    """Return whether the gradients of `depthwise_dilated` are faster, on a CPU in channels_last.

    oneDNN's take four to ten times as long where taps are not beside each other; in bfloat16 they
    may be wrong there (see `depthwise_gradient_is_wrong`), and take four to six times as long at a
    stride of 2, where in float32 they are faster.
    """
    half, wide = dtype == torch.bfloat16, conv.in_channels >= _MIN_CHANNELS
    apart, strided = max(conv.dilation) > 1, max(conv.stride) > 1
    gains = (apart and (wide or half)) or (strided and wide and half)
    return gains and conv.bias is None and _is_depthwise(conv)


def depthwise_gradient_is_wrong(conv: nn.Conv2d, map_BCHW: Tensor, dtype: torch.dtype) -> bool:
    """Return whether PyTorch's own call may give a wrong gradient of the weight.

    oneDNN 3.12 (torch 2.14, AVX-512) does so for a dilated depthwise convolution in bfloat16 and
    channels_last: on maps of about 29 pixels and wider the gradient is unrelated to the right one,
    and different each time.
    """
    return (
        is_dilated_depthwise(conv)
        and dtype == torch.bfloat16
        and map_BCHW.device.type == "cpu"
        and torch.is_grad_enabled()
        and not is_recorded()
        and (
            torch.compiler.is_compiling()  # which chooses layouts itself
            or map_BCHW.is_contiguous(memory_format=torch.channels_last)
        )
    )


def is_dilated_depthwise(conv: nn.Conv2d) -> bool:
    """Return whether a convolution is depthwise and dilated, of any kernel and padding."""
    return conv.groups == conv.in_channels > 1 and max(conv.dilation) > 1


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.kernel_size == (3, 3)
        and conv.padding_mode == "zeros"
        and isinstance(conv.padding, tuple)
        and numba_available()
    )
