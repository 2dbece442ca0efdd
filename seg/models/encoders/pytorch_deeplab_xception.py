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
from seg.models.encoders.aligned_xception import LAYOUTS
from seg.models.encoders.xception_base import DEEPEST, XceptionPyramid, check_in_channels
from seg.models.interfaces import IMAGENET
from seg.models.registry import ENCODERS

_NORM_EPS = 1e-5
_LAYOUT = LAYOUTS["aligned_xception65"]


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
        blocks = _LAYOUT.blocks(output_stride, multi_grid)
        for block in blocks:
            if block["skip"] == "conv":
                block["dilations"] = (*block["dilations"][:2], 1)
        super().__init__(
            stem=[
                ConvNormAct(in_channels, _LAYOUT.stem[0], 3, stride=2, norm_eps=_NORM_EPS),
                ConvNormAct(*_LAYOUT.stem, 3, norm_eps=_NORM_EPS),
            ],
            blocks=[
                RectifiedModule(**block, final_activation=block["skip"] == "none")
                for block in blocks
            ],
            strides=_LAYOUT.strides,
            entry_blocks=len(_LAYOUT.entry),
            channels=(in_channels, 64, 128, 256, 728, 2048),
            output_stride=output_stride,
            gradient_checkpointing=gradient_checkpointing,
            depth=depth,
        )
        self.normalization = IMAGENET.for_channels(in_channels)
