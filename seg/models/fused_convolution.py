"""Convolutions by single calls of oneDNN, with the following ReLU, for inference on CPUs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import wrap_torch_function

from seg.kernels.dispatch import is_for_inference

_reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
_onednn: Any = torch.backends.mkldnn


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
        if self._packed is None or self._packed[0] != key:
            weight = self.weight.detach().to_mkldnn()
            places = self.padding, self.stride, self.dilation
            self._packed = key, _reorder(weight, *places, self.groups, input_BCHW.shape)
        return self._packed[1]

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
