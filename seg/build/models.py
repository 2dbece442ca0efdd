"""Networks from a configuration, a checkpoint or an export."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from seg.build.datasets import decoding_of
from seg.build.instantiate import build, check_sections, check_targets
from seg.config.allowed_targets import Author, locate
from seg.config.schema import FitConfig, TrainConfig, validate
from seg.data.label_space import LabelSpace
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.deployment.exported_model import ExportedModel
from seg.deployment.format_interface import Cores
from seg.deployment.loading import Export, is_export, open_export, read_export
from seg.errors import ConfigError, DataError, UserError, error_summary, first_lines
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.input_bands import input_bands
from seg.models.interfaces import check_encoder
from seg.models.parameter_limit import parameters_limited
from seg.training.checkpoint import Checkpoint, State, read_checkpoint

F = TypeVar("F", bound=FitConfig)
_ANY_NETWORK = 2**25  # values that are granted to any checkpoint, 128 MiB
_BUILDS = 4  # a library's encoder is built anew for another stride, and then measured


def load_model(
    checkpoint: str | Path, *, trust: bool = False, plugins: Collection[str] = ()
) -> TrainedSegmenter | ExportedModel:
    """Load a trained network in evaluation mode, on the CPU.

    >>> import seg
    >>> model = seg.load_model("runs/mine")
    >>> label = model.predict("images/street.png")
    >>> label.dtype, label.ndim, model.classes[0]
    (dtype('uint8'), 2, 'road')

    Args:
        checkpoint: a checkpoint file, a run directory, or a file that `seg.export` wrote.
        trust: also open exported files that may hold code: `pt2`, `aoti`, `tensorrt`.
        plugins: classes of plugins that the file may name, such as `my_package.MyEncoder`.

    Returns:
        normalized B x C x H x W -> logits B x K x H x W, with `.classes`, `.palette`,
        `.normalization` and `.predict`; of a checkpoint a network that can be trained further.

    Raises:
        DataError: the file is missing, damaged or foreign.
        ConfigError: an exported file that needs `trust`, or a package that is not installed.
    """
    return open_model(read_trained(Path(checkpoint), trust=trust, plugins=plugins))


def read_trained(
    path: Path, *, trust: bool = False, plugins: Collection[str] = ()
) -> Checkpoint | Export:
    """Read a checkpoint, or the card of an exported file.

    Raises:
        DataError, ConfigError: see `load_model`.
    """
    if is_export(path):
        return replace(read_export(path, trust=trust), plugins=tuple(plugins))
    return read_checkpoint(path, plugins=plugins)


def load_teacher(checkpoint: str, plugins: Collection[str] = ()) -> TrainedSegmenter:
    """Load the network of a checkpoint file or run directory, for a student to learn from.

    Raises:
        DataError, ConfigError: see `load_model`; also an exported file.
    """
    if is_export(Path(checkpoint)):
        raise ConfigError(
            f"distillation.checkpoint={checkpoint}: an exported network has no maps to learn from\n"
            "  give the checkpoint or the run directory that it was exported from"
        )
    return restore(read_checkpoint(Path(checkpoint), plugins=plugins))


def open_model(
    source: Checkpoint | Export, cores: Cores | None = None
) -> TrainedSegmenter | ExportedModel:
    """Return the network of a checkpoint, or start the engine of an export on some cores."""
    if isinstance(source, Checkpoint):
        return restore(source)
    if "dataset" not in source.config:
        return open_export(source, cores=cores)
    decoding = decoding_of(training_config(source, TrainConfig, check_others=False).dataset)
    return open_export(source, decoding, cores)


def restore(checkpoint: Checkpoint) -> TrainedSegmenter:
    """Return the network of a checkpoint, with its weights, in evaluation mode."""
    config = training_config(checkpoint, TrainConfig, "encoder", "decoder", check_others=False)
    model = _limited_network(checkpoint, config)
    try:
        model.load_state_dict(checkpoint.model_state)
    except RuntimeError as error:
        detail = "\n".join(str(error).splitlines()[:4])
        raise DataError(
            f"{checkpoint.path}: its tensors do not fit its own configuration\n{detail}"
        ) from None
    _require_types(model, checkpoint)
    encoder: Any = model.encoder
    stored = checkpoint.normalization
    if stored is not None:
        if len(stored.mean) != encoder.channels[0]:
            raise DataError(
                f"{checkpoint.path}: damaged: normalization of {len(stored.mean)} channels, the "
                f"network reads {encoder.channels[0]}\n"
                "  take another checkpoint, or restore this one from a copy"
            )
        encoder.normalization = stored
    return model.eval()


def _require_types(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Refuse weights of another kind of number, which `load_state_dict` would convert silently."""
    for name, tensor in model.state_dict().items():
        stored = checkpoint.model_state[name]
        if tensor.is_floating_point() != stored.is_floating_point():
            raise DataError(
                f"{checkpoint.path}: damaged: {name} is {stored.dtype}, the network has "
                f"{tensor.dtype}\n  take another checkpoint, or restore this one from a copy"
            )


