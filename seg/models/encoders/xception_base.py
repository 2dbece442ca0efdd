"""What all Xception encoders share: flows, feature taps, input channels, checkpointing."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seg.errors import ConfigError
from seg.models.blocks import ConvNormAct, initialize
from seg.models.checkpointing import run_checkpointed
from seg.models.input_bands import input_bands
from seg.models.interfaces import Normalization
from seg.models.weights import set_input_channels

OUTPUT_STRIDES = (4, 8, 16, 32)
DEEPEST = 5


def plan_dilation(strides: Sequence[int], output_stride: int) -> list[tuple[int, int]]:
    """Return stride and dilation of each block after the stem, for an output stride.

    A block that would step beyond `output_stride` loses its stride and runs at the dilation reached
    so far; its stride multiplies the dilation of what follows (DeepLab, `stack_blocks_dense`).

    Raises:
        ConfigError: an output stride other than 4, 8, 16, 32.
    """
    if output_stride not in OUTPUT_STRIDES:
        allowed = ", ".join(map(str, OUTPUT_STRIDES))
        raise ConfigError(f"output_stride {output_stride!r}; allowed: {allowed} (16 is usual)")
    reached, dilation = 2, 1
    plan = []
    for stride in strides:
        if reached * stride <= output_stride:
            plan.append((stride, dilation))
            reached *= stride
        else:
            plan.append((1, dilation))
            dilation *= stride
    return plan


class XceptionPyramid(nn.Module):
    """Stem, entry, middle, exit flow; gives the image and maps of nominal stride 2, 4, ... 32.

    Each map but the last is the tap of a block that steps: the output of its second separable
    convolution, before ReLU. True strides never exceed `output_stride`. The same class is an
    encoder of segmentation-models-pytorch (`out_channels`, `set_in_channels`, `make_dilated`).

    Args:
        stem: two convolutions, the first with stride 2.
        blocks: `x -> (output, tap)`, of all flows; the last two are the exit flow.
        strides: of each block in a network of output stride 32.
        entry_blocks: how many blocks are the entry flow.
        channels: channels of the six maps, the image first.
        output_stride: 4, 8, 16 or 32.
        gradient_checkpointing: recompute each block in the backward pass.
        depth: the last of the maps, 1 to 5; less than 5 ends the forward pass early.
    """

    is_measured = True

    def __init__(
        self,
        *,
        stem: Sequence[ConvNormAct],
        blocks: Sequence[nn.Module],
        strides: Sequence[int],
        entry_blocks: int,
        channels: Sequence[int],
        output_stride: int,
        gradient_checkpointing: bool,
        depth: int = DEEPEST,
    ) -> None:
        super().__init__()
        if not 1 <= depth <= DEEPEST:
            raise ConfigError(f"depth {depth}; allowed: 1 to {DEEPEST}")
        self.stem = nn.Sequential(*stem)
        self.entry = nn.ModuleList(blocks[:entry_blocks])
        self.middle = nn.ModuleList(blocks[entry_blocks:-2])
        self.exit = nn.ModuleList(blocks[-2:])
        self.gradient_checkpointing = gradient_checkpointing
        self._steps = tuple(stride == 2 for stride in strides)
        self._depth = depth
        self._in_channels = channels[0]
        self._out_channels = list(channels)
        self._output_stride = output_stride
        # [-1, 1], the range of the TensorFlow and Keras releases; loaded weights may bring another
        self.normalization = Normalization().for_channels(channels[0])
        initialize(self)

    @property
    def channels(self) -> tuple[int, ...]:
        """Return the channels of each map; the first is the image's."""
        return tuple(self._out_channels[: self._depth + 1])

    @property
    def strides(self) -> tuple[int, ...]:
        """Return the true stride of each map, px."""
        return tuple(min(2**level, self._output_stride) for level in range(self._depth + 1))

    @property
    def output_stride(self) -> int:
        """Return the true stride of the last map, px."""
        return self.strides[-1]

    @property
    def out_channels(self) -> list[int]:
        """Return `channels` under the name that segmentation-models-pytorch reads."""
        return list(self.channels)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """Return stem and blocks, from the image to the last map."""
        return (self.stem, *self.entry, *self.middle, *self.exit)

    def forward(self, image_BCHW: Tensor) -> list[Tensor]:
        """Compute `depth` + 1 maps of a normalized image, the image itself first."""
        features = [image_BCHW]
        x = self.stem(image_BCHW)
        recompute = self.gradient_checkpointing and self.training and torch.is_grad_enabled()
        for block, steps in zip(self.parts[1:], self._steps, strict=True):
            x, tap = run_checkpointed(block, x) if recompute else block(x)
            if steps:
                features.append(tap)
            if len(features) > self._depth:
                return features
        return [*features, x]

    def set_in_channels(self, in_channels: int, pretrained: bool = True) -> None:
        """Read images of another number of channels; for segmentation-models-pytorch.

        Args:
            in_channels: 1 or more.
            pretrained: keep what the first convolution has learnt (see `set_input_channels`).
        """
        first = self.stem[0]
        assert isinstance(first, ConvNormAct)
        conv = first.conv
        if in_channels == conv.in_channels:
            return
        set_input_channels(conv, in_channels)
        if not pretrained:
            initialize(conv)
        self._in_channels = in_channels
        self.input_bands = input_bands(in_channels)
        self._out_channels = [in_channels, *self._out_channels[1:]]
        self.normalization = self.normalization.for_channels(in_channels)

    def make_dilated(self, output_stride: int) -> None:
        """Confirm the output stride that the encoder was built for; called by smp.

        Raises:
            ConfigError: another output stride.
        """
        if output_stride != self._output_stride:
            raise ConfigError(
                f"this encoder was built for output stride {self._output_stride}, not "
                f"{output_stride}; build it with output_stride={output_stride}"
            )


def check_in_channels(in_channels: int) -> None:
    """Refuse a number of channels that is not a whole number of 1 or more.

    Raises:
        ConfigError: another value.
    """
    if not isinstance(in_channels, int) or in_channels < 1:
        raise ConfigError(f"in_channels {in_channels!r}; allowed: 1 or more (3 for RGB)")
