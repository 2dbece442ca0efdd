"""`evaluation.json` and what lies beside it: written and read again."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.labels import LabelSpace
from seg.errors import DataError
from seg.evaluation.measures import Shown
from seg.metrics.per_image import KeptImage
from seg.outputs.files import write_atomically, write_json
from seg.outputs.pictures import error_picture, save_png

RECORD = "evaluation.json"
_REPLICATES = "replicates.npz"
_EXAMPLES = "examples"
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Record:
    """An evaluation as it was written.

    Attributes:
        path: of its `evaluation.json`.
        content: plain data.
        replicates: scores over resampled pictures, by their keys.
    """

    path: Path
    content: dict[str, Any]
    replicates: dict[str, NDArray[np.float32]]


def write_record(
    run_dir: Path, content: Mapping[str, Any], replicates: Mapping[str, NDArray[np.float32]]
) -> None:
    """Write both files into a run directory."""
    write_atomically(run_dir / _REPLICATES, lambda file: np.savez_compressed(file, **replicates))  # type: ignore[arg-type]
    write_json(run_dir / RECORD, content)


def read_record(path: Path) -> Record:
    """Read an evaluation; a run directory stands for its file.

    Raises:
        DataError: missing or damaged.
    """
    path = path / RECORD if path.is_dir() else path
    try:
        content = json.loads(path.read_text())
        with np.load(path.with_name(_REPLICATES), allow_pickle=False) as file:
            replicates = {key: file[key] for key in file.files}
        if not isinstance(content["protocol"], dict) or not isinstance(content["scores"], dict):
            raise KeyError("protocol")
    except FileNotFoundError as error:
        raise DataError(
            f"{error.filename}: no such file; give the run directory of seg.evaluate or seg.train"
        ) from None
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: damaged ({type(error).__name__} {error}); evaluate again"
        ) from None
    return Record(path, content, replicates)


def write_examples(
    run_dir: Path, kept: Mapping[str, Sequence[KeptImage[Shown]]], labels: LabelSpace
) -> dict[str, list[dict[str, Any]]]:
    """Write pictures of the worst and the best into `examples/`.

    Returns:
        what `evaluation.json` says of them, plain data.
    """
    return {
        kind: [
            {
                "name": each.scores.name,
                "miou": each.scores.mean_iou,
                "pixel_accuracy": each.scores.pixel_accuracy,
                **_pictures(run_dir, f"{kind}_{rank}", each.payload, labels),
            }
            for rank, each in enumerate(images)
        ]
        for kind, images in kept.items()
    }


def _pictures(run_dir: Path, stem: str, shown: Shown, labels: LabelSpace) -> dict[str, str]:
    image = Image.fromarray(shown.image)
    target = run_dir / _EXAMPLES / f"{stem}_image.jpg"
    write_atomically(target, lambda file: image.save(file, "JPEG", quality=_JPEG_QUALITY))
    written = {"image": target}
    for name, picture in (
        ("label", labels.colorize(shown.label)),
        ("prediction", labels.colorize(shown.prediction)),
        ("error", error_picture(shown.label, shown.prediction, labels)),
    ):
        written[name] = target.with_name(f"{stem}_{name}.png")
        save_png(written[name], Image.fromarray(picture))
    return {name: path.relative_to(run_dir).as_posix() for name, path in written.items()}
