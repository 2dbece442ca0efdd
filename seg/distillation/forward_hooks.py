"""What a segmenter computes on the way to its logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from seg.distillation.feature_alignment import Grid
from seg.errors import ConfigError
from seg.models.segmenter import Segmenter


@dataclass(frozen=True)
class ForwardPass:
    """One pass over a batch.

    Attributes:
        logits: the decoder's, before they are resized to the picture, B x K x h x w.
        maps: of the encoder, the picture first.
        grid: where the logits lie.
        map_grids: where the values of each map lie.
    """

    logits: Tensor
    maps: Sequence[Tensor]
    grid: Grid
    map_grids: Sequence[Grid]


def forward_pass(network: Segmenter, image_u8_BCHW: Tensor) -> ForwardPass:
    """Run a network over uint8 images, without the resize to their size."""
    image = network.padded(network.normalization(image_u8_BCHW))
    maps = network.encoder(image)
    return _described(network, maps, network.decoder(maps))


class OutputRecorder:
    """Keeps what a network computed in its last pass in training mode.

    Whoever runs the network needs to know nothing of it.
    """

    def __init__(self, network: Segmenter) -> None:
        self._network = network
        self._maps: Sequence[Tensor] | None = None
        self._logits: Tensor | None = None
        network.encoder.register_forward_hook(self._on_maps)
        network.decoder.register_forward_hook(self._on_logits)

    def take(self) -> ForwardPass:
        """The last pass; it is not kept any longer.

        Raises:
            RuntimeError: there was none since the last call.
        """
        if self._maps is None or self._logits is None:
            raise RuntimeError("the network has not been run in training mode")
        taken = _described(self._network, self._maps, self._logits)
        self._maps = self._logits = None
        return taken

    def _on_maps(self, encoder: nn.Module, _: Any, maps: Sequence[Tensor]) -> None:
        if encoder.training:
            self._maps = maps

    def _on_logits(self, decoder: nn.Module, _: Any, logits: Tensor) -> None:
        if decoder.training:
            self._logits = logits


def _described(network: Segmenter, maps: Sequence[Tensor], logits: Tensor) -> ForwardPass:
    extent = _size(maps[0])
    aligned = bool(getattr(network.decoder, "align_corners", True))
    return ForwardPass(
        logits,
        maps,
        Grid(extent, _size(logits), aligned),
        [Grid(extent, _size(each), network.input_multiple is None) for each in maps],
    )


def _size(map_BChw: Tensor) -> tuple[int, int]:
    return map_BChw.shape[-2], map_BChw.shape[-1]


def map_of_stride(stride: int, **networks: Segmenter) -> list[int]:
    """Position of the deepest map of a stride in each network's list.

    Raises:
        ConfigError: one of them has no such map; both sides are named.
    """
    strides: dict[str, tuple[int, ...]] = {}
    for name, network in networks.items():
        encoder: Any = network.encoder
        strides[name] = tuple(encoder.strides)
    if not all(stride in have[1:] for have in strides.values()):
        listed = "\n".join(
            f"  {name}: {', '.join(map(str, sorted(set(have[1:]))))}"
            for name, have in strides.items()
        )
        raise ConfigError(
            f"distillation: no map of stride {stride} in both encoders; they have\n{listed}\n"
            "  choose a stride that both have, or another encoder.output_stride"
        )
    return [len(have) - 1 - have[::-1].index(stride) for have in strides.values()]
