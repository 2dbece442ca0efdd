"""Exported files in place of checkpoints."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seg.config.options import nearest
from seg.data.label_space import LabelSpace
from seg.data.readers.sha256 import sha256_of
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.deployment.exported_model import ExportedModel
from seg.deployment.format_interface import Cores, find_format, format_names
from seg.deployment.metadata import Card, card_path, check_files, read_card
from seg.errors import ConfigError, DataError, brief

log = logging.getLogger(__name__)
_KIND = "export of this checkpoint that gives logits of any size here (output_kind=logits)"


@dataclass(frozen=True)
class Export:
    """Exported file with its card, in place of a `Checkpoint`.

    Attributes:
        path: the file.
        card: what lies beside it.
        plugins: targets of plugins that the user lets the card name.
    """

    path: Path
    card: Card
    plugins: tuple[str, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        """Return the training configuration of the checkpoint."""
        return self.card.checkpoint.config

    @property
    def labels(self) -> LabelSpace:
        """Return the classes."""
        return self.card.labels

    @property
    def step(self) -> int:
        """Return the number of optimizer steps that the network was trained for."""
        return self.card.checkpoint.step

    @property
    def identity(self) -> Path:
        """Return the file whose hash identifies the export: the card, which has all hashes."""
        return card_path(self.path)

    @property
    def engine(self) -> str:
        """Return the format and the precision, in words."""
        return f"{self.card.format} {self.card.spec.precision}"


def is_export(path: Path) -> bool:
    """Return whether a path is named like an exported file."""
    return path.name.endswith(tuple(find_format(name).suffix for name in format_names()))


def read_export(path: Path, *, trust: bool = False) -> Export:
    """Read the card of an exported file and check the file against it; the engine does not start.

    The card detects damage and mix-ups, not intent: whoever can change a file can write a card.

    Args:
        path: the file.
        trust: also take formats whose files may hold code that runs when they are opened.

    Raises:
        DataError: missing, damaged or changed files, or no card.
        ConfigError: a format that needs `trust`, or a package that is not installed.
    """
    if not path.is_file():
        raise DataError(f"checkpoint={path}: no such file")
    card = _read_known_card(path)
    check_files(path, card)
    kind = find_format(card.format)
    if kind.runs_code and not trust:
        raise ConfigError(
            f"{path}: opening a file of format {kind.name} may run code that lies in it\n"
            "  give trust=true for a file that you made yourself, or export to onnx or openvino"
        )
    kind.require(kind.running)
    return Export(path, card)


def _read_known_card(path: Path) -> Card:
    card = read_card(path)
    if card.format not in format_names():
        raise DataError(
            f"{card_path(path)}: format {brief(card.format)}; this version opens "
            f"{', '.join(format_names())}\n  export it again: python -m seg.export"
        )
    return card


def open_export(
    export: Export, decoding: ImageDecoding = PLAIN, cores: Cores | None = None
) -> ExportedModel:
    """Start the engine.

    Args:
        export: the file with its card.
        decoding: how the values of image files are converted.
        cores: that it takes on a CPU; None: one pass at a time, of torch's threads.

    Raises:
        DataError: the engine cannot open the file.
    """
    run = find_format(export.card.format).open(export.path, export.card, cores or Cores())
    return ExportedModel(export.card, run, decoding)


def choose_engine(checkpoint: Path, engine: str, *, device: str, trust: bool = False) -> Path:
    """Return the file to use for a checkpoint: itself, or an export of it.

    Args:
        checkpoint: a checkpoint file; an exported file stays what it is.
        engine: `torch` for the checkpoint; `auto` for the newest export of this very checkpoint
            that computes logits of any size and runs here, on a CPU; a format's name for the
            newest of that format.
        device: `auto`, `cpu` or `cuda`; auto takes exports on a CPU alone.
        trust: see `read_export`.

    Raises:
        ConfigError: an unknown engine, or no export of that format.
    """
    engines = ("auto", "torch", *format_names())
    if engine not in engines:
        close = nearest(engine, list(engines))
        raise ConfigError(f"engine={engine}: unknown; allowed: {', '.join(engines)}{close}")
    if engine == "torch" or is_export(checkpoint) or (engine == "auto" and device != "cpu"):
        return checkpoint
    if engine == "auto":
        usable = usable_exports(checkpoint, trust=trust)
    else:
        usable = [each for each in _exports_of(checkpoint) if each.card.format == engine]
    if usable:
        newest = max(usable, key=lambda each: each.card.created)
        log.info("engine     %s: %s", newest.engine, newest.path)
        return newest.path
    directory = export_directory(checkpoint)
    if engine != "auto":
        raise ConfigError(
            f"engine={engine}: {directory} holds no {engine} export of this checkpoint\n"
            f"  python -m seg.export checkpoint={checkpoint} format={engine}"
        )
    if directory.is_dir():
        log.info("engine     torch: %s holds no %s", directory, _KIND)
    return checkpoint


def usable_exports(checkpoint: Path, *, trust: bool = False) -> list[Export]:
    """Return the exports of a checkpoint file that compute logits of any size on this CPU.

    Args:
        checkpoint: a checkpoint file, or an exported file, which has none.
        trust: see `read_export`.
    """
    if is_export(checkpoint):
        return []
    return [each for each in _exports_of(checkpoint) if _is_usable(each.card, trust=trust)]


def export_directory(checkpoint: Path) -> Path:
    """Return the default directory of the exports of a checkpoint file."""
    directory = checkpoint.absolute().parent
    return (directory.parent if directory.name == "checkpoints" else directory) / "export"


def _exports_of(checkpoint: Path) -> list[Export]:
    cards = sorted(export_directory(checkpoint).glob("*.json"))
    paths = [card.with_name(card.name.removesuffix(".json")) for card in cards]
    exports = []
    for path in paths:
        try:
            if path.is_file() and is_export(path):
                exports.append(Export(path, _read_known_card(path)))
        except DataError as error:
            log.warning("%s", error)
    if not exports:
        return []
    own = sha256_of(checkpoint)
    return [each for each in exports if each.card.checkpoint.sha256 == own]


def _is_usable(card: Card, *, trust: bool) -> bool:
    kind = find_format(card.format)
    plain = card.spec.output_kind == "logits" and card.spec.size is None
    allowed = trust or not kind.runs_code
    return plain and card.spec.device == "cpu" and kind.runs_here and allowed
