"""The aligned Xception-65 of pytorch-deeplab-xception, whose checkpoints need its own rules.

Source: jfzhang95, pytorch-deeplab-xception, modeling/backbone/xception.py (no paper), after Chen et
al., "Encoder-Decoder with Atrous Separable Convolution" (ECCV 2018), figure 4. It differs from
DeepLab's own network in these points:

* A ReLU in place heads each module, so that the skip, too, reads the rectified input.
* The low-level map is the rectified output of entry module 1: 128 channels at stride 4.
* In a module that may step, the last separable convolution is never dilated.
* The last module has its ReLUs after the pointwise convolutions alone.
* Batch norms have epsilon 1e-5, and images are normalized by the mean and deviation of ImageNet.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from seg.models.blocks import ConvNormAct, Skip, XceptionModule
from seg.models.encoders.aligned_xception import multi_grid_factors
from seg.models.encoders.xception_base import (
    DEEPEST,
    XceptionPyramid,
    check_in_channels,
    plan_dilation,
)
from seg.models.interfaces import IMAGENET
from seg.models.registry import ENCODERS

_NORM_EPS = 1e-5
_STEM = (32, 64)
_ENTRY_WIDTHS = (128, 256, 728)
_MIDDLE_BLOCKS = 16
_EXIT = ((728, 1024, 1024), (1536, 1536, 2048))


class RectifiedModule(nn.Module):
    """An Xception module behind a ReLU: its skip, too, reads the rectified input.

    The module inside gives its tensors other names than `aligned_xception65` has, so that weights
    of the one, equal in shape, are refused by the other instead of giving wrong numbers.

    Args:
        in_channels: channels of the input.
        depths: output channels of each separable convolution.
        skip: `conv`, `sum` or `none`, on the rectified input.
        stride: step of the module, in pixels; it sits in the last separable convolution.
        dilations: dilation of each separable convolution.
        final_activation: ReLU on the output; for the last module of a network.
    """

    def __init__(
        self,
        in_channels: int,
        depths: Sequence[int],
        *,
        skip: Skip,
        stride: int,
        dilations: Sequence[int],
        final_activation: bool,
    ) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.rectified = XceptionModule(
            in_channels, depths, skip=skip, stride=stride, dilations=dilations, norm_eps=_NORM_EPS
        )
        self.final_act = nn.ReLU() if final_activation else nn.Identity()

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the module's output and its tap, the rectified input."""
        tap = self.act(x_BCHW)
        out, _ = self.rectified(tap)
        return self.final_act(out), tap


@ENCODERS.register("pytorch_deeplab_xception")
class PytorchDeepLabXception(XceptionPyramid):
    """Aligned Xception-65 of pytorch-deeplab-xception.

    The maps are the rectified inputs of the modules that step, and the last output: 64, 128, 256,
    728 and 2048 channels. The project has output strides 8 and 16; 4 and 32 follow the same rules.
    As its third convolutions are not dilated, a network at stride 8 or 4 does not compute what the
    same weights give at 16.

    Args:
        output_stride: stride of the last map in pixels: 4, 8, 16 or 32.
        in_channels: channels of the image.
        multi_grid: factors on the dilation of the three separable convolutions of exit block 2.
        gradient_checkpointing: recompute each block in the backward pass instead of storing it.
        depth: level of the last map, 1 to 5.

    Raises:
        ConfigError: a value outside those.
    """

    def __init__(
        self,
        *,
        output_stride: int = 16,
        in_channels: int = 3,
        multi_grid: Sequence[int] = (1, 1, 1),
        gradient_checkpointing: bool = False,
        depth: int = DEEPEST,
    ) -> None:
        check_in_channels(in_channels)
        factors = multi_grid_factors(multi_grid, 3)
        strides = [2] * len(_ENTRY_WIDTHS) + [1] * _MIDDLE_BLOCKS + [2, 1]
        blocks = _blocks(plan_dilation(strides, output_stride), factors)
        entry_count = len(_ENTRY_WIDTHS)
        super().__init__(
            stem=[
                ConvNormAct(in_channels, _STEM[0], 3, stride=2, norm_eps=_NORM_EPS),
                ConvNormAct(*_STEM, 3, norm_eps=_NORM_EPS),
            ],
            flows=(blocks[:entry_count], blocks[entry_count:-2], blocks[-2:]),
            steps=[stride == 2 for stride in strides],
            channels=(in_channels, _STEM[1], *_ENTRY_WIDTHS, _EXIT[1][-1]),
            output_stride=output_stride,
            gradient_checkpointing=gradient_checkpointing,
            depth=depth,
        )
        self.normalization = IMAGENET.for_channels(in_channels)


def _blocks(plan: Sequence[tuple[int, int]], multi_grid: Sequence[int]) -> list[nn.Module]:
    """Create the blocks of all three flows, in order."""
    width = _ENTRY_WIDTHS[-1]
    shapes: list[tuple[tuple[int, ...], Skip]] = [
        *(((entry,) * 3, "conv") for entry in _ENTRY_WIDTHS),
        *(((width,) * 3, "sum") for _ in range(_MIDDLE_BLOCKS)),
        (_EXIT[0], "conv"),
        (_EXIT[1], "none"),
    ]
    factors: dict[Skip, Sequence[int]] = {"sum": (1, 1, 1), "none": multi_grid}
    inputs = [_STEM[1], *(depths[-1] for depths, _ in shapes)]
    return [
        RectifiedModule(
            inputs[index],
            depths,
            skip=skip,
            stride=stride,
            dilations=(
                (dilation, dilation, 1)
                if skip == "conv"
                else [dilation * factor for factor in factors[skip]]
            ),
            final_activation=skip == "none",
        )
        for index, ((depths, skip), (stride, dilation)) in enumerate(zip(shapes, plan, strict=True))
    ]
