"""Faster convolutions for inference on CPUs: by compiled loops, or by oneDNN with the next ReLU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import wrap_torch_function

from seg.kernels.depthwise_shapes import taps_first
from seg.kernels.dispatch import is_for_inference, should_use_numba_depthwise

_reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
_onednn: Any = torch.backends.mkldnn


class FasterDepthwise(nn.Module):
    """A 3x3 depthwise convolution by a compiled loop, where no gradient is needed.

    It works in float32; maps in bfloat16 are cast there and back.

    Args:
        conv: the convolution to replace. It still runs on other devices, layouts and types, under
            autocast, in training, and while compiling and exporting.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        # no buffers: they stay in float32 whatever the network is cast to
        self.weight_9C = taps_first(conv.weight)
        bias_C = (
            torch.zeros(conv.out_channels, dtype=torch.float32)
            if conv.bias is None
            else conv.bias.detach().float()
        )
        self.bias_C = bias_C.clone()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Convolve as `conv` does."""
        if not is_for_inference(x_BCHW):
            result: Tensor = self.conv(x_BCHW)
            return result
        from seg.kernels.depthwise_loop import depthwise

        conv = self.conv
        assert not isinstance(conv.padding, str)
        return depthwise(
            x_BCHW,
            self.weight_9C,
            self.bias_C,
            stride=(conv.stride[0], conv.stride[1]),
            dilation=(conv.dilation[0], conv.dilation[1]),
            padding=(conv.padding[0], conv.padding[1]),
        )


@wrap_torch_function(lambda input_BCHW, *_, **__: (input_BCHW,))  # profilers of operators see it
def convolution_relu(  # noqa: PLR0917 - the order of `functional.conv2d`
    input_BCHW: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    *,
    packed: Tensor,
    relu: bool,
) -> Tensor:
    """Compute `functional.conv2d` and, if `relu`, the ReLU after it, by one call of oneDNN.

    Args:
        input_BCHW: the map.
        weight: of the convolution; not read.
        bias: of the convolution.
        stride: of the convolution.
        padding: of the convolution.
        dilation: of the convolution.
        groups: of the convolution.
        packed: the weight in oneDNN's order.
        relu: whether a ReLU follows.
    """
    result: Tensor = torch.ops.mkldnn._convolution_pointwise(
        input_BCHW,
        packed,
        bias,
        padding,
        stride,
        dilation,
        groups,
        "relu" if relu else "none",
        [],
        "",
    )
    return result


class FusedConv2d(nn.Conv2d):
    """A convolution with the ReLU after it, if there is one; same parameters, for inference alone.

    In channels_last and without gradients, oneDNN applies the ReLU to values that are still in its
    caches, and has the weights in its own order: PyTorch's call reorders all of them each time.
    The weights are read at the first such call of a size: a later change has no effect.

    Args:
        conv: the convolution to replace, with zeros as padding, in numbers.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        assert not isinstance(conv.padding, str)
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            (conv.kernel_size[0], conv.kernel_size[1]),
            stride=(conv.stride[0], conv.stride[1]),
            padding=(conv.padding[0], conv.padding[1]),
            dilation=(conv.dilation[0], conv.dilation[1]),
            groups=conv.groups,
            bias=conv.bias is not None,
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias
        self.relu = False
        # type and size of an input, and the weights in oneDNN's order for them; not a buffer, as
        # nothing but oneDNN can use it
        self._packed: tuple[tuple[torch.dtype, torch.Size], Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - so named by nn.Conv2d
        """Convolve B x C x H x W to B x C' x H' x W'."""
        if not (is_for_inference(input) and input.dtype == self.weight.dtype and _onednn.enabled):
            output = super().forward(input)
            return functional.relu(output) if self.relu else output
        assert not isinstance(self.padding, str)
        return convolution_relu(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            packed=self._weight_in_order(input),
            relu=self.relu,
        )

    def _weight_in_order(self, input_BCHW: Tensor) -> Tensor:
        key = input_BCHW.dtype, input_BCHW.shape
        packed = self._packed  # other threads may replace it at any time
        if packed is None or packed[0] != key:
            weight = self.weight.detach().to_mkldnn()
            places = self.padding, self.stride, self.dilation
            packed = key, _reorder(weight, *places, self.groups, input_BCHW.shape)
            self._packed = packed
        return packed[1]

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the reordered weights, which cannot be copied."""
        return {**self.__dict__, "_packed": None}


def fused(conv: nn.Module) -> nn.Module | None:
    """Return a module for a convolution by oneDNN's own call; None if there is none."""
    known = isinstance(conv, nn.Conv2d) and conv.padding_mode == "zeros"
    if known and not isinstance(conv.padding, str) and _onednn.is_available():
        assert isinstance(conv, nn.Conv2d)
        return FusedConv2d(conv)
    return None


def faster_depthwise(conv: nn.Module) -> nn.Module | None:
    """Return a faster module for a convolution on a CPU in channels_last; None if there is none.

    Weights are read once: a later change of `conv` has no effect.
    """
    if isinstance(conv, nn.Conv2d) and should_use_numba_depthwise(conv):
        return FasterDepthwise(conv)
    return None