def _limited_network(checkpoint: Checkpoint, config: TrainConfig) -> TrainedSegmenter:
    """Build the network of a checkpoint, of no more parameters than the file can fill."""
    encoder = config.encoder.node()
    if "weights" in encoder:  # they lie in the checkpoint: what it started from is not needed
        encoder["weights"] = None
    stored = sum(tensor.numel() for tensor in checkpoint.model_state.values())
    try:
        with parameters_limited(max(_ANY_NETWORK, _BUILDS * stored)):
            return network(
                encoder, config.decoder.node(), checkpoint.labels, decoding_of(config.dataset)
            )
    except UserError as error:
        raise DataError(
            f"{checkpoint.path}: cannot build the network of its configuration: "
            f"{error_summary(error)}\n  take another checkpoint, or restore this one from a copy"
        ) from None


def training_config(
    checkpoint: State | Export, schema: type[F], *built: str, check_others: bool = True
) -> F:
    """Return the configuration of a checkpoint, validated against today's schema and signatures.

    Args:
        checkpoint: of a run, or a card; others may have written it.
        schema: what it is held against.
        built: sections of which the caller builds something: what these name must be registered
            for its key, so that a checkpoint does nothing but be read.
        check_others: also hold the other sections against the signatures of what they name, which
            imports the libraries of training.

    Raises:
        DataError: it does not fit.
    """
    try:
        config = validate(schema, checkpoint.config)
        if check_others:
            check_targets(config, but_plugins=True)
        check_sections(config, *built, author=Author(is_user=False, plugins=checkpoint.plugins))
    except ConfigError as error:
        raise DataError(
            f"{checkpoint.path}: its configuration cannot be used:\n{first_lines(error)}"
        ) from None
    return config


def build_encoder(encoder: Mapping[str, Any], decoding: ImageDecoding) -> nn.Module:
    """Build the encoder of a configuration for images as they are declared.

    Bands that are named red, green and blue are read by the kernels of these colors, unless
    `encoder.input_bands` says otherwise.

    Raises:
        ConfigError: what its constructor refuses, or what it lacks.
    """
    channels, node = decoding.channels, dict(encoder)
    bands = input_bands(channels, decoding.bands)
    if node.get("input_bands") is None and bands != input_bands(channels):
        target = locate(node["_target_"], "encoder")
        if "input_bands" in inspect.signature(target).parameters:
            node["input_bands"] = list(bands)
    built: nn.Module = build("encoder", node, in_channels=channels)
    check_encoder(built, in_channels=channels)
    return built


def network(
    encoder: Mapping[str, Any],
    decoder: Mapping[str, Any],
    labels: LabelSpace,
    decoding: ImageDecoding = PLAIN,
) -> TrainedSegmenter:
    """Build the network of an encoder, a decoder, the classes it tells apart, and its images.

    Raises:
        ConfigError: what a constructor refuses, or what the encoder lacks.
    """
    built = build_encoder(encoder, decoding)
    decoder_module = build("decoder", decoder, encoder=built, num_classes=labels.num_outputs)
    model = TrainedSegmenter(built, decoder_module, labels)
    model.decoding = decoding
    return model
