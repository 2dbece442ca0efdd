"""Configuration or checkpoint -> network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from seg.assemble.building import build, check_sections, check_targets
from seg.assemble.decoding import decoding_of
from seg.checkpoint import Checkpoint, State, read_checkpoint
from seg.config.schema import FitConfig, TrainConfig, validate
from seg.data.labels import LabelSpace
from seg.data.sample import IMAGE_CHANNELS
from seg.errors import ConfigError, DataError
from seg.exporting.exported import Export, is_export, open_export, read_export
from seg.inference.trained import TrainedSegmenter

F = TypeVar("F", bound=FitConfig)


def load_model(checkpoint: str | Path, *, trust: bool = False) -> TrainedSegmenter:
    """A trained network in evaluation mode, on the CPU.

    Args:
        checkpoint: a checkpoint file, a run directory, or a file that `seg.export` wrote.
        trust: also open exported files that may hold code: `pt2`, `aoti`, `tensorrt`.

    Returns:
        normalised B x C x H x W -> logits B x K x H x W, with `.classes`, `.palette`,
        `.normalization` and `.predict`.

    Raises:
        DataError: the file is missing, damaged or foreign.
        ConfigError: an exported file that needs `trust`, or a package that is not installed.
    """
    return restore(read_trained(Path(checkpoint), trust=trust))


def read_trained(path: Path, *, trust: bool = False) -> Checkpoint | Export:
    """What stands for a trained network: a checkpoint, or an exported file.

    Raises:
        DataError, ConfigError: see `load_model`.
    """
    return read_export(path, trust=trust) if is_export(path) else read_checkpoint(path)


def restore(checkpoint: Checkpoint | Export) -> TrainedSegmenter:
    """The network of a checkpoint, with its weights, in evaluation mode."""
    if isinstance(checkpoint, Export):
        exported = open_export(checkpoint)
        if "dataset" in checkpoint.config:
            config = training_config(checkpoint, TrainConfig)
            exported.decoding = decoding_of(config.dataset)
        return exported
    config = training_config(checkpoint, TrainConfig, "encoder", "decoder")
    # The weights lie in the checkpoint: what the encoder started from is no longer needed.
    model = network(
        {**config.encoder.node(), "weights": None}, config.decoder.node(), checkpoint.labels
    )
    try:
        model.load_state_dict(checkpoint.model_state)
    except RuntimeError as error:
        detail = "\n".join(str(error).splitlines()[:4])
        raise DataError(
            f"{checkpoint.path}: its tensors do not fit its own configuration\n{detail}"
        ) from None
    if checkpoint.normalization is not None:
        encoder: Any = model.encoder
        encoder.normalization = checkpoint.normalization
    model.decoding = decoding_of(config.dataset)
    return model.eval()


def training_config(checkpoint: State | Export, schema: type[F], *built: str) -> F:
    """The configuration that made a checkpoint, held against today's schema and signatures.

    Args:
        checkpoint: of a run, or a card; others may have written it.
        schema: what it is held against.
        built: sections of which the caller builds something: what these name must be registered
            for its key, so that a checkpoint does nothing but be read.

    Raises:
        DataError: it does not fit.
    """
    try:
        config = validate(schema, checkpoint.config)
        check_targets(config)
        check_sections(config, *built, from_file=True)
    except ConfigError as error:
        raise DataError(
            f"{checkpoint.path}: its configuration does not fit this version:\n{error}"
        ) from None
    return config


def network(
    encoder: Mapping[str, Any], decoder: Mapping[str, Any], labels: LabelSpace
) -> TrainedSegmenter:
    built: nn.Module = build("encoder", encoder, in_channels=IMAGE_CHANNELS)
    return TrainedSegmenter(
        built, build("decoder", decoder, encoder=built, num_classes=labels.num_classes), labels
    )
