"""Command `python -m seg.export checkpoint=... format=...`: a network for another engine."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import ExportConfig
    from seg.io.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from seg.data.readers.value_range import ImageDecoding
    from seg.data.sample import Sample
    from seg.deployment.metadata import Card, ExportSpec
    from seg.deployment.parity import Tolerance
    from seg.deployment.repositories.model_repository import ModelRepository
    from seg.training.checkpoint import Checkpoint


@app("export", ExportConfig, has_run_dir=False)
def main(config: ExportConfig, run_dir: Path) -> None:
    """Write the file and its card, or end with exit code 3 if it is not the same network."""
    from seg.build.datasets import refuse_missing_root, refuse_wrong_root
    from seg.models.checkpoint_file import require_checkpoint

    refuse_wrong_root(config.dataset)
    refuse_missing_root(config.checkpoint, config.dataset)
    require_checkpoint(config.checkpoint)
    from seg.build.models import restore
    from seg.data.readers.sha256 import sha256_of
    from seg.deployment.exporter import ExportRequest, export, file_name
    from seg.deployment.format_interface import find_format
    from seg.deployment.loading import export_directory
    from seg.deployment.metadata import SourceCheckpoint
    from seg.deployment.repositories.model_repository import find_repository
    from seg.training.checkpoint import read_checkpoint

    kind = find_format(config.format)
    repository = find_repository(config.repository) if config.repository else None
    if repository is not None:
        repository.require(kind.name)
    kind.require_writing(_spec(config, kind.devices[0]))
    checkpoint = read_checkpoint(config.checkpoint, plugins=config.plugins)
    model = restore(checkpoint)
    spec = _spec(config, kind.devices[0], model.decoding)
    engine = repository.engines.get(kind.name) if repository is not None else None
    request = ExportRequest(
        kind.name, spec, _tolerance(config), config.calibration.agreement, engine
    )
    sha256 = sha256_of(checkpoint.path)
    origin = SourceCheckpoint(sha256=sha256, step=checkpoint.step, config=checkpoint.config)

    def write(target: Path) -> "Card":
        checked, calibration = _samples(config, checkpoint, spec, model.labels.ignore_index)
        return export(model, origin, request, target, checked=checked, calibration=calibration)

    directory = export_directory(checkpoint.path)
    if repository is not None:
        _write_version(config, repository, spec, directory, write)
        return
    card = write(target := config.output or directory / file_name(request))
    say(f"{target}: {card.format} {card.spec.precision}, {', '.join(card.files)}")


def _write_version(
    config: ExportConfig,
    repository: "ModelRepository",
    spec: "ExportSpec",
    directory: Path,
    write: "Callable[[Path], Card]",
) -> None:
    """Write the next version of a model, and say what its clients have to know."""
    from seg.deployment.repositories.model_repository import add_version, model_name

    repository.require(config.format, spec.stored_type)
    name = model_name(config.model_name, directory.parent)
    root = config.output or directory / repository.name
    placement = add_version(repository, root, name, config.format, write)
    card, path = placement.card, placement.path
    if placement.is_new:
        say(f"{path}: {card.format} {card.spec.precision}, {', '.join(card.files)}")
    else:
        say(f"{path}: this very export lies there already; nothing is written")
    if spec.input_kind == "normalized":
        say(f"{path.parent}: clients normalize images; the card says how")


def _samples(
    config: ExportConfig, checkpoint: "Checkpoint", spec: "ExportSpec", ignore_index: int
) -> tuple[list["Sample"], list["Sample"]]:
    """Return the samples that the gate compares on, and those that choose the ranges of int8."""
    from seg.build.evaluation import checkpoint_dataset
    from seg.deployment.calibration import spread

    def samples(split: str, count: int | None) -> list["Sample"]:
        dataset = checkpoint_dataset(
            checkpoint, dataset=config.dataset, labels=config.labels, split=split
        )
        return spread(dataset, count, spec.size, ignore_index)

    calibration = config.calibration
    is_int8 = config.precision == "int8"
    return (
        samples(config.split, config.num_images),
        samples(calibration.split, calibration.num_images) if is_int8 else [],
    )


def _tolerance(config: ExportConfig) -> "Tolerance":
    from seg.deployment.parity import TOLERANCES

    changed = config.tolerance.model_dump(exclude_none=True)
    return replace(TOLERANCES[config.precision], **changed)


def _spec(
    config: ExportConfig,
    default_device: Literal["cpu", "cuda"],
    decoding: "ImageDecoding | None" = None,
) -> "ExportSpec":
    """Return the kind of export; `decoding` is that of the network, once it is known."""
    from seg.deployment.metadata import ExportSpec
    from seg.deployment.stored_images import with_kind

    values = config.model_dump(include={*ExportSpec.model_fields})
    values["device"] = default_device if config.device == "auto" else config.device
    if config.input_kind is None:
        values["input_kind"] = _implied_input_kind(config, decoding)
    if values["input_kind"] == "stored":
        kind = config.dataset.get("kind")
        values["stored_type"] = "float32" if decoding is None else with_kind(decoding, kind).kind
    return ExportSpec(**values)


def _implied_input_kind(config: ExportConfig, decoding: "ImageDecoding | None") -> str:
    """Return what servers of a repository are given: the values of files, as they are."""
    from seg.data.readers.value_range import PLAIN

    if config.repository is None or decoding is None:
        return "float32"
    return "uint8" if decoding == PLAIN else "stored"


if __name__ == "__main__":
    main()
