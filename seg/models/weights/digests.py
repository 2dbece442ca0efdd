"""SHA-256 of each tensor, and of the facts beside them, in our own files."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seg.errors import DataError
from seg.io.json_file import digest_of
from seg.models.weights.load_report import shortened

DIGESTS_KEY = "sha256"
_FACTS = ""  # no tensor has this name


def nested_tensors(content: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in nested dictionaries and lists, with the keys that lead to it.

    A container that occurs twice is entered once, so that circular structures end.
    """
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [("", content)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, Tensor):
            yield name, value
            continue
        if isinstance(value, Mapping):
            inner = [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            inner = [(str(index), item) for index, item in enumerate(value)]
        else:
            continue
        if id(value) not in seen:
            seen.add(id(value))
            todo += [(f"{name}/{key}" if name else key, item) for key, item in reversed(inner)]


def digests(content: Any) -> dict[str, str]:
    """Return the SHA-256 of every tensor in nested dictionaries and lists, by name."""
    return {name: _digest(tensor) for name, tensor in nested_tensors(content)}


def _digest(tensor: Tensor) -> str:
    """Hash type, shape and values of a tensor: each of them may be damaged."""
    values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    sum_so_far = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
    sum_so_far.update(values.data)
    return sum_so_far.hexdigest()


def require_digests(content: Any, expected: Any, path: Path) -> None:
    """Compare tensors with the digests that were written with them.

    Raises:
        DataError: a tensor that is changed, missing or new.
    """
    if not isinstance(expected, Mapping):
        raise DataError(f"{path}: damaged: its SHA-256 sums are no table")
    actual = digests(content)
    names = [name for name in actual if actual[name] != expected.get(name)]
    names += [str(name) for name in expected if name not in actual and name != _FACTS]
    if names:
        raise DataError(
            f"{path}: damaged: {len(names)} tensors are not those that were saved (SHA-256)\n"
            f"  {shortened(names)}\n  restore it from a copy, or take another checkpoint"
        )


def sealed(facts: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
    """Return plain facts with the SHA-256 of themselves and of the tensors beside them."""
    return {**facts, DIGESTS_KEY: {**digests(tensors or {}), _FACTS: digest_of(facts)}}


def unsealed(facts: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], dict[str, str] | None]:
    """Return facts without their digests, and the digests of the tensors; None in old files.

    Raises:
        DataError: facts that are not those that were written.
    """
    plain = {key: value for key, value in facts.items() if key != DIGESTS_KEY}
    if DIGESTS_KEY not in facts:
        return plain, None
    seal = facts[DIGESTS_KEY]
    if not isinstance(seal, Mapping) or seal.get(_FACTS) != digest_of(plain):
        raise DataError(
            f"{path}: damaged: what it says is not what was written (SHA-256)\n"
            "  restore it from a copy, or write it again"
        )
    return plain, {str(name): str(value) for name, value in seal.items() if name != _FACTS}
