"""The original Xception, weight for weight that of Keras.

Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions" (CVPR 2017),
section 4 and figure 5; padding as in Keras Applications, or as in the PyTorch ports.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.blocks import ConvNormAct, SeparableConv2d, XceptionModule, skip_connection
from seg.models.encoders.aligned_xception import multi_grid_factors
from seg.models.encoders.xception_base import (
    DEEPEST,
    XceptionPyramid,
    check_in_channels,
    plan_dilation,
)
from seg.models.registry import ENCODERS

PoolPadding = Literal["same", "symmetric"]

_ENTRY_WIDTHS = (128, 256, 728)
_MIDDLE_BLOCKS = 8
_SMALLEST_VALID_PX = 7


class PooledModule(nn.Module):
    """Two separable convolutions -> 3x3 max pool, plus a strided 1x1 skip (blocks 2, 3, 4 and 13).

    Args:
        in_channels: channels of the input.
        depths: output channels of the two separable convolutions.
        first_activation: whether a ReLU precedes the first of them (not in block 2).
        stride: step of pool and skip: 2, or 1 where the output stride is held.
        dilation: of convolutions and pool.
        norm_eps: epsilon of the batch norms.
        pool_padding: see `PaddedMaxPool`.
    """

    def __init__(
        self,
        in_channels: int,
        depths: tuple[int, int],
        *,
        first_activation: bool,
        stride: int,
        dilation: int,
        norm_eps: float,
        pool_padding: PoolPadding,
    ) -> None:
        super().__init__()
        widths = (in_channels, *depths)
        self.convs = nn.ModuleList(
            SeparableConv2d(
                widths[index],
                widths[index + 1],
                dilation=dilation,
                norm_eps=norm_eps,
                activation=False,
                norm_between=False,
            )
            for index in range(2)
        )
        self.acts = nn.ModuleList([nn.ReLU() if first_activation else nn.Identity(), nn.ReLU()])
        self.pool = PaddedMaxPool(stride, dilation, pool_padding)
        self.skip = skip_connection("conv", in_channels, depths[1], stride, norm_eps)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output and its tap, the second convolution's output."""
        tap = x_BCHW
        for act, conv in zip(self.acts, self.convs, strict=True):
            tap = conv(act(tap))
        pooled = self.pool(tap)
        return pooled if self.skip is None else pooled + self.skip(x_BCHW), tap


