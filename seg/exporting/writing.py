"""Network -> exported file with its card, if it passes the gate."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from seg.data.sample import Sample
from seg.errors import ConfigError
from seg.exporting.card import Card, Geometry, Origin, Spec, card_path, digests, write_card
from seg.exporting.engine import ExportedSegmenter
from seg.exporting.format import ExportFormat, Source, find_format
from seg.exporting.parity import TOLERANCES, Parity, ParityError, Tolerance, measure
from seg.exporting.sensitivity import float_modules
from seg.inference.footprint import bytes_per_pixel
from seg.inference.trained import TrainedSegmenter

log = logging.getLogger(__name__)
_SENSITIVITY_PICTURES = 4


@dataclass(frozen=True)
class Wanted:
    """An export to make.

    Attributes:
        format: name.
        spec: what is exported.
        tolerance: what the gate lets pass.
        int8_agreement: see `seg.exporting.sensitivity.float_modules`.
    """

    format: str
    spec: Spec
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


def file_name(wanted: Wanted) -> str:
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
    origin: Origin,
    wanted: Wanted,
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
    source = _source(model, wanted, calibration)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.staged.") as folder:
        files = kind.write(source, Path(folder) / target.name)
        card = _card(source, origin, kind, files)
        parity = measure(model, ExportedSegmenter(card, kind.open(files[0], card)), checked)
        _refuse(parity, wanted, target)
        card = card.model_copy(update={"parity": parity.to_dict(wanted.tolerance)})
        card_path(target).unlink(missing_ok=True)
        for file in files:
            file.replace(target.with_name(file.name))
    write_card(target, card)
    log.info("parity     %s", parity)
    return card


def _source(model: TrainedSegmenter, wanted: Wanted, calibration: Sequence[Sample]) -> Source:
    source = Source(model, wanted.spec)
    if wanted.spec.precision != "int8":
        return source
    pictures = [sample.image for sample in calibration]
    if not pictures:
        raise ConfigError("precision=int8: needs pictures; give calibration.pictures=1 or more")
    kept = float_modules(model, pictures[:_SENSITIVITY_PICTURES], agreement=wanted.int8_agreement)
    return replace(source, calibration=pictures, kept_float=kept)


def _refuse(parity: Parity, wanted: Wanted, target: Path) -> None:
    faults = parity.faults(wanted.tolerance)
    if faults:
        raise ParityError(
            f"{wanted.format} {wanted.spec.precision} is not the network on {parity.pictures} "
            f"pictures; {target.name} is not written\n  "
            + "\n  ".join(faults)
            + "\n  allow more by tolerance.agreement and tolerance.miou_points, or choose another "
            "precision"
        )


def _card(source: Source, origin: Origin, kind: ExportFormat, files: Sequence[Path]) -> Card:
    model = source.model
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
        labels=model.labels.to_dict(),
        normalization=model.normalization.to_dict(),
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
