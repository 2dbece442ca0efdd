"""Decoders by name; every module of this package is imported, and registers its decoders."""

from typing import Any

from torch import nn

from seg.models.interfaces import Encoder
from seg.models.registry import DECODERS

DECODERS.discover(__name__, __path__)


def list_decoders() -> list[str]:
    """Return the names that `create_decoder` takes, sorted.

    >>> import seg
    >>> "deeplabv3plus" in seg.list_decoders()
    True
    """
    return DECODERS.names()


def create_decoder(
    name: str, encoder: Encoder | nn.Module, *, num_classes: int, **options: Any
) -> nn.Module:
    """Build a decoder for an encoder: `list of maps -> logits_BKhw` at the decoder's resolution.

    >>> import seg, torch
    >>> encoder = seg.create_encoder("aligned_xception_micro")
    >>> decoder = seg.create_decoder("deeplabv3plus", encoder, num_classes=3, aspp_channels=16)
    >>> decoder.eval()(encoder.eval()(torch.zeros(1, 3, 65, 65))).shape
    torch.Size([1, 3, 17, 17])

    Args:
        name: one of `list_decoders()`.
        encoder: read for its channels and strides, not stored.
        num_classes: number of logits a pixel.
        **options: the decoder's own keyword arguments.

    Raises:
        ConfigError: unknown name, option or value; the message lists those allowed.
    """
    return DECODERS.create(name, encoder, num_classes=num_classes, **options)
