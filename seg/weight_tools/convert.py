"""Any readable source -> one safetensors file under our names, with a card beside it."""

from pathlib import Path
from typing import Any

import torch

from seg.data.readers.sha256 import sha256_of
from seg.errors import ConfigError, DataError
from seg.models.interfaces import Normalization
from seg.models.weights.state_dict_matching import require_finite
from seg.models.weights.torch_file import find_checkpoint
from seg.weight_tools.encoder_checkpoint import write_with_card
from seg.weight_tools.inspect import Survey, survey


def convert(source: str, output: Path, encoder: str | None = None) -> dict[str, Any]:
    """Write `output` and its card, `output` with the suffix `.json`; returns the card.

    Args:
        source: see `seg.models.weights.sources.locate`.
        output: a `.safetensors` file that does not exist yet.
        encoder: see `seg.weight_tools.inspect.survey`.

    Raises:
        ConfigError: an output of another kind, or one that exists.
        DataError: a source that cannot be read, or does not fill every tensor of the encoder.
    """
    if output.suffix != ".safetensors":
        raise ConfigError(f"output={output}: give a file that ends in .safetensors")
    if output.exists():
        raise ConfigError(f"output={output}: exists already; choose another name, or move it away")
    found = survey(source, encoder)
    if found.coverage.missing or found.coverage.unexpected:
        raise DataError(
            f"source={source}: does not fill {found.encoder} ({found.coverage})\n"
            "  give encoder_name=NAME if that is the wrong one; "
            "`python -m seg.weights inspect` lists the tensors"
        )
    tensors = {name: torch.tensor(array) for name, array in found.content.arrays.items()}
    require_finite(tensors, found.located.path)
    return write_with_card(output, tensors, _card(found))


def _card(found: Survey) -> dict[str, Any]:
    normalization = found.normalization or Normalization()
    arrays = found.content.arrays
    return {
        "encoder": found.encoder,
        "origin": found.located.origin,
        "names_in_the_file": found.coverage.key_map,
        "sha256": {path.name: sha256_of(path) for path in files_of(found.located.path)},
        "normalization": normalization.to_dict(),
        "classes": list(found.content.classes),
        "tensors": len(arrays),
        "parameters": sum(array.size for name, array in arrays.items() if "running_" not in name),
        "parts": sorted({name.split(".")[0] for name in arrays}),
        "left_out": list(found.content.ignored),
    }


def files_of(path: Path) -> list[Path]:
    """The files that a source consists of: one, a directory's, or a checkpoint's prefix's."""
    found = find_checkpoint(path)
    if found is not None:
        return [found]
    if path.is_dir():
        return sorted(inner for inner in path.iterdir() if inner.is_file())
    return sorted(path.parent.glob(f"{path.name}.*"))
