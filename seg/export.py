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
    from seg.data.readers.value_range import ImageDecoding
    from seg.deployment.metadata import ExportSpec
    from seg.deployment.parity import Tolerance


@app("export", ExportConfig, has_run_dir=False)
def main(config: ExportConfig, run_dir: Path) -> None:
    """Write the file and its card, or end with exit code 3 if it is not the same network."""
    from seg.build.datasets import refuse_wrong_root

    refuse_wrong_root(config.dataset)
    from seg.build.evaluation import checkpoint_dataset
    from seg.build.models import restore
    from seg.data.readers.sha256 import sha256_of
    from seg.data.sample import Sample
    from seg.deployment.calibration import spread
    from seg.deployment.exporter import ExportRequest, export, file_name
    from seg.deployment.format_interface import find_format
    from seg.deployment.loading import export_directory
    from seg.deployment.metadata import SourceCheckpoint
    from seg.training.checkpoint import read_checkpoint

    kind = find_format(config.format)
    calibration, is_int8 = config.calibration, config.precision == "int8"
    kind.require_writing(_spec(config, kind.devices[0]))
    checkpoint = read_checkpoint(config.checkpoint, plugins=config.plugins)
    model = restore(checkpoint)
    spec = _spec(config, kind.devices[0], model.decoding)
    request = ExportRequest(kind.name, spec, _tolerance(config), calibration.agreement)

    def samples(split: str, count: int | None) -> list[Sample]:
        dataset = checkpoint_dataset(
            checkpoint, dataset=config.dataset, labels=config.labels, split=split
        )
        return spread(dataset, count, spec.size, model.labels.ignore_index)

    sha256 = sha256_of(checkpoint.path)
    card = export(
        model,
        SourceCheckpoint(sha256=sha256, step=checkpoint.step, config=checkpoint.config),
        request,
        target := config.output or export_directory(checkpoint.path) / file_name(request),
        checked=samples(config.split, config.num_images),
        calibration=samples(calibration.split, calibration.num_images) if is_int8 else (),
    )
    say(f"{target}: {card.format} {card.spec.precision}, {', '.join(card.files)}")


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
    if config.input_kind == "stored":
        kind = config.dataset.get("kind")
        values["stored_type"] = "float32" if decoding is None else with_kind(decoding, kind).kind
    return ExportSpec(**values)


if __name__ == "__main__":
    main()
