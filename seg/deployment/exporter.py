"""Export of a network to a file with its card, if it passes the gate."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seg.data.sample import Sample
from seg.deployment.exported_model import ExportedModel
from seg.deployment.format_interface import Cores, ExportFormat, Source, find_format
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
from seg.deployment.other_sizes import SizeParity, measure_sizes
from seg.deployment.parity import Parity, ParityError, Tolerance, measure
from seg.deployment.usage import class_table
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.io.atomic import staged_directory

log = logging.getLogger(__name__)
_SENSITIVITY_IMAGES, _AGREEMENT_IMAGES = 4, 8


@dataclass(frozen=True)
class ExportRequest:
    """Export to make.

    Attributes:
        format: its name.
        spec: kind of export.
        tolerance: of the gate.
        int8_agreement: share of the calibration's pixels whose class must stay; parts of the
            network stay float until it does, see `mixed_precision_search.select_float_layers`.
        engine: name of the format whose engine the gate runs the file by; None: its own.
    """

    format: str
    spec: ExportSpec
    tolerance: Tolerance
    int8_agreement: float = 0.99
    engine: str | None = None

    @property
    def kind(self) -> ExportFormat:
        """Return the format, with the engine of the gate."""
        kind = find_format(self.format)
        return kind if self.engine is None else kind.run_by(find_format(self.engine))


def file_name(request: ExportRequest) -> str:
    """Return a file name such as `onnx_int8.onnx`; settings other than the defaults are in it."""
    spec = request.spec
    words = [request.format, spec.precision]
    words += [spec.output_kind] * (spec.output_kind != "logits")
    words += [spec.input_kind] * (spec.input_kind != "float32")
    words += [] if spec.size is None else [f"{spec.size[0]}x{spec.size[1]}"]
    words += [] if spec.batch_size is None else [f"batch{spec.batch_size}"]
    return "_".join(words) + find_format(request.format).suffix


def export(
    model: TrainedSegmenter,
    origin: SourceCheckpoint,
    request: ExportRequest,
    target: Path,
    *,
    checked: Sequence[Sample],
    calibration: Sequence[Sample] = (),
) -> Card:
    """Write an export and its card; one that is refused leaves nothing at `target`.

    Args:
        model: in evaluation mode, on the CPU.
        origin: the checkpoint that it comes from.
        request: the export to make.
        target: the file.
        checked: samples that the gate compares on.
        calibration: samples that choose the ranges of int8; none of `checked`.

    Raises:
        ConfigError: the format lacks the precision or device, or another suffix than the format's.
        ParityError: the export differs from the network by more than the tolerance.
    """
    kind = request.kind
    kind.require_writing(request.spec)
    if not target.name.endswith(kind.suffix):
        raise ConfigError(f"output={target}: a file of format {kind.name} ends in {kind.suffix}")
    is_int8 = request.spec.precision == "int8"
    if is_int8 and not calibration:
        raise ConfigError("precision=int8: needs images; give calibration.num_images=1 or more")
    with staged_directory(target) as directory:
        path = directory / target.name
        if is_int8:
            files, engine = _export_int8(model, origin, request, path, calibration)
        else:
            files, engine = _write_file(Source(model, request.spec), origin, kind, path)
        parity, sizes = _pass_gate(model, engine, request, checked, target.name)
        facts = parity.to_dict(request.tolerance) | {
            "engine": request.engine or kind.name,
            "other_sizes": [each.to_dict() for each in sizes],
        }
        card = engine.card.model_copy(update={"parity": facts})
        card_path(target).unlink(missing_ok=True)
        for file in files:
            file.replace(target.with_name(file.name))
    write_card(target, card)
    log.info("parity     %s", parity)
    return card


def _pass_gate(
    model: TrainedSegmenter,
    engine: ExportedModel,
    request: ExportRequest,
    checked: Sequence[Sample],
    name: str,
) -> tuple[Parity, list[SizeParity]]:
    """Return the differences from the network; raise `ParityError` if they exceed the tolerance."""
    tolerance = request.tolerance
    parity = measure(model, engine, checked)
    height, width = checked[0].image.shape[:2]
    where = f"{parity.pictures} images"
    remedy = (
        "allow more by tolerance.agreement, tolerance.miou_points and tolerance.relative_error, "
        "or choose another precision"
    )
    if request.spec.size is None:
        remedy += f", or give size=[{height},{width}]"
    sizes: list[SizeParity] = []
    faults = parity.faults(tolerance)
    if not faults:
        sizes = measure_sizes(model, engine, checked[0], tolerance.relative_error)
        faults = [fault for each in sizes if (fault := each.fault(tolerance.relative_error))]
        where = "images of other sizes"
        remedy = f"give size=[{height},{width}], or another format"
    if faults:
        raise ParityError(
            f"{request.format} {request.spec.precision} is not the network on {where}; {name} is "
            "not written\n  " + "\n  ".join([*faults, remedy])
        )
    return parity, sizes


def _export_int8(
    model: TrainedSegmenter,
    origin: SourceCheckpoint,
    request: ExportRequest,
    path: Path,
    calibration: Sequence[Sample],
) -> tuple[list[Path], ExportedModel]:
    """Export in int8, with as few parts in float as the agreement needs; each try is a file."""
    images = [sample.image for sample in calibration]
    kind = request.kind
    for number, float_layers in enumerate(select_float_layers(model, images[:_SENSITIVITY_IMAGES])):
        directory = path.parent / str(number)
        directory.mkdir()
        source = Source(model, request.spec, images, float_layers)
        files, engine = _write_file(source, origin, kind, directory / path.name)
        agreement = measure(model, engine, calibration[:_AGREEMENT_IMAGES]).agreement
        summary = f"{100 * agreement:.2f} % of the calibration's pixels keep their class"
        log.info("int8       all but %d convolutions: %s", len(float_layers), summary)
        if agreement >= request.int8_agreement:
            return files, engine
    raise ConfigError(
        f"precision=int8: no part of the network keeps {100 * request.int8_agreement:g} % of the "
        "pixels in their class\n  lower calibration.agreement, or give precision=fp16 or bf16"
    )


def _write_file(
    source: Source, origin: SourceCheckpoint, kind: ExportFormat, path: Path
) -> tuple[list[Path], ExportedModel]:
    files = kind.write(source, path)
    card = _card(source, origin, kind, files)
    return files, ExportedModel(card, kind.open(files[0], card, Cores()), source.model.decoding)


def _card(
    source: Source, origin: SourceCheckpoint, kind: ExportFormat, files: Sequence[Path]
) -> Card:
    model, usage = source.model, source.usage
    versions = {}
    for package in ("seg-xception", "torch", *{**kind.writing, **kind.running}.values()):
        with suppress(PackageNotFoundError):  # run from a checkout, or installed by another name
            versions[package] = version(package)
    return Card(
        format=kind.name,
        files=digests(files),
        spec=source.spec,
        geometry=Geometry(
            output_stride=model.output_stride,
            input_multiple=model.input_multiple,
            align_corners=model.align_corners,
            bytes_per_pixel=model.bytes_per_pixel,
        ),
        checkpoint=origin,
        usage=usage,
        classes=class_table(model.labels),
        labels=model.labels,
        normalization=model.normalization if usage.normalization else None,
        normalized_inside=None if usage.normalization else model.normalization,
        kept_float=list(source.kept_float),
        parity={},
        versions=versions,
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
