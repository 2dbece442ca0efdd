"""Decoders of segmentation-models-pytorch over any of our encoders."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from seg.config.target_validation import check_type
from seg.errors import ConfigError
from seg.models.blocks import resize
from seg.models.interfaces import Encoder
from seg.models.registry import unknown

if TYPE_CHECKING:  # smp takes seconds to import, and our decoders do without
    from segmentation_models_pytorch.base import SegmentationModel

# its decoder takes the tokens of a vision transformer, not maps
_WITHOUT_MAPS = ("DPT",)
# options that follow from the encoder and the classes, or do not concern logits
_DERIVED = (
    "encoder_name",
    "encoder_weights",
    "encoder_output_stride",
    "in_channels",
    "classes",
    "activation",
    "aux_params",
)
# these double the size of a map from level to level, whatever the next map's size
_DOUBLING = ("UnetPlusPlus", "MAnet", "Linknet", "FPN")
_DEEPEST = 5
_PAN_POOLS = 8


class SmpDecoder(nn.Module):
    """Decoder and last layer of a model of smp.

    Args:
        model: the model; its encoder is not stored.
        num_classes: number of logits a pixel.
        strides: those of the encoder's maps that the decoder reads, in pixels.
        has_half: whether the encoder has a map of stride 2; if not, an empty one is inserted.
        input_multiple: divisor of the image's height and width, px.

    Attributes:
        decoder, segmentation_head: smp's, under smp's names.
        head: name of the last layer.
        input_multiple: see above; `Segmenter` pads to it.
    """

    head = "segmentation_head"

    def __init__(
        self,
        model: "SegmentationModel",
        *,
        num_classes: int,
        strides: Sequence[int],
        has_half: bool,
        input_multiple: int,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.input_multiple = input_multiple
        self.decoder = model.decoder
        self.segmentation_head = model.segmentation_head
        self._strides = tuple(strides)
        self._has_half = has_half

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits B x num_classes x h x w.

        Args:
            features: the encoder's maps, the image first.

        Raises:
            ConfigError: an image whose sides are not divisible by `input_multiple`.
        """
        image_BCHW = features[0]
        height, width = image_BCHW.shape[2:]
        if height % self.input_multiple or width % self.input_multiple:
            raise ConfigError(
                f"an image of {height} x {width} pixels; this decoder takes sides divisible by "
                f"{self.input_multiple}: leave pad_to_grid on, or change the image's size"
            )
        maps = list(features)
        if not self._has_half:
            maps.insert(1, image_BCHW.new_zeros(len(image_BCHW), 0, height // 2, width // 2))
        maps = [
            self._fitted(map_BCHW, (height, width), stride)
            for map_BCHW, stride in zip(maps, self._strides, strict=False)
        ]
        logits: Tensor = self.segmentation_head(self.decoder(maps))
        return logits

    def _fitted(self, map_BCHW: Tensor, size_HW: tuple[int, int], stride: int) -> Tensor:
        """Resize a map to the size of its stride: unpadded convolutions make it smaller."""
        if self.input_multiple == 1:
            return map_BCHW
        size = (size_HW[0] // stride, size_HW[1] // stride)
        return map_BCHW if map_BCHW.shape[2:] == size else resize(map_BCHW, size)


def create_smp_decoder(
    encoder: Encoder | nn.Module, *, num_classes: int, name: str, **options: Any
) -> SmpDecoder:
    """Build the decoder of `smp.<name>` for an encoder of ours or of another library.

    Args:
        encoder: read for channels and strides, not stored.
        num_classes: number of logits a pixel.
        name: an architecture of smp, such as `Unet`, `FPN`, `DeepLabV3Plus`.
        **options: smp's own keyword arguments of that architecture, such as `decoder_channels`,
            `encoder_depth` or `upsampling`.

    Raises:
        ConfigError: an unknown architecture or option, a wrong value, or an encoder whose strides
            do not suit.
    """
    if num_classes < 1:
        raise ConfigError(f"num_classes {num_classes}; allowed: 1 or more")
    architectures = _architectures()
    if name not in architectures:
        raise ConfigError(unknown("architecture of smp", name, architectures))
    architecture = architectures[name]
    allowed = _options(architecture)
    for option, value in options.items():
        if option not in allowed:
            raise ConfigError(unknown(f"option of smp's {name}", option, allowed))
        check_type(architecture, option, value, "decoder")
    depth = options.get("encoder_depth", allowed["encoder_depth"])
    has_half, channels, strides = _levels(encoder, name, depth)
    with _outline(encoder, channels, strides[-1]) as encoder_name:
        model = _build(
            architecture,
            encoder_name,
            in_channels=channels[0],
            num_classes=num_classes,
            stride=strides[-1],
            options=options,
        )
    return SmpDecoder(
        model,
        num_classes=num_classes,
        strides=strides,
        has_half=has_half,
        input_multiple=_input_multiple(architecture, strides[-1]),
    )


@cache
def _architectures() -> dict[str, "type[SegmentationModel]"]:
    import segmentation_models_pytorch as smp
    from segmentation_models_pytorch.base import SegmentationModel

    return {
        name: value
        for name, value in sorted(vars(smp).items())
        if isinstance(value, type)
        and issubclass(value, SegmentationModel)
        and name not in _WITHOUT_MAPS
    }


def _options(architecture: "type[SegmentationModel]") -> dict[str, Any]:
    """Return the names of an architecture's options with their defaults."""
    return {
        parameter.name: parameter.default
        for parameter in inspect.signature(architecture.__init__).parameters.values()
        if parameter.default is not parameter.empty and parameter.name not in _DERIVED
    }


def _levels(
    encoder: Encoder | nn.Module, name: str, depth: int
) -> tuple[bool, list[int], list[int]]:
    """Return whether there is a map of stride 2, and channels and strides down to `depth`."""
    channels: list[int] = list(encoder.channels)  # type: ignore[arg-type]
    strides: list[int] = list(encoder.strides)  # type: ignore[arg-type]
    has_half = len(strides) > 1 and strides[1] == 2
    if not has_half:
        channels.insert(1, 0)
        strides.insert(1, 2)
    last = strides[-1]
    if not 1 <= depth <= _DEEPEST or strides[: depth + 1] != [
        min(2**level, last) for level in range(depth + 1)
    ]:
        raise ConfigError(
            f"decoder.name={name} with encoder_depth {depth} reads maps of strides 1, 2, 4, ... ; "
            f"this encoder gives {', '.join(map(str, encoder.strides))}\n"  # type: ignore[arg-type]
            "  choose another encoder, or decoder=deeplabv3plus +decoder.low_level_stride=null"
        )
    channels, strides = channels[: depth + 1], strides[: depth + 1]
    if name in _DOUBLING and strides[-1] != 2**depth:
        raise ConfigError(
            f"decoder.name={name} needs an encoder of output stride {2**depth}, not {strides[-1]}\n"
            f"  give encoder.output_stride={2**depth}"
        )
    return has_half, channels, strides


def _input_multiple(architecture: "type[SegmentationModel]", stride: int) -> int:
    if not architecture.requires_divisible_input_shape:
        return 1
    # PAN's attention halves the last map three times
    return stride * _PAN_POOLS if architecture.__name__ == "PAN" else stride


class _Outline(nn.Module):
    """Stand-in for an encoder with what smp reads while it builds a decoder."""

    def __init__(self, *, out_channels: list[int], output_stride: int, depth: int) -> None:
        super().__init__()
        self.out_channels = out_channels[: depth + 1]
        self.output_stride = output_stride

    def set_in_channels(self, in_channels: int, pretrained: bool = True) -> None:
        """Do nothing: it has the right number of channels from the start."""

    def make_dilated(self, output_stride: int) -> None:
        """Do nothing: it has its stride from the start."""


def stride_option(architecture: "type[SegmentationModel]", stride: int) -> dict[str, int]:
    """Return the option that gives smp the output stride, where the architecture has it."""
    option = "encoder_output_stride"
    return {option: stride} if option in inspect.signature(architecture.__init__).parameters else {}


@contextmanager
def _outline(encoder: Encoder | nn.Module, channels: Sequence[int], stride: int) -> Iterator[str]:
    """Register the encoder's outline in smp while it builds a model, and yield its name."""
    import segmentation_models_pytorch as smp

    # smp chooses some layers by how the name of an encoder starts: vgg, mit_b
    name = f"{getattr(encoder, 'name', 'seg')}: outline"
    smp.encoders.encoders[name] = {
        "encoder": _Outline,
        "pretrained_settings": {},
        "params": {"out_channels": list(channels)},
    }
    try:
        yield name
    finally:
        del smp.encoders.encoders[name]


def _build(
    architecture: "type[SegmentationModel]",
    encoder_name: str,
    *,
    in_channels: int,
    num_classes: int,
    stride: int,
    options: dict[str, Any],
) -> "SegmentationModel":
    try:
        return architecture(
            encoder_name=encoder_name,
            encoder_weights=None,
            in_channels=in_channels,
            classes=num_classes,
            **stride_option(architecture, stride),
            **options,
        )
    except (ValueError, TypeError, AssertionError, KeyError) as error:
        reason = str(error).replace(": outline", "")
        hint = "; choose encoder.output_stride accordingly" if "stride" in reason else ""
        raise ConfigError(f"decoder.name={architecture.__name__}: {reason}{hint}") from error
