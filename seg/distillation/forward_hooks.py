"""Recording of a segmenter's maps and coarse logits in its forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from seg.distillation.feature_alignment import Grid
from seg.errors import ConfigError
from seg.kernels.resize import Resize
from seg.models.segmenter import Segmenter


@dataclass(frozen=True)
class ForwardPass:
    """Maps and coarse logits of one pass over a batch.

    Attributes:
        logits: the decoder's, before they are resized to the image, B x K x h x w.
        maps: of the encoder, the image first.
        grid: positions of the logits.
        map_grids: positions of the values of each map.
    """

    logits: Tensor
    maps: Sequence[Tensor]
    grid: Grid
    map_grids: Sequence[Grid]


def forward_pass(network: Segmenter, image_u8_BCHW: Tensor) -> ForwardPass:
    """Run a network over uint8 images, without the resize to their size."""
    image = network.padded(network.normalization(image_u8_BCHW))
    maps = network.encoder(image)
    return _describe(network, maps, network.decoder(maps))


class OutputRecorder:
    """Recorder of a network's last pass in training mode.

    Hooks record it, so that the caller of the network is not involved.
    """

    def __init__(self, network: Segmenter) -> None:
        self._network = network
        self._maps: Sequence[Tensor] | None = None
        self._logits: Tensor | None = None
        network.encoder.register_forward_hook(self._on_maps)
        network.decoder.register_forward_hook(self._on_logits)

    def take(self) -> ForwardPass:
        """Return the last pass and release it.

        Raises:
            RuntimeError: there was none since the last call.
        """
        if self._maps is None or self._logits is None:
            raise RuntimeError("the network has not been run in training mode")
        last = _describe(self._network, self._maps, self._logits)
        self._maps = self._logits = None
        return last

    def _on_maps(self, encoder: nn.Module, _: Any, maps: Sequence[Tensor]) -> None:
        if encoder.training:
            self._maps = maps

    def _on_logits(self, decoder: nn.Module, _: Any, logits: Tensor) -> None:
        if decoder.training:
            self._logits = logits


def _describe(network: Segmenter, maps: Sequence[Tensor], logits: Tensor) -> ForwardPass:
    def grid(map_BChw: Tensor, *, align_corners: bool) -> Grid:
        extent = maps[0].shape[2], maps[0].shape[3]
        return Resize(extent, extent, align_corners).axes(map_BChw.shape[2:])

    aligned = network.input_multiple is None
    return ForwardPass(
        logits,
        maps,
        grid(logits, align_corners=bool(getattr(network.decoder, "align_corners", True))),
        [grid(feature, align_corners=aligned) for feature in maps],
    )


def map_of_stride(stride: int, **networks: Segmenter) -> list[int]:
    """Return the position of the deepest map of a stride in each network's list.

    Raises:
        ConfigError: one of them has no such map; the strides of both are listed.
    """
    strides: dict[str, tuple[int, ...]] = {}
    for name, network in networks.items():
        encoder: Any = network.encoder
        strides[name] = tuple(encoder.strides)
    if not all(stride in own[1:] for own in strides.values()):
        listed = "\n".join(
            f"  {name}: {', '.join(map(str, sorted(set(own[1:]))))}"
            for name, own in strides.items()
        )
        raise ConfigError(
            f"distillation: no map of stride {stride} in both encoders; they have\n{listed}\n"
            "  choose a stride that both have, or another encoder.output_stride"
        )
    return [len(own) - 1 - own[::-1].index(stride) for own in strides.values()]
