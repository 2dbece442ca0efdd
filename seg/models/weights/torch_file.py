"""PyTorch files (`.pth`, `.pt`, `.bin`) and our own checkpoints: tensors only, never a program."""

import argparse
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core import multiarray
from torch import Tensor

from seg.errors import DataError, brief, error_summary
from seg.models.checkpoint_file import find_checkpoint
from seg.models.input_bands import COLORS, InputBands, input_bands
from seg.models.interfaces import Normalization
from seg.models.weights.archive import check_archive, require_plausible
from seg.models.weights.digests import DIGESTS_KEY, nested_tensors, require_digests
from seg.models.weights.format import Arrays, WeightFile, WeightFormat
from seg.models.weights.state_dicts import find_state_dicts

CHECKPOINT_KEY = "seg"  # only our own checkpoints have it
CHECKPOINT_FORMAT = 1
_LEGACY_PICKLE = b"\x80\x02"
_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth")
_NO_CHECKSUM = (
    "PyTorch's form of before 1.6, without checksum: damage to its values stays unseen; "
    "python -m seg.weights convert source={} output=NAME.safetensors gives it one (docs/weights.md)"
)
# objects that training scripts store beside tensors; constructing them has no side effect
_HARMLESS: list[Any] = [argparse.Namespace, multiarray.scalar, np.dtype, type(np.dtype("f8"))]


def load_safely(path: Path) -> Any:
    """Load a torch file of tensors and plain data.

    Checksums of the zip file and, in our own checkpoints, of each tensor are verified.

    Raises:
        DataError: damaged, or it would have to run code to be read; nothing is executed.
    """
    if zipfile.is_zipfile(path):
        check_archive(path)
    try:
        with torch.serialization.safe_globals(_HARMLESS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TorchScript, which is refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
        tensors = [tensor for _, tensor in nested_tensors(content)]
        require_plausible(path, sum(tensor.numel() * tensor.element_size() for tensor in tensors))
        own = content.get(CHECKPOINT_KEY) if isinstance(content, dict) else None
        if isinstance(own, dict):
            _require_values(tensors, path)
            if DIGESTS_KEY in own:
                require_digests(content, own[DIGESTS_KEY], path)
        return content
    except (DataError, MemoryError):
        raise
    except Exception as error:  # damaged and hostile files raise nearly anything
        raise DataError(
            f"{path}: cannot be read safely ({_reason(error)})\n"
            "  it is damaged, or holds more than tensors; "
            "save a file you trust anew with torch.save(model.state_dict(), FILE)"
        ) from None


def _reason(error: Exception) -> str:
    """Return what torch could not read, without its advice to read it unsafely."""
    reason = str(error).partition("WeightsUnpickler error:")[2].strip() or error_summary(error)
    return reason.partition(". ")[0].splitlines()[0][:160]


def _require_values(tensors: Iterable[Tensor], path: Path) -> None:
    """Refuse tensors without a stored value for each element: our checkpoints have none."""
    if any(
        tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided
        for tensor in tensors
    ):
        raise DataError(
            f"{path}: damaged: holds sparse or quantized tensors, or such without values\n"
            "  take another checkpoint of the run, or restore it from a copy"
        )


def _find(path: Path) -> Path | None:
    """Return a run's checkpoint, or the weights that timm and the Hub store in a directory."""
    weights = path / "pytorch_model.bin"
    return find_checkpoint(path) or (weights if weights.is_file() else None)


def _recognises(path: Path) -> bool:
    weights = _find(path)
    if weights is None:
        return False
    if zipfile.is_zipfile(weights):
        with zipfile.ZipFile(weights) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    with weights.open("rb") as file:
        return file.read(2) == _LEGACY_PICKLE or weights.suffix in _SUFFIXES


def _read(path: Path) -> WeightFile:
    path = _find(path) or path
    content = load_safely(path)
    if not isinstance(content, Mapping):
        raise DataError(f"{path}: holds one {type(content).__name__}, not named tensors")
    own = content.get(CHECKPOINT_KEY)
    if isinstance(own, Mapping):
        return _own(content, own)
    caution = "" if zipfile.is_zipfile(path) else _NO_CHECKSUM.format(path)
    return weight_file(content, path, caution=caution)


def weight_file(content: Mapping[str, Any], path: Path, **facts: Any) -> WeightFile:
    """Read a training script's content, with further facts about it.

    Raises:
        DataError: no tensors in it.
    """
    states = find_state_dicts(content, path)
    return WeightFile(
        arrays(states.tensors),
        averages=arrays(states.averages),
        in_training=arrays(states.in_training),
        **facts,
    )


def mapping_at(content: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return the mapping that keys lead to in one of our files.

    Raises:
        ValueError: there is none; the message names the key.
    """
    for position, key in enumerate(keys, 1):
        name = ".".join(keys[:position])
        if key not in content:
            raise ValueError(f"no {name} in it")
        if not isinstance(content[key], Mapping):
            raise ValueError(f"{name} is {brief(content[key])}; a mapping is expected")
        content = content[key]
    return content


def _own(content: Mapping[str, Any], own: Mapping[str, Any]) -> WeightFile:
    average = content.get("moving_average")
    in_training = {} if average is None else mapping_at(content, "moving_average", "in_training")
    names = mapping_at(content, CHECKPOINT_KEY, "labels").get("names")
    if not isinstance(names, list | tuple):
        raise ValueError(f"{CHECKPOINT_KEY}.labels.names is {brief(names)}; a list is expected")
    return WeightFile(
        arrays(network_state(content)),
        in_training=arrays(in_training),
        normalization=stored_normalization(own),
        input_bands=_trained_bands(own),
        classes=tuple(map(str, names)),
    )


def _trained_bands(own: Mapping[str, Any]) -> InputBands | None:
    """Return the color of each channel, as a checkpoint's configuration says; None: as usual."""
    config = own.get("config")
    sections = config if isinstance(config, Mapping) else {}
    dataset = sections.get("dataset") or sections.get("classification_dataset") or {}
    names = dataset.get("bands") or ()
    chosen = (sections.get("encoder") or {}).get("input_bands")
    if chosen is None and len(names) < len(COLORS):
        return None
    return input_bands(len(chosen or names), names, chosen)


def network_state(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the network's tensors in one of our checkpoints, by the network's own names."""
    prefix = "model."
    state = {}
    for name, tensor in mapping_at(content, "state_dict").items():
        if str(name).startswith(prefix):  # terms of the loss may have states that are no tensors
            if not isinstance(tensor, Tensor):
                raise ValueError(f"state_dict.{name} is {brief(tensor)}; a tensor is expected")
            state[name.removeprefix(prefix)] = tensor
    return state


def stored_normalization(own: Mapping[str, Any]) -> Normalization | None:
    """Return the normalization in our part of a file; None in the oldest ones."""
    plain = own.get("normalization")
    return None if plain is None else Normalization.from_dict(plain)


def arrays(tensors: Mapping[str, Tensor]) -> Arrays:
    """Return float32 arrays of all floating-point tensors, and the others as they are."""
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).detach().numpy()
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    }


FORMAT = WeightFormat(
    "PyTorch",
    "PyTorch tensors (.pth, .pt, .bin, .ckpt; a run directory of seg.train, a directory with "
    "pytorch_model.bin)",
    _recognises,
    _read,
)
