"""Model repository of a server: `MODEL/VERSION/FILE`, its card, and what describes the model."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from seg.deployment.format_interface import find_format
from seg.deployment.formats.openvino import precision_hint
from seg.deployment.metadata import Card, check_files, read_card
from seg.deployment.tensor_info import Signature
from seg.errors import ConfigError, DataError
from seg.io.atomic import staged_directory, write_atomically

LABELS = "labels.txt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OTHER_NAME = "give another model_name=NAME or output=DIRECTORY"


@dataclass(frozen=True)
class ServedModel:
    """Exported file of a repository, as a server's configuration describes it.

    Attributes:
        name: of the model, in addresses.
        card: of the file.
        signature: input and output that the file declares.
    """

    name: str
    card: Card
    signature: Signature

    @property
    def file(self) -> str:
        """Return the name of the file to open."""
        return next(iter(self.card.files))

    @property
    def has_free_batch(self) -> bool:
        """Return whether the file takes any number of images."""
        return self.signature.input.shape[0] == self.signature.output.shape[0] == -1

    @property
    def hint(self) -> str | None:
        """Return OpenVINO's name of the type that it computed in; None: another engine did."""
        return _hint(self.card)


@dataclass(frozen=True)
class ModelRepository:
    """Layout that a server reads.

    Attributes:
        name: of the server.
        files: format -> name of the file in a version's directory.
        write: writes what lies beside the versions of a new model into its directory.
        check: refuses a repository whose own configuration cannot take a model.
        register: enters a model into that configuration, if it is not there.
        engines: format -> format whose engine the server runs it by, where that is another one.
        untaken_types: format -> types of input that the server refuses.
    """

    name: str
    files: Mapping[str, str]
    write: Callable[[Path, ServedModel], None]
    check: Callable[[Path], object]
    register: Callable[[Path, ServedModel], None]
    engines: Mapping[str, str] = field(default_factory=dict)
    untaken_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def require(self, format_name: str, stored_type: str | None = None) -> None:
        """Refuse what the server cannot serve.

        Raises:
            ConfigError: a format or a type of stored values that it does not take.
        """
        if format_name not in self.files:
            raise ConfigError(
                f"repository={self.name} format={format_name}: allowed: {', '.join(self.files)}"
            )
        if stored_type in self.untaken_types.get(format_name, ()):
            raise ConfigError(
                f"repository={self.name} format={format_name}: takes no {stored_type} images\n"
                "  give format=onnx, or input_kind=float32, and scale values as the card says"
            )


@dataclass(frozen=True)
class Placement:
    """Where an export lies in a repository.

    Attributes:
        path: the file to open.
        card: its card.
        is_new: False where the newest version was the same export already.
    """

    path: Path
    card: Card
    is_new: bool


def find_repository(name: str) -> ModelRepository:
    """Return the repository of a server."""
    kind: ModelRepository = import_module(f"seg.deployment.repositories.{name}").REPOSITORY
    return kind


def model_name(name: str | None, directory: Path) -> str:
    """Return the name of a model, which is a part of paths and addresses.

    Args:
        name: as given; None: that of the directory.
        directory: of the run.

    Raises:
        ConfigError: it has other characters than letters, digits, `_`, `.` and `-`.
    """
    chosen = re.sub(r"[^A-Za-z0-9_.-]+", "_", directory.name) if name is None else name
    if not _NAME.fullmatch(chosen):
        raise ConfigError(
            f"model_name={chosen}: give a name of letters, digits, _, . and -, such as "
            "model_name=segmentation"
        )
    return chosen


def add_version(
    repository: ModelRepository,
    root: Path,
    name: str,
    format_name: str,
    export: Callable[[Path], Card],
) -> Placement:
    """Export into the next version of a model; whatever lies there already stays as it is.

    A server sees a version whole or not at all.

    Args:
        repository: the server's.
        root: the directory of all models.
        name: of the model.
        format_name: of the export.
        export: writes the file at a path, and its card beside it.

    Raises:
        ConfigError: versions of the model have another input, output or other classes, or no
            card; or another process exports into the repository.
    """
    model, file = root / name, repository.files[format_name]
    repository.check(root)
    number, newest = _newest_version(model, repository)
    root.mkdir(parents=True, exist_ok=True)
    with staged_directory(_beside(root), alone=True) as staged:
        version = staged / name / str(number + 1)
        version.mkdir(parents=True)
        card = export(version / file)
        signature = find_format(format_name).signature
        assert signature is not None, "a format of the repository has one"
        served = ServedModel(name, card, signature(version / file))
        is_new = newest is None or not _is_same_export(newest, card)
        if newest is None:
            lines = "".join(f"{' '.join(each['name'].split())}\n" for each in card.classes)
            write_atomically(version.parent / LABELS, lambda out: out.write(lines.encode()))
            repository.write(version.parent, served)
            version.parent.rename(model)
        elif is_new:
            _require_same_interface(newest, card, model)
            version.rename(model / version.name)
        repository.register(root, served)
    number += is_new
    return Placement(model / str(number) / file, card if is_new else newest or card, is_new)


def _beside(root: Path) -> Path:
    """Return the path to stage for: outside the repository, where that can be renamed into it.

    A server that polls a repository takes each directory in it for a model.
    """
    parent = root.absolute().parent
    movable = os.access(parent, os.W_OK) and parent.stat().st_dev == root.stat().st_dev
    return root if movable else root / "model"


def _newest_version(model: Path, repository: ModelRepository) -> tuple[int, Card | None]:
    """Return the number and the card of the newest version; 0 and None where there is no model."""
    if not model.exists():
        return 0, None
    numbers = [int(each.name) for each in model.iterdir() if re.fullmatch(r"[1-9]\d*", each.name)]
    if not numbers:
        raise ConfigError(f"{model}: is there, and holds no version\n  {_OTHER_NAME}")
    newest = model / str(max(numbers))
    files = [newest / name for name in repository.files.values() if (newest / name).exists()]
    if not files:
        raise ConfigError(f"{newest}: not written by seg.export\n  {_OTHER_NAME}")
    try:
        card = read_card(files[0])
        check_files(files[0], card)
    except DataError as error:
        raise ConfigError(f"{error}\n  {_OTHER_NAME}") from None
    return max(numbers), card


def _is_same_export(old: Card, new: Card) -> bool:
    """Return whether both are exports of one network in one way; OpenVINO names nodes anew."""
    alike = ("format", "spec", "kept_float", "versions")
    return old.files == new.files or (
        old.checkpoint.sha256 == new.checkpoint.sha256
        and all(getattr(old, key) == getattr(new, key) for key in alike)
    )


def _require_same_interface(old: Card, new: Card, model: Path) -> None:
    """Refuse a version that the model's one configuration and its clients would misread."""
    before, after = _interface(old), _interface(new)
    changed = [key for key in before if before[key] != after[key]]
    if changed:
        raise ConfigError(
            f"{model}: its versions share one configuration, and this export has another "
            f"{', '.join(changed)}\n  {_OTHER_NAME}"
        )


def _interface(card: Card) -> dict[str, Any]:
    usage = card.usage
    assert usage is not None, "cards that repositories hold have it"
    return {
        "format": card.format,
        "input": (usage.input, card.spec.size, card.spec.batch_size, usage.normalization),
        "output": (usage.output, usage.padded_grid),
        "list of classes": card.classes,
        "type of products": _hint(card),
    }


def _hint(card: Card) -> str | None:
    return precision_hint(card.spec.precision) if card.parity["engine"] == "openvino" else None
