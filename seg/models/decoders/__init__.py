"""Decoders by name; every module of this package is imported, and registers its decoders."""

from typing import Any

from torch import nn

from seg.models.interfaces import Encoder
from seg.models.registry import DECODERS

DECODERS.discover(__name__, __path__)


def decoder_names() -> list[str]:
    """Return every name that `create_decoder` takes, sorted."""
    return DECODERS.names()


def create_decoder(
    name: str, encoder: Encoder | nn.Module, *, num_classes: int, **options: Any
) -> nn.Module:
    """Build a decoder for an encoder: `list of maps -> logits_BKhw` at the decoder's resolution.

    Args:
        name: one of `decoder_names()`.
        encoder: read for its channels and strides, not stored.
        num_classes: number of logits a pixel.
        **options: the decoder's own keyword arguments.

    Raises:
        ConfigError: unknown name, option or value; the message lists those allowed.
    """
    return DECODERS.create(name, encoder, num_classes=num_classes, **options)
