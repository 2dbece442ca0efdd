"""The card of a served network: what it is, as JSON."""

from math import isfinite
from pathlib import Path
from typing import Any

import seg
from seg.data.label_space import LabelSpace
from seg.data.readers.sha256 import sha256_of
from seg.data.readers.value_range import ImageDecoding
from seg.deployment.loading import Export
from seg.errors import DataError
from seg.inference.image_model import ImageModel
from seg.io.json_file import read_json_object
from seg.training.checkpoint import Checkpoint

_PARTS_OF_RUNS = ("checkpoints", "export")


def model_card(name: str, source: Checkpoint | Export, model: ImageModel) -> dict[str, Any]:
    """Return what is known of a network, as plain data.

    Args:
        name: in addresses.
        source: its file.
        model: what runs.
    """
    labels = source.labels
    if isinstance(source, Export):
        card = source.card
        engine, precision, sha256 = card.format, card.spec.precision, card.checkpoint.sha256
        file_sha256 = card.files[source.path.name]
    else:
        engine, precision, sha256 = "torch", "fp32", sha256_of(source.path)
        file_sha256 = sha256
    return {
        "name": name,
        "engine": engine,
        "precision": precision,
        "file": {"name": source.path.name, "sha256": file_sha256},
        "probabilities": not model.labels_alone,
        "checkpoint": {"sha256": sha256, "step": source.step},
        "step": source.step,
        "dataset": _dataset_of(source.config),
        "classes": list(labels.names),
        "palette": [list(color) for color in labels.palette],
        "ignore_index": labels.ignore_index,
        "labels": _label_values(labels),
        "image": _image_values(model.decoding),
        "metrics": _metrics(source.path, sha256),
        "version": seg.__version__,
    }


def run_directory(path: Path) -> Path:
    """Return the directory of the run that a checkpoint or an export belongs to."""
    path = path.absolute()
    parents = [each for each in (path, *path.parents) if each.is_dir()]
    return next(each for each in parents if each.name not in _PARTS_OF_RUNS)


def _dataset_of(training: dict[str, Any]) -> str | None:
    """Return the name of the class of the dataset."""
    target = (training.get("dataset") or {}).get("_target_")
    return None if target is None else str(target).rpartition(".")[2]


def _label_values(labels: LabelSpace) -> dict[str, Any]:
    """Return what the values of label maps mean."""
    outputs = labels.outputs
    if outputs is None:
        return {"mode": "exclusive", "values": dict(enumerate(labels.names))}
    if outputs.mode == "multi_label":  # sets of classes: their sum
        values = {2**bit: name for bit, name in enumerate(labels.names)}
    else:
        values = dict(enumerate(labels.names))
    return {
        "mode": outputs.mode,
        "values": values,
        "outputs": list(outputs.names),
        "thresholds": list(outputs.thresholds),
    }


def _image_values(decoding: ImageDecoding) -> dict[str, Any]:
    """Return which values image files must have."""
    return {
        "channels": decoding.channels,
        "bands": None if decoding.bands is None else list(decoding.bands),
        "kind": decoding.kind or ("uint8" if decoding.value_range is None else None),
        "ranges": [list(each) for each in decoding.ranges],
        "nodata": decoding.nodata,
    }


def _metrics(path: Path, sha256: str) -> dict[str, float]:
    """Return the scores of the run's last evaluation, if it was of this very checkpoint."""
    file = run_directory(path) / "evaluation.json"
    if not file.is_file():
        return {}
    try:
        record = read_json_object(file, "evaluation")
    except DataError:
        return {}
    if record.get("checkpoint", {}).get("sha256") != sha256:
        return {}
    scores = record.get("scores", {}).items()
    return {key: score for key, score in scores if isinstance(score, float) and isfinite(score)}
