"""Conversion of any readable source into one safetensors file under our names, with a card."""

import shlex
from pathlib import Path
from typing import Any

import torch

from seg.data.readers.sha256 import sha256_of
from seg.errors import ConfigError, DataError
from seg.models.checkpoint_file import find_checkpoint
from seg.models.interfaces import Normalization
from seg.models.weights.state_dict_matching import require_finite
from seg.weight_tools.encoder_checkpoint import write_with_card
from seg.weight_tools.inspect import WeightInspection, inspect_weights

SUFFIX = ".safetensors"


def convert(source: str, output: Path, encoder: str | None = None) -> dict[str, Any]:
    """Write `output` and its card, `output` with the suffix `.json`; returns the card.

    Args:
        source: see `seg.models.weights.sources.locate`.
        output: a `.safetensors` file that does not exist yet.
        encoder: see `seg.weight_tools.inspect.inspect_weights`.

    Raises:
        ConfigError: an output of another kind, or one that exists.
        DataError: a source that cannot be read, or does not fill every tensor of the encoder.
    """
    if output.suffix != SUFFIX:
        raise ConfigError(
            f"output={output}: is no .safetensors file; "
            f"give {shlex.quote(f'output={output.with_suffix(SUFFIX)}')}"
        )
    if output.exists():
        raise ConfigError(f"output={output}: exists already; choose another name, or move it away")
    inspection = inspect_weights(source, encoder)
    if inspection.coverage.missing or inspection.coverage.unexpected:
        raise DataError(
            f"source={source}: does not fill {inspection.encoder} ({inspection.coverage})\n"
            "  give encoder_name=NAME if that is the wrong one; "
            "`python -m seg.weights inspect` lists the tensors"
        )
    tensors = {name: torch.tensor(array) for name, array in inspection.content.arrays.items()}
    require_finite(tensors, inspection.located.path)
    return write_with_card(output, tensors, _card(inspection))


def _card(inspection: WeightInspection) -> dict[str, Any]:
    """Return what the card states of the file: origin, checksums, encoder, tensors."""
    normalization = inspection.normalization or Normalization()
    arrays = inspection.content.arrays
    return {
        "encoder": inspection.encoder,
        "origin": inspection.located.origin,
        "names_in_the_file": inspection.coverage.key_map,
        "sha256": {path.name: sha256_of(path) for path in _source_files(inspection.located.path)},
        "normalization": normalization.to_dict(),
        "input_bands": inspection.content.input_bands,
        "classes": list(inspection.content.classes),
        "tensors": len(arrays),
        "parameters": sum(array.size for name, array in arrays.items() if "running_" not in name),
        "parts": sorted({name.split(".")[0] for name in arrays}),
        "left_out": list(inspection.content.ignored),
    }


def _source_files(path: Path) -> list[Path]:
    """List the files of a source: one, a directory's, or those of a checkpoint's prefix."""
    checkpoint = find_checkpoint(path)
    if checkpoint is not None:
        return [checkpoint]
    if path.is_dir():
        return sorted(inner for inner in path.iterdir() if inner.is_file())
    return sorted(path.parent.glob(f"{path.name}.*"))
