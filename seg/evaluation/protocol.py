"""Protocols: the conditions under which scores were computed; only equal ones are compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seg.data.label_space import LabelSpace
from seg.data.readers.sha256 import sha256_of
from seg.evaluation.dataset_hash import SplitHash
from seg.evaluation.metrics_collection import BOUNDARY_RATIO, TRIMAP_PX
from seg.inference.inference import Inference


def protocol(
    labels: LabelSpace, split: SplitHash, split_name: str, inference: Inference
) -> dict[str, Any]:
    """Return what two evaluations must share to be comparable; plain data.

    Images are scored at the size of their labels.
    """
    return {
        "split": split_name,
        "split_sha256": split.hexdigest(),
        "images": split.images,
        "pixels": split.pixels,
        "classes": list(labels.names),
        "label_map": [list(pair) for pair in labels.file_ids],
        "ignore_index": labels.ignore_index,
        "resolution": "labels",
        "inference": inference.describe(),
        "boundary_ratio": BOUNDARY_RATIO,
        "trimap_px": TRIMAP_PX,
    }


def checkpoint_facts(path: Path, step: int) -> dict[str, Any]:
    """Return which network was evaluated; plain data."""
    return {"path": str(path), "sha256": sha256_of(path), "step": step}


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys under which two protocols differ, with both values."""
    unlike: dict[str, tuple[Any, Any]] = {}
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            unlike |= differences(one, other, f"{prefix}{key}.")
        elif one != other:
            unlike[f"{prefix}{key}"] = (one, other)
    return unlike
