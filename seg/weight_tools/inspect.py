"""Inspection of a weight file: what it contains and which of our encoders it fits."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seg.errors import ConfigError, DataError
from seg.models.encoders import create_encoder, encoder_names
from seg.models.interfaces import Normalization
from seg.models.registry import unknown
from seg.models.weights import in_our_names, target_tensors
from seg.models.weights.format import WeightFile, find_format, read_weights
from seg.models.weights.load_report import Coverage
from seg.models.weights.sources import Located, locate
from seg.models.weights.state_dict_matching import coverage, match

_RENAMED_BY_READER = ("Keras", "TensorFlow")


@dataclass(frozen=True)
class WeightInspection:
    """Result of matching a weight file with one of our encoders.

    Attributes:
        located: the file and where it came from.
        content: its arrays, under our names as far as they have a place.
        format: whose file format it is.
        encoder: the name of the encoder that it fits best.
        coverage: of that encoder.
    """

    located: Located
    content: WeightFile
    format: str
    encoder: str
    coverage: Coverage

    @property
    def normalization(self) -> Normalization | None:
        """Return the normalization that the file or its origin states; None if neither does."""
        return self.content.normalization or self.located.normalization


def inspect_weights(source: str, encoder: str | None = None) -> WeightInspection:
    """Read a source and find the encoder that it was made for.

    Args:
        source: see `seg.models.weights.sources.locate`.
        encoder: name of the encoder to match it with; None for the one that it fits best.

    Raises:
        ConfigError: an unknown encoder.
        DataError: a file that cannot be read, or that fits no encoder at all.
    """
    if encoder is not None and encoder not in encoder_names():
        raise ConfigError(unknown("encoder", encoder, encoder_names()))
    located = locate(source)
    raw = read_weights(located.path)
    kind = find_format(located.path).name
    name = encoder or _best(raw, located, keras=kind == "Keras")
    targets = _targets(name)
    content, key_map = in_our_names(raw, targets, located.path)
    if kind in _RENAMED_BY_READER:
        key_map = f"names of {kind}"
    matched = match(targets, content.arrays)
    return WeightInspection(
        located, content, kind, name, coverage(targets, content, matched, key_map)
    )


def _best(raw: WeightFile, located: Located, *, keras: bool) -> str:
    """Return the name of the encoder that a file fits best."""
    fits = {name: _shared_fraction(raw, _targets(name), located) for name in encoder_names()}
    # both are Chollet's network, as Keras computes it and as its PyTorch ports do
    preferred = "xception" if keras else "legacy_xception"
    best = max(fits, key=lambda name: (fits[name], name == preferred))
    if fits[best] <= 0:
        raise DataError(
            f"weights {located.path}: fit none of our encoders ({', '.join(encoder_names())})\n"
            f"  names in the file: {', '.join(list(raw.arrays)[:5])}, ..."
        )
    return best


def _shared_fraction(raw: WeightFile, targets: Mapping[str, Tensor], located: Located) -> float:
    """Return how many tensors file and encoder share, as a share of all that either has."""
    content, _ = in_our_names(raw, targets, located.path)
    filled = sum(
        content.arrays[name].size == tensor.numel()
        for name, tensor in targets.items()
        if name in content.arrays
    )
    spare = sum(name.startswith("encoder.") and name not in targets for name in content.arrays)
    return filled / (len(targets) + spare)


def _targets(encoder: str) -> dict[str, Tensor]:
    """Return an encoder's tensors by name, on the meta device."""
    with torch.device("meta"):
        return target_tensors(create_encoder(encoder))
