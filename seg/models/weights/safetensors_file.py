"""`.safetensors` files, and the directories in which the Hub and smp keep them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from seg.errors import DataError
from seg.models.contract import Normalization
from seg.models.weights.format import WeightFile, WeightFormat
from seg.models.weights.torch_file import arrays, unwrap

_IN_DIRECTORY = "model.safetensors"
ENCODER_IN_DIRECTORY = "encoder.safetensors"  # of a run of seg.pretrain
FACTS_IN_DIRECTORY = "seg.json"  # beside it, in directories that we wrote
_FACTS_KEY = "seg"  # of the header's metadata, in files that we wrote


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
    facts = _facts(metadata.get(_FACTS_KEY) or _beside(path), path)
    given = facts.get("normalization")
    return WeightFile(
        arrays(unwrap(tensors, path)),
        normalization=None if given is None else Normalization.from_dict(given),
        classes=tuple(facts.get("classes", ())),
    )


def _beside(path: Path) -> str:
    facts = path.with_name(FACTS_IN_DIRECTORY)
    return facts.read_text() if path.name == _IN_DIRECTORY and facts.is_file() else "{}"


def _facts(text: str, path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: its header is damaged ({error}); fetch it again") from error
    return facts if isinstance(facts, dict) else {}


def facts_header(facts: Mapping[str, Any]) -> dict[str, str]:
    """Header metadata of a file that says what its tensors are; `_read` takes it up."""
    return {_FACTS_KEY: json.dumps(dict(facts)), "format": "pt"}


FORMAT = WeightFormat(
    "safetensors",
    "safetensors (.safetensors; a directory with model.safetensors, as smp and the Hub keep "
    "them; a run directory of seg.pretrain)",
    lambda path: _find(path) is not None,
    _read,
)
