"""PyTorch files: `.pth`, `.pt`, `.bin`, and our own checkpoints; tensors only, never a program."""

import argparse
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core import multiarray
from torch import Tensor

from seg.errors import DataError, first_line
from seg.models.contract import Normalization
from seg.models.weights.format import Arrays, WeightFile, WeightFormat

CHECKPOINT_KEY = "seg"  # what only our own checkpoints have
_LEGACY_PICKLE = b"\x80\x02"
_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth")
_WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model", "net", "ema", "weights")
_PREFIXES = ("module.", "model.", "_orig_mod.", "net.")
# What training scripts leave beside the tensors; none of them does anything when it is built.
_HARMLESS: list[Any] = [argparse.Namespace, multiarray.scalar, np.dtype, type(np.dtype("f8"))]


def find_checkpoint(path: Path) -> Path | None:
    """The file that a path stands for: itself, or a run directory's `checkpoints/best.ckpt`."""
    if path.is_dir():
        path = path / "checkpoints" / "best.ckpt"
    return path if path.is_file() else None


def load_safely(path: Path) -> Any:
    """The content of a torch file, where that is tensors and plain data.

    Raises:
        DataError: damaged, or it would have to run code to be read; nothing is executed.
    """
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged or hostile file provokes
        raise DataError(
            f"{path}: cannot be read safely ({first_line(error, 160)})\n"
            "  it is damaged, or holds more than tensors; "
            "save a file you trust anew with torch.save(model.state_dict(), FILE)"
        ) from None


def _recognises(path: Path) -> bool:
    found = find_checkpoint(path)
    if found is None:
        return False
    if zipfile.is_zipfile(found):
        with zipfile.ZipFile(found) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    with found.open("rb") as file:
        return file.read(2) == _LEGACY_PICKLE or found.suffix in _SUFFIXES


def _read(path: Path) -> WeightFile:
    path = find_checkpoint(path) or path
    content = load_safely(path)
    if not isinstance(content, Mapping):
        raise DataError(f"{path}: holds one {type(content).__name__}, not named tensors")
    own = content.get(CHECKPOINT_KEY)
    if isinstance(own, Mapping):
        return _own(content, own)
    return WeightFile(arrays(unwrap(content, path)))


def _own(content: Mapping[str, Any], own: Mapping[str, Any]) -> WeightFile:
    return WeightFile(
        arrays(network_state(content)),
        normalization=stored_normalization(own),
        classes=tuple(map(str, own["labels"]["names"])),
    )


def network_state(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The network's tensors in one of our checkpoints, under the network's own names."""
    prefix = "model."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in content["state_dict"].items()
        if name.startswith(prefix)
    }


def stored_normalization(own: Mapping[str, Any]) -> Normalization | None:
    """What our part of a checkpoint says of the input; None in the oldest ones."""
    given = own.get("normalization")
    return None if given is None else Normalization.from_dict(given)


def unwrap(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The tensors of a training script's file, without its wrapping and common prefixes.

    Raises:
        DataError: no tensors in it, with the keys that are there.
    """
    for _ in range(len(_WRAPPERS)):
        inner = next((content[key] for key in _WRAPPERS if _holds_tensors(content.get(key))), None)
        if inner is None:
            break
        content = inner
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise DataError(f"{path}: holds no named tensors, but {keys}")
    while prefix := _common_prefix(tensors):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, Mapping) and any(
        isinstance(inner, Tensor) or _holds_tensors(inner) for inner in value.values()
    )


def _common_prefix(tensors: Mapping[str, Tensor]) -> str | None:
    shared = [p for p in _PREFIXES if all(name.startswith(p) for name in tensors)]
    return shared[0] if shared else None


def arrays(tensors: Mapping[str, Tensor]) -> Arrays:
    """float32 arrays of all floating-point tensors, and the others as they are."""
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).detach().numpy()
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    }


FORMAT = WeightFormat(
    "PyTorch",
    "PyTorch tensors (.pth, .pt, .bin, .ckpt; a run directory of seg.train)",
    _recognises,
    _read,
)
