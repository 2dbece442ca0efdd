"""The depthwise convolution of a separable one, by the fastest kernel.

The environment variable `SEG_DEPTHWISE`, read at import: `auto` (the default) times PyTorch's
kernel and those in Triton once for each shape; `triton` takes the latter alone; `torch` is PyTorch
alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.kernels import depthwise_impls
from seg.kernels.dispatch import (
    FLOATS,
    HAS_TRITON,
    depthwise_gradient_is_wrong,
    is_cpu_channels_last,
    is_dilated_depthwise,
    is_recorded,
    should_use_numba_depthwise,
    should_use_own_depthwise_gradients,
)

_HALF = (torch.float16, torch.bfloat16)
# offsets within one image are counted in 32 bits
_MAX_VALUES = 2**31
Pair = tuple[int, ...]


def depthwise(
    x_BCHW: Tensor, weight: Tensor, *, stride: Pair, dilation: Pair, padding: Pair
) -> Tensor:
    """Compute `conv2d` of one filter a channel, with its gradients.

    The kernels of `depthwise_ops` are used on a CUDA device, for half types (also those of
    autocast) in channels_last memory, where gradients are needed or a graph is compiled: for one
    image without gradients their call takes longer than the convolution (H200, 1024x2048: a
    network of 30 ms instead of 20). Not while a graph is exported. Everywhere else this is
    PyTorch's convolution, bit by bit.

    Args:
        x_BCHW: B x C x H x W.
        weight: C x 1 x kernel x kernel.
        stride: rows and columns from an output to the next.
        dilation: from a tap to the next.
        padding: zeros above and below, left and right.

    Raises:
        ConfigError: `SEG_DEPTHWISE` is none of its values.
    """
    may_gain = torch.is_grad_enabled() or torch.compiler.is_compiling()
    if depthwise_impls.way() != "torch" and HAS_TRITON and may_gain and not is_recorded():
        x_cast = _as_autocast(x_BCHW)
        if _suits(x_cast, weight, stride, dilation, padding):
            # declaring operators takes a tenth of a second, which a CPU run is spared
            from seg.kernels import depthwise_ops

            numbers = (stride[0], dilation[0], padding[0])
            output: Tensor = depthwise_ops.convolve(x_cast, weight, numbers)
            return output
    return functional.conv2d(x_BCHW, weight, None, stride, padding, dilation, weight.shape[0])


class DepthwiseConv2d(nn.Conv2d):
    """An `nn.Conv2d` of one filter a channel that runs as `depthwise` does; same parameters."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - so named by nn.Conv2d
        """Convolve B x C x H x W to B x C x H' x W'."""
        if not (input.is_cuda or depthwise_impls.INTERPRETED):
            return self._on_cpu(input)
        if isinstance(self.padding, str):
            return super().forward(input)
        return depthwise(
            input,
            self.weight,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
        )

    def _on_cpu(self, x_BCHW: Tensor) -> Tensor:
        """Use compiled loops where faster, and float32 where PyTorch's gradient is wrong."""
        cast = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if cast else x_BCHW.dtype
        if (
            is_cpu_channels_last(x_BCHW)
            and dtype in FLOATS
            and should_use_own_depthwise_gradients(self, dtype)
            and (torch.is_grad_enabled() or should_use_numba_depthwise(self))
        ):
            from seg.kernels.depthwise_dilated import convolve

            assert not isinstance(self.padding, str)
            stride, dilation, padding = (
                (down, across) for down, across in (self.stride, self.dilation, self.padding)
            )
            places = stride, dilation, padding
            far = should_use_numba_depthwise(self)
            return convolve(x_BCHW.to(dtype), self.weight, places, far=far)
        if depthwise_gradient_is_wrong(self, x_BCHW, dtype):
            with torch.autocast("cpu", enabled=False):
                bias = None if self.bias is None else self.bias.float()
                exact: Tensor = self._conv_forward(x_BCHW.float(), self.weight.float(), bias)
            return exact.to(dtype)
        return super().forward(x_BCHW)


def patch_dilated_depthwise(root: nn.Module) -> None:
    """Make the dilated depthwise convolutions of any network run as `DepthwiseConv2d`."""
    for module in root.modules():
        if type(module) is nn.Conv2d and is_dilated_depthwise(module):
            module.__class__ = DepthwiseConv2d


def fused_conv_bn(
    x_BCHW: Tensor,
    conv: nn.Module,
    norm: nn.Module,
    *,
    pre_act: nn.Module | None,
    act: nn.Module,
) -> Tensor | None:
    """Compute `act(norm(conv(pre_act(x))))` where `depthwise_norm` is faster; else return None.

    Its gain is that it keeps only the input for the gradients, so there is none without gradients.
    """
    if not (
        isinstance(conv, DepthwiseConv2d)
        and type(norm) is nn.BatchNorm2d
        and norm.affine
        and conv.bias is None
        and {type(pre_act), type(act)} <= {nn.ReLU, nn.Identity, type(None)}
        and depthwise_impls.AT_ONCE
        and depthwise_impls.way() != "torch"
        and HAS_TRITON
        and torch.is_grad_enabled()
        and not (torch.compiler.is_compiling() or is_recorded())
        and not isinstance(conv.padding, str)
        and _suits(x_BCHW, conv.weight, conv.stride, conv.dilation, conv.padding)
        and x_BCHW.shape[0] > 1
    ):
        return None
    from seg.kernels.depthwise_norm import depthwise_norm_relu

    relu = {"relu_before": type(pre_act) is nn.ReLU, "relu_after": type(act) is nn.ReLU}
    return depthwise_norm_relu(x_BCHW, conv, norm, **relu)


def _as_autocast(x_BCHW: Tensor) -> Tensor:
    kind = x_BCHW.device.type
    if kind == "cuda" and torch.is_autocast_enabled(kind) and x_BCHW.dtype == torch.float32:
        return x_BCHW.to(torch.get_autocast_dtype(kind))
    return x_BCHW


def _suits(x_BCHW: Tensor, weight: Tensor, stride: Pair, dilation: Pair, padding: Pair) -> bool:
    forced = depthwise_impls.way() == "triton"
    return (
        (x_BCHW.is_cuda or (forced and depthwise_impls.INTERPRETED))
        and (forced or x_BCHW.dtype in _HALF)
        and x_BCHW.dim() == 4
        and x_BCHW.is_contiguous(memory_format=torch.channels_last)
        and weight.shape[1] == 1
        and len({*weight.shape[2:]}) == len({*stride}) == len({*dilation}) == len({*padding}) == 1
        and 0 < x_BCHW.shape[1:].numel() < _MAX_VALUES
        and x_BCHW.shape[0] > 0
    )
