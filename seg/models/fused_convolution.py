"""Convolutions by single calls of oneDNN, with the ReLU behind them, for inference on CPUs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import wrap_torch_function

from seg.kernels.dispatch import is_for_inference

_in_order: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
_onednn: Any = torch.backends.mkldnn


@wrap_torch_function(lambda input_BCHW, *_, **__: (input_BCHW,))  # for who times operators
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
    """As `functional.conv2d`, a ReLU behind it where it is wanted, by one call of oneDNN.

    Args:
        weight: of the convolution; not read.
        packed: the same in oneDNN's order.
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
    """A convolution and the ReLU behind it, if there is one; same parameters, for inference alone.

    In channels_last where no gradient is wanted, oneDNN applies the ReLU to values that are still
    in its caches, and finds the weights in its own order: PyTorch's call puts all of them into that
    order each time. It reads the weights at the first such call of a size: a change afterwards is
    not seen.

    Args:
        conv: what it stands for: with zeros as padding, in numbers.
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
        # type and size of the input, and the weights in order for these: no buffer, since nothing
        # else can be done with it
        self._packed: tuple[tuple[torch.dtype, torch.Size], Tensor] | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - so named by nn.Conv2d
        """B x C x H x W -> B x C' x H' x W'."""
        if not self._takes(input):
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
        wanted = input_BCHW.dtype, input_BCHW.shape
        if self._packed is None or self._packed[0] != wanted:
            weight = self.weight.detach().to_mkldnn()
            places = self.padding, self.stride, self.dilation
            self._packed = wanted, _in_order(weight, *places, self.groups, input_BCHW.shape)
        return self._packed[1]

    def __getstate__(self) -> dict[str, Any]:
        """Without what can be neither copied nor pickled; a copy makes its own."""
        return {**self.__dict__, "_packed": None}

    def _takes(self, input_BCHW: Tensor) -> bool:
        return (
            is_for_inference(input_BCHW)
            and input_BCHW.dtype == self.weight.dtype
            and _onednn.enabled
        )


def fused(conv: nn.Module) -> nn.Module | None:
    """The same convolution by oneDNN's own call; None where there is none."""
    known = isinstance(conv, nn.Conv2d) and conv.padding_mode == "zeros"
    if known and not isinstance(conv.padding, str) and _onednn.is_available():
        assert isinstance(conv, nn.Conv2d)
        return FusedConv2d(conv)
    return None
