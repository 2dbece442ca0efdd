"""Summary of a run's configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from seg.config.changes import flatten
from seg.reports.number_format import shorten

_ABSENT = "\u2013"
_MAX_CHARACTERS = 160


def main_choices(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the main choices as name and text; absent ones are left out."""
    flat = dict(flatten(config))
    choices = [
        ("dataset", _kind(flat, "dataset") or _kind(flat, "classification_dataset")),
        ("images", _images(flat, "dataset") or _images(flat, "classification_dataset")),
        ("encoder", _joined(flat, "encoder.name", "encoder.output_stride", " at output stride ")),
        ("decoder", _text(flat, "decoder.name")),
        ("weights", _text(flat, "weights") or _text(flat, "encoder.weights") or "random"),
        ("loss", _kind(flat, "loss")),
        ("optimizer", _joined(flat, "optimizer._target_", "optimizer.lr", ", learning rate ")),
        ("schedule", _kind(flat, "scheduler")),
        ("augmentation", _crop(flat) or _kind(flat, "classification_augmentation")),
        ("outputs", _text(flat, "head.outputs")),
        ("mixup", _kind(flat, "mixup")),
        ("batch", _batch(flat)),
        ("length", _length(flat)),
        ("precision", _text(flat, "trainer.precision")),
        ("averaging", _kind(flat, "callbacks.averaging")),
        ("distillation", _kind(flat, "distillation")),
        ("semi-supervised", _kind(flat, "semi_supervised")),
        ("seed", _text(flat, "seed")),
    ]
    return [(name, text) for name, text in choices if text and flat]


def differences(configs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return the keys in which configurations differ, with the text of each of them."""
    flat = [dict(flatten(each)) for each in configs]
    keys = dict.fromkeys(key for each in flat for key in each)
    rows = [
        (
            key,
            [shorten(str(each[key]), _MAX_CHARACTERS) if key in each else _ABSENT for each in flat],
        )
        for key in keys
    ]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _text(flat: Mapping[str, Any], key: str) -> str:
    """Return a value as text; empty if absent."""
    value = flat.get(key)
    return "" if value is None else str(value)


def _kind(flat: Mapping[str, Any], section: str) -> str:
    """Return the last part of a section's `_target_`."""
    return _text(flat, f"{section}._target_").rpartition(".")[2]


def _images(flat: Mapping[str, Any], section: str) -> str:
    """Describe bands, type, range and missing values of image files; empty: nothing declared."""
    words = (
        ("bands", "bands"),
        ("kind", "type"),
        ("value_range", "black to white"),
        ("nodata", "no data"),
    )
    stated = {key: flat.get(f"{section}.{key}") for key, _ in words}
    texts = [
        f"{word} {shorten(str(stated[key]), _MAX_CHARACTERS)}"
        for key, word in words
        if stated[key] is not None
    ]
    return ", ".join([*texts, *["not clipped"] * (flat.get(f"{section}.clip") is False)])


def _joined(flat: Mapping[str, Any], first: str, second: str, between: str) -> str:
    """Return two values with a text between them, or the first alone."""
    head, tail = _text(flat, first).rpartition(".")[2], _text(flat, second)
    return head + between + tail if head and tail else head


def _crop(flat: Mapping[str, Any]) -> str:
    """Describe the crops, else the kind of augmentation."""
    crop = flat.get("augmentation.crop")
    if isinstance(crop, list) and len(crop) == 2:
        return f"crops of {crop[1]} x {crop[0]} pixels"
    return _kind(flat, "augmentation")


def _batch(flat: Mapping[str, Any]) -> str:
    """Describe the batch size and what multiplies it."""
    size = _text(flat, "loader.batch_size")
    factors = [
        f"{value} {what}"
        for key, what in (
            ("trainer.devices", "devices"),
            ("trainer.num_nodes", "machines"),
            ("trainer.accumulate_grad_batches", "batches a step"),
        )
        if (value := _text(flat, key)) not in ("", "1", "auto")
    ]
    return " x ".join([size, *factors]) if size else ""


def _length(flat: Mapping[str, Any]) -> str:
    """Describe the length of the training."""
    steps, epochs = _text(flat, "trainer.max_steps"), _text(flat, "trainer.max_epochs")
    if steps not in ("", "-1"):
        return f"{int(steps):,} steps" if steps.isdigit() else steps
    return f"{epochs} epochs" if epochs else ""
