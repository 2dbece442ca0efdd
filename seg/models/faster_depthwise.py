"""Depthwise convolutions by compiled loops that are faster than PyTorch, for inference."""

import torch
from torch import Tensor, nn

from seg.kernels.depthwise_shapes import taps_first
from seg.kernels.dispatch import is_for_inference, should_use_numba_depthwise


def faster_depthwise(conv: nn.Module) -> nn.Module | None:
    """Return a faster module for a convolution on a CPU in channels_last; None if there is none.

    Weights are read once: a later change of `conv` has no effect.
    """
    if isinstance(conv, nn.Conv2d) and should_use_numba_depthwise(conv):
        return FasterDepthwise(conv)
    return None


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
