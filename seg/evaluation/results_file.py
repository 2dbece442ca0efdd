"""Writing and reading of `evaluation.json` and the files beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from seg.data.label_space import LabelSpace
from seg.errors import DataError, error_summary
from seg.evaluation.shared_metrics import ExampleImage
from seg.io.atomic import write_atomically, write_json
from seg.io.json_file import read_json
from seg.io.npz_file import read_npz
from seg.io.source import Source, checked
from seg.metrics.per_image import KeptImage
from seg.metrics.score_keys import under_split
from seg.visualization.grids import error_image, save_png

RECORD = "evaluation.json"
_REPLICATES = "replicates.npz"
_EXAMPLES = "examples"
_REMEDY = (
    "evaluate again: python -m seg.evaluate checkpoint=RUN_DIR hydra.run.dir=DIR, then give DIR"
)
_REPLICATES_BYTES = 2**28  # unpacked; a thousand draws of a thousand scores have 4 MiB
_JPEG_QUALITY = 90


class _Content(BaseModel):
    """The keys of `evaluation.json` that a comparison reads; others may be there."""

    model_config = ConfigDict(extra="allow", strict=True)
    protocol: dict[str, Any]
    checkpoint: dict[str, Any]
    scores: dict[str, float | None]
    class_images: dict[str, int] | None = None


@dataclass(frozen=True)
class Record:
    """A stored evaluation.

    Attributes:
        path: its `evaluation.json`.
        content: plain data.
        replicates: scores over resampled images, by key.
    """

    path: Path
    content: dict[str, Any]
    replicates: dict[str, NDArray[np.float32]]


def write_record(
    run_dir: Path, content: Mapping[str, Any], replicates: Mapping[str, NDArray[np.float32]]
) -> None:
    """Write `evaluation.json` and the resampled scores into a run directory."""
    write_atomically(run_dir / _REPLICATES, lambda file: np.savez_compressed(file, **replicates))  # type: ignore[arg-type]
    write_json(run_dir / RECORD, content)


def read_record(path: Path) -> Record:
    """Read an evaluation from its file or its run directory.

    Raises:
        DataError: missing or damaged.
    """
    path = path / RECORD if path.is_dir() else path
    for file in (path, path.with_name(_REPLICATES)):
        if not file.is_file():
            raise DataError(
                f"{file}: no such file; give the run directory of seg.evaluate or seg.train"
            )
    source = Source(path, "evaluation", _REMEDY)
    content = read_json(path, source.kind, remedy=source.remedy)
    scores = checked(_Content, content, source).scores
    split = str(content["protocol"].get("split", "val"))
    scores = under_split(scores, split)
    content = {**content, "scores": scores}
    replicates = under_split(_read_replicates(path.with_name(_REPLICATES)), split)
    lacking = sorted(replicates.keys() - scores.keys())
    if lacking or not replicates:
        raise source.damaged(f"damaged: {_REPLICATES} beside it is of other scores")
    return Record(path, content, replicates)


def _read_replicates(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read one row of numbers for each score, all of one length."""
    source = Source(path, "record of resampled scores", _REMEDY)
    content = source.read()
    try:
        arrays = read_npz(content, max_bytes=_REPLICATES_BYTES)
    except ValueError as error:
        raise source.damaged(f"damaged ({error_summary(error)})") from error
    shapes = {array.shape for array in arrays.values()}
    kinds = {array.dtype for array in arrays.values()}
    if kinds - {np.dtype(np.float32)} or len(shapes) > 1 or any(len(s) != 1 for s in shapes):
        raise source.damaged("damaged (no rows of numbers of one length)")
    return arrays


def write_examples(
    run_dir: Path, extremes: Mapping[str, Sequence[KeptImage[ExampleImage]]], labels: LabelSpace
) -> dict[str, list[dict[str, Any]]]:
    """Write images of the worst and the best into `examples/`.

    Returns:
        the entries of `evaluation.json` for them, plain data.
    """
    return {
        kind: [
            {
                "name": each.scores.name,
                "miou": each.scores.mean_iou,
                "pixel_accuracy": each.scores.pixel_accuracy,
                **_write_example(run_dir, f"{kind}_{rank}", each.payload, labels),
            }
            for rank, each in enumerate(images)
        ]
        for kind, images in extremes.items()
    }


def _write_example(
    run_dir: Path, stem: str, example: ExampleImage, labels: LabelSpace
) -> dict[str, str]:
    """Write the images of one example; return their paths within the run directory."""
    image = Image.fromarray(example.image)
    target = run_dir / _EXAMPLES / f"{stem}_image.jpg"
    write_atomically(target, lambda file: image.save(file, "JPEG", quality=_JPEG_QUALITY))
    written = {"image": target}
    for name, image_HW3 in (
        ("label", labels.colorize(example.label)),
        ("prediction", labels.colorize(example.prediction)),
        ("error", error_image(example.label, example.prediction, labels)),
    ):
        written[name] = target.with_name(f"{stem}_{name}.png")
        save_png(written[name], Image.fromarray(image_HW3))
    return {name: path.relative_to(run_dir).as_posix() for name, path in written.items()}
