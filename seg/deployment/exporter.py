"""Network -> exported file with its card, if it passes the gate."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seg.data.sample import Sample
from seg.deployment.exported_model import ExportedSegmenter
from seg.deployment.format_interface import ExportFormat, Source, find_format
from seg.deployment.metadata import (
    Card,
    ExportSpec,
    Geometry,
    SourceCheckpoint,
    card_path,
    digests,
    write_card,
)
from seg.deployment.mixed_precision_search import select_float_layers
from seg.deployment.parity import TOLERANCES, Parity, ParityError, Tolerance, measure
from seg.deployment.usage import class_table
from seg.errors import ConfigError
from seg.inference.memory_estimate import bytes_per_pixel
from seg.inference.segmentation_model import TrainedSegmenter
from seg.io.atomic import staged_directory

log = logging.getLogger(__name__)
_SENSITIVITY_PICTURES, _AGREEMENT_PICTURES = 4, 8


@dataclass(frozen=True)
class ExportRequest:
    """An export to make.

    Attributes:
        format: name.
        spec: what is exported.
        tolerance: what the gate lets pass.
        int8_agreement: share of the calibration's pixels that must keep their class; parts of the
            network stay float until they do, see `mixed_precision_search.select_float_layers`.
    """

    format: str
    spec: ExportSpec
    tolerance: Tolerance
    int8_agreement: float = 0.99


def tolerance_of(
    precision: str, *, agreement: float | None = None, miou_points: float | None = None
) -> Tolerance:
    """The defaults of a precision, but for what is given."""
    usual = TOLERANCES[precision]
    return Tolerance(
        usual.agreement if agreement is None else agreement,
        usual.miou_points if miou_points is None else miou_points,
    )


def file_name(wanted: ExportRequest) -> str:
    """`onnx_int8.onnx`; what is unusual is named too."""
    spec = wanted.spec
    words = [wanted.format, spec.precision]
    words += [spec.output_kind] * (spec.output_kind != "logits")
    words += [spec.input_kind] * (spec.input_kind != "float32")
    words += [] if spec.size is None else [f"{spec.size[0]}x{spec.size[1]}"]
    words += [] if spec.batch_size is None else [f"batch{spec.batch_size}"]
    return "_".join(words) + find_format(wanted.format).suffix


def export(
    model: TrainedSegmenter,
    origin: SourceCheckpoint,
    wanted: ExportRequest,
    target: Path,
    *,
    checked: Sequence[Sample],
    calibration: Sequence[Sample] = (),
) -> Card:
    """Write an export beside its card; nothing is left at `target` of one that is refused.

    Args:
        model: in evaluation mode, on the CPU.
        origin: the checkpoint that it comes from.
        wanted: what is made of it.
        target: the file.
        checked: pictures that the gate looks at.
        calibration: those that int8 ranges are chosen by; none of `checked`.

    Raises:
        ConfigError: what the format cannot do, or another suffix than the format's.
        ParityError: the export differs from the network by more than the tolerance.
    """
    kind = find_format(wanted.format)
    kind.require_writing(wanted.spec)
    if not target.name.endswith(kind.suffix):
        raise ConfigError(f"output={target}: a file of format {kind.name} ends in {kind.suffix}")
    in_eight_bits = wanted.spec.precision == "int8"
    if in_eight_bits and not calibration:
        raise ConfigError("precision=int8: needs images; give calibration.num_images=1 or more")
    with staged_directory(target) as folder:
        path = folder / target.name
        if in_eight_bits:
            files, engine = _in_eight_bits(model, origin, wanted, path, calibration)
        else:
            files, engine = _written(Source(model, wanted.spec), origin, kind, path)
        parity = measure(model, engine, checked)
        _refuse(parity, wanted, target)
        card = engine.card.model_copy(update={"parity": parity.to_dict(wanted.tolerance)})
        card_path(target).unlink(missing_ok=True)
        for file in files:
            file.replace(target.with_name(file.name))
    write_card(target, card)
    log.info("parity     %s", parity)
    return card


def _in_eight_bits(
    model: TrainedSegmenter,
    origin: SourceCheckpoint,
    wanted: ExportRequest,
    path: Path,
    calibration: Sequence[Sample],
) -> tuple[list[Path], ExportedSegmenter]:
    """With as few parts in float as the wanted agreement needs; each try is a file of its own."""
    pictures = [sample.image for sample in calibration]
    kind = find_format(wanted.format)
    for number, kept in enumerate(select_float_layers(model, pictures[:_SENSITIVITY_PICTURES])):
        folder = path.parent / str(number)
        folder.mkdir()
        source = Source(model, wanted.spec, pictures, kept)
        files, engine = _written(source, origin, kind, folder / path.name)
        reached = measure(model, engine, calibration[:_AGREEMENT_PICTURES]).agreement
        told = f"{100 * reached:.2f} % of the calibration's pixels keep their class"
        log.info("int8       all but %d convolutions: %s", len(kept), told)
        if reached >= wanted.int8_agreement:
            return files, engine
    raise ConfigError(
        f"precision=int8: no part of the network keeps {100 * wanted.int8_agreement:g} % of the "
        "pixels in their class\n  lower calibration.agreement, or give precision=fp16 or bf16"
    )


def _written(
    source: Source, origin: SourceCheckpoint, kind: ExportFormat, path: Path
) -> tuple[list[Path], ExportedSegmenter]:
    files = kind.write(source, path)
    card = _card(source, origin, kind, files)
    return files, ExportedSegmenter(card, kind.open(files[0], card))


def _refuse(parity: Parity, wanted: ExportRequest, target: Path) -> None:
    faults = parity.faults(wanted.tolerance)
    if faults:
        raise ParityError(
            f"{wanted.format} {wanted.spec.precision} is not the network on {parity.pictures} "
            f"pictures; {target.name} is not written\n  "
            + "\n  ".join(faults)
            + "\n  allow more by tolerance.agreement and tolerance.miou_points, or choose another "
            "precision"
        )


def _card(
    source: Source, origin: SourceCheckpoint, kind: ExportFormat, files: Sequence[Path]
) -> Card:
    model, usage = source.model, source.usage
    return Card(
        format=kind.name,
        files=digests(files),
        spec=source.spec,
        geometry=Geometry(
            output_stride=model.output_stride,
            input_multiple=model.input_multiple,
            align_corners=model.align_corners,
            bytes_per_pixel=bytes_per_pixel(model),
        ),
        checkpoint=origin,
        usage=usage,
        classes=class_table(model.labels),
        labels=model.labels.to_dict(),
        normalization=usage.normalization,
        normalized_inside=None if usage.normalization else model.normalization.to_dict(),
        kept_float=list(source.kept_float),
        parity={},
        versions=_versions(kind),
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
    )


def _versions(kind: ExportFormat) -> dict[str, str]:
    found = {}
    for package in ("seg-xception", "torch", *{**kind.writing, **kind.running}.values()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a folder, or installed under another name
            continue
    return found
