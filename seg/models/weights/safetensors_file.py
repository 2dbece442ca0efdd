"""`.safetensors` files, and the directories in which the Hub and smp store them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from seg.errors import DataError
from seg.io.json_file import parse_json
from seg.io.source import Source
from seg.models.weights.digests import require_digests, sealed, unsealed
from seg.models.weights.format import WeightFile, WeightFormat
from seg.models.weights.torch_file import stored_normalization, weight_file

_IN_DIRECTORY = "model.safetensors"
ENCODER_IN_DIRECTORY = "encoder.safetensors"  # of a run of seg.pretrain
FACTS_IN_DIRECTORY = "seg.json"  # beside it, in our own directories
_FACTS_KEY = "seg"  # of the header's metadata, in our own files
_WRITER_KEY = "written_by"  # distinguishes a header that has lost its facts from one without any


def _find(path: Path) -> Path | None:
    if path.is_dir():
        names = (_IN_DIRECTORY, ENCODER_IN_DIRECTORY)
        path = next((path / name for name in names if (path / name).is_file()), path)
    return path if path.is_file() and path.suffix == ".safetensors" else None


def _read(path: Path) -> WeightFile:
    path = _find(path) or path
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, RuntimeError) as error:
        raise DataError(f"{path}: damaged or cut short ({error}); fetch it again") from error
    parsed = parse_json(_facts_text(metadata, path), Source(path, "header", "fetch it again"))
    facts, expected = unsealed(parsed if isinstance(parsed, dict) else {}, path)
    if expected is not None:
        require_digests(tensors, expected, path)
    return weight_file(
        tensors,
        path,
        normalization=stored_normalization(facts),
        input_bands=tuple(facts["input_bands"]) if facts.get("input_bands") else None,
        classes=tuple(facts.get("classes", ())),
    )


def _facts_text(metadata: Mapping[str, str], path: Path) -> str:
    if _FACTS_KEY in metadata:
        return metadata[_FACTS_KEY]
    if metadata.get(_WRITER_KEY) == _FACTS_KEY:
        raise DataError(f"{path}: damaged: its header has lost what it says; fetch it again")
    facts = path.with_name(FACTS_IN_DIRECTORY)
    return facts.read_text() if path.name == _IN_DIRECTORY and facts.is_file() else "{}"


def facts_header(facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the header metadata that describes a file's tensors; `_read` reads it."""
    text = json.dumps(sealed(facts, tensors))
    return {_FACTS_KEY: text, _WRITER_KEY: _FACTS_KEY, "format": "pt"}


FORMAT = WeightFormat(
    "safetensors",
    "safetensors (.safetensors; a directory with model.safetensors, as smp and the Hub keep "
    "them; a run directory of seg.pretrain)",
    lambda path: _find(path) is not None,
    _read,
)
