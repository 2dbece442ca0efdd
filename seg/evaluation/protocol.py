"""Under which conditions numbers were made; only like ones are compared."""

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
    """What two evaluations must share so that a difference is one of the networks; plain data.

    Pictures are scored at the size of their labels.
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
    """Which network it was; plain data."""
    return {"path": str(path), "sha256": sha256_of(path), "step": step}


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Dotted keys under which two protocols differ, with both values."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found |= differences(one, other, f"{prefix}{key}.")
        elif one != other:
            found[f"{prefix}{key}"] = (one, other)
    return found