class PaddedMaxPool(nn.Module):
    """3x3 max pool of stride 2 as TensorFlow or PyTorch pads it, and its equivalent without stride.

    `same` (TensorFlow) pads an odd size by one on both sides and an even one on the right and
    bottom alone, so windows start at 2i - 1 or at 2i. `symmetric` (PyTorch's `padding=1`) pads any
    size by one on both sides: windows start at 2i - 1. Without the stride, taps lie `dilation`
    apart and the window starts where it would start in the network that steps: every
    `2 * dilation`-th output then equals that network's, at any size.

    Args:
        stride: 2, or 1 where the output stride is held.
        dilation: distance between taps in pixels; 1 at stride 2.
        padding: where windows start.
    """

    def __init__(self, stride: int, dilation: int, padding: PoolPadding) -> None:
        super().__init__()
        self.stride = stride
        self.dilation = dilation
        self.padding = padding

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Pool B x C x H x W to B x C x ceil(H / stride) x ceil(W / stride)."""
        top, bottom = self._padding(x_BCHW.shape[2])
        left, right = self._padding(x_BCHW.shape[3])
        padded = functional.pad(x_BCHW, (left, right, top, bottom), value=float("-inf"))
        return functional.max_pool2d(padded, 3, self.stride, 0, self.dilation)

    def _padding(self, size: int) -> tuple[int, int]:
        size_if_strided = (size + self.dilation - 1) // self.dilation
        centred = self.padding == "symmetric" or size_if_strided % 2 == 1
        before = self.dilation if centred else 0
        if self.stride == 2:
            return before, 1
        return before, 2 * self.dilation - before


@ENCODERS.register("xception")
class Xception(XceptionPyramid):
    """Chollet's Xception; see `XceptionPyramid` for its maps.

    The stem's convolutions are not padded, as in Keras: for an image of N pixels the map at stride
    2 has (N - 3) // 2 - 1, and each further stride halves that, rounded up. `padding="same"` pads
    them by one, so that a size divisible by 32 divides exactly; the weights stay valid, the numbers
    at the image's border do not stay Keras'.

    The PyTorch ports of the weights (Cadene's `xception`, timm's `legacy_xception`, smp's
    `xception`) pool with `pool_padding="symmetric"` and normalize with `norm_eps=1e-5`; smp's also
    pads the stem (`padding="same"`). Their published accuracy is that of these settings, which the
    name `legacy_xception` stands for.

    Args:
        output_stride: stride of the last map in pixels: 4, 8, 16 or 32. Held pools keep their
            window, dilated, and the following convolutions dilate.
        in_channels: channels of the image.
        multi_grid: factors on the dilation of the two separable convolutions of block 14.
        gradient_checkpointing: recompute each block in the backward pass instead of storing it.
        padding: of the stem's two convolutions.
        pool_padding: of the max pools; it differs where a map of even size is pooled.
        norm_eps: epsilon of the batch norms.
        depth: level of the last map, 1 to 5.

    Raises:
        ConfigError: a value outside those; an image under 7 pixels with `padding="valid"`.
    """

    def __init__(
        self,
        *,
        output_stride: int = 16,
        in_channels: int = 3,
        multi_grid: Sequence[int] = (1, 1),
        gradient_checkpointing: bool = False,
        padding: Literal["valid", "same"] = "valid",
        pool_padding: PoolPadding = "same",
        norm_eps: float = 1e-3,
        depth: int = DEEPEST,
    ) -> None:
        check_in_channels(in_channels)
        factors = multi_grid_factors(multi_grid, 2)
        if padding not in ("valid", "same"):
            raise ConfigError(f"padding {padding!r}; allowed: valid (as Keras), same")
        if pool_padding not in ("same", "symmetric"):
            raise ConfigError(
                f"pool_padding {pool_padding!r}; "
                "allowed: same (as Keras), symmetric (as timm and smp)"
            )
        if norm_eps <= 0:
            raise ConfigError(f"norm_eps {norm_eps!r}; allowed: above 0 (Keras 1e-3, timm 1e-5)")
        strides = [2] * len(_ENTRY_WIDTHS) + [1] * _MIDDLE_BLOCKS + [2, 1]
        plan = plan_dilation(strides, output_stride)
        stem_padding = 1 if padding == "same" else 0
        super().__init__(
            stem=[
                ConvNormAct(in_channels, 32, 3, stride=2, padding=stem_padding, norm_eps=norm_eps),
                ConvNormAct(32, 64, 3, padding=stem_padding, norm_eps=norm_eps),
            ],
            blocks=_blocks(plan, factors, norm_eps, pool_padding),
            strides=strides,
            entry_blocks=len(_ENTRY_WIDTHS),
            channels=(in_channels, *_ENTRY_WIDTHS, 1024, 2048),
            output_stride=output_stride,
            gradient_checkpointing=gradient_checkpointing,
            depth=depth,
        )
        self._smallest_px = 1 if padding == "same" else _SMALLEST_VALID_PX

    def forward(self, image_BCHW: Tensor) -> list[Tensor]:
        """Compute `depth` + 1 maps of a normalized image, the image itself first."""
        height, width = image_BCHW.shape[2:]
        if min(height, width) < self._smallest_px:
            raise ConfigError(
                f"image {height}x{width} is too small for unpadded stem convolutions; give at "
                f'least {self._smallest_px} pixels a side, or build it with padding="same"'
            )
        return super().forward(image_BCHW)


def _blocks(
    plan: Sequence[tuple[int, int]],
    multi_grid: Sequence[int],
    norm_eps: float,
    pool_padding: PoolPadding,
) -> list[nn.Module]:
    """Create the blocks of all three flows, in order."""
    pooled = partial(PooledModule, norm_eps=norm_eps, pool_padding=pool_padding)
    plain = partial(XceptionModule, norm_eps=norm_eps, norm_between=False)
    entry = [
        pooled(
            inputs, (width,) * 2, first_activation=inputs != 64, stride=stride, dilation=dilation
        )
        for inputs, width, (stride, dilation) in zip(
            (64, *_ENTRY_WIDTHS), _ENTRY_WIDTHS, plan, strict=False
        )
    ]
    middle = [
        plain(728, (728,) * 3, skip="sum", dilations=(dilation,) * 3)
        for _, dilation in plan[len(entry) : -2]
    ]
    (stride, dilation), (_, last_dilation) = plan[-2:]
    return [
        *entry,
        *middle,
        pooled(728, (728, 1024), first_activation=True, stride=stride, dilation=dilation),
        plain(
            1024,
            (1536, 2048),
            skip="none",
            dilations=[last_dilation * factor for factor in multi_grid],
            activation_inside=True,
        ),
    ]


# as the PyTorch ports compute it, timm's name
ENCODERS.register("legacy_xception")(partial(Xception, pool_padding="symmetric", norm_eps=1e-5))
