"""The classes of people's own data: a checked table, from a file or from a format's own."""

import colorsys
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seg.data.label_dtype import WIDE_IGNORE_INDEX, usual_ignore_index
from seg.data.label_space import LabelSpace
from seg.data.readers.class_entry import (
    CLASS_FORMS,
    ClassEntry,
    class_id,
    class_name,
    entries_of_table,
    entries_of_text,
)
from seg.data.readers.color_labels import Color, ColorLabels
from seg.data.readers.urls import Location, is_remote, read_json
from seg.errors import ConfigError, DataError, brief

CLASS_FILES = ("classes.json", "classes.txt")
"""Names of a class file that is read without being named; the first that exists."""

_ROBOFLOW = "_classes.csv"  # in its classification exports, too, with other columns
_LONGEST_START = 64
_ID_DIGITS = 20
_KEYS = ("name", "id", "color", "ignore")
_GOLDEN_RATIO = 0.618034
_HUES = 1024  # steps of the hue, before colors repeat
_CODE_STEP = round(_GOLDEN_RATIO * 2**24) | 1
_HEX = re.compile("#" + 3 * "([0-9a-fA-F]{2})")


@dataclass(frozen=True)
class Classes:
    """The classes of a dataset; made by `make_classes`.

    Attributes:
        labels: trained classes in the order of the entries; 255, for more than 255 of them 65535,
            is ignored unless it is a class.
        entries: all of them, the ignored included.
        source: the file that names them, for messages.
    """

    labels: LabelSpace
    entries: tuple[ClassEntry, ...]
    source: str

    def color_labels(self) -> ColorLabels:
        """Return the reader of label files that hold the colors of these classes.

        Raises:
            DataError: a class has no color, or a class shares its color.
        """
        known: dict[Color, ClassEntry] = {}
        for entry in self.entries:
            if entry.color is None:
                raise DataError(
                    f"the labels hold colors, and {self.source} gives {entry.name!r} none\n"
                    '  give each class its color: {"road": [128, 64, 128], ...}'
                )
            other = known.setdefault(entry.color, entry)
            if other is not entry and not (entry.ignored and other.ignored):
                raise DataError(
                    f"{self.source}: {other.name!r} and {entry.name!r} have one color,"
                    f" {list(entry.color)}\n  in labels that hold colors each class needs its own"
                )
        return ColorLabels({color: entry.id for color, entry in known.items()}, self.source)


def make_classes(entries: Sequence[ClassEntry], source: object) -> Classes:
    """Check a table of classes and lay it out; classes without a color get a distinct one.

    Args:
        entries: in the order of the train ids.
        source: the file that names them, for messages.

    Raises:
        DataError: names or ids repeat, a name has several lines, some entries have colors and
            some not, or there are too many or too few classes.
    """
    _refuse_repeats(entries, source)
    for entry in entries:
        if entry.name.splitlines() != [entry.name]:
            raise DataError(f"{source}: class name {brief(entry.name)}: give it in one line")
    trained = [entry for entry in entries if not entry.ignored]
    if len(trained) > WIDE_IGNORE_INDEX:
        raise DataError(
            f"{source}: {len(trained)} classes to train; more than {WIDE_IGNORE_INDEX} are not"
            " supported\n  merge some of them in the label files, or ignore some"
        )
    if len(trained) < 2:
        listed = "0 classes to train"
        if trained:
            listed = f"{trained[0].name!r} is the only class to train"
        raise DataError(
            f"{source}: {listed}; two or more are needed\n"
            "  what is not of the class is a class too: add it (background)"
        )
    bare = next((entry.name for entry in entries if entry.color is None), None)
    if bare is not None and any(entry.color is not None for entry in entries):
        raise DataError(
            f"{source}: entry {bare!r} has no color and others have; give all of them one, or none"
        )
    train_ids = {entry.id: train_id for train_id, entry in enumerate(trained)}
    ignore_index = usual_ignore_index(len(trained))
    file_ids = {ignore_index: ignore_index}
    file_ids |= {entry.id: train_ids.get(entry.id, ignore_index) for entry in entries}
    palette = distinct_palette(len(trained))
    if bare is None:
        palette = tuple(entry.color for entry in trained if entry.color is not None)
    names = tuple(entry.name for entry in trained)
    labels = LabelSpace(names, palette, tuple(sorted(file_ids.items())), ignore_index)
    return Classes(labels, tuple(entries), str(source))


def find_classes(classes: Location | None, beside: Path | None) -> Classes | None:
    """Read the configured class file, else one in a directory; None where there is none.

    Args:
        classes: the file; None: the first of `CLASS_FILES` in `beside`, if there is any, else the
            table that Roboflow writes into the directory of each split.
        beside: the directory of the data.

    Raises:
        ConfigError: the named file does not exist.
        DataError: what is wrong with which entry, or the splits have other classes.
    """
    if classes is None:
        names = CLASS_FILES if beside is not None else ()
        usual = [beside / name for name in names if beside and (beside / name).is_file()]
        if usual or beside is None:
            return read_classes(usual[0]) if usual else None
        return _classes_of_splits(beside)
    if is_remote(classes):
        return read_classes(classes)
    path = Path(classes).expanduser()
    if not path.is_file():
        raise ConfigError(f"dataset.classes={classes}: no such file ({path.absolute()})")
    return read_classes(path)


def _classes_of_splits(directory: Path) -> Classes | None:
    """Return the classes of Roboflow's tables; None: there are none, or of image classification."""
    tables = [directory / _ROBOFLOW, *sorted(directory.glob(f"*/{_ROBOFLOW}"))]
    tables = [table for table in tables if table.is_file() and _has_pixel_values(table)]
    if not tables:
        return None
    first, *others = [read_classes(table) for table in tables]
    for other in others:
        if other.entries != first.entries:
            raise DataError(
                f"{first.source} and {other.source} name other classes\n"
                "  export all splits from one version, or choose one: dataset.classes=FILE"
            )
    return first


def _has_pixel_values(table: Path) -> bool:
    with table.open("rb") as file:
        start = file.read(_LONGEST_START)
    return start.lstrip(b'\xef\xbb\xbf "').lower().startswith(b"pixel value")


def read_classes(location: Location) -> Classes:
    """Read the classes that a file names.

    A text file (`.txt`) and a table (`.csv`): `seg.data.readers.class_entry`. A JSON file has one
    of four forms:

    * `["road", "car"]`: the ids are 0, 1, ... in this order.
    * `{"road": [128, 64, 128], "car": [0, 0, 142]}`: the same, with colors.
    * `{"0": "road", "1": "car"}`: names by id (the Hub's `id2label.json`).
    * `[{"name": "road", "id": 7, "color": [128, 64, 128], "ignore": false}, ...]`: only `name` must
      be there. `id` and `color` have all entries or none; without `id` it is the position.

    Raises:
        DataError: the file cannot be read, or what is wrong with which entry.
    """
    readers = {".txt": entries_of_text, ".csv": entries_of_table}
    reader = readers.get(PurePosixPath(str(location)).suffix.lower())
    if reader is not None:
        return make_classes(reader(location), location)
    content = read_json(location, "class file")
    if not isinstance(content, list | dict) or not content:
        raise DataError(f"{location}: holds no classes; allowed:\n  {CLASS_FORMS}")
    if isinstance(content, list):
        entries = _from_list(content, location)
    elif all(isinstance(value, str) and not _HEX.fullmatch(value) for value in content.values()):
        entries = _from_names_by_id(content, location)
    else:
        entries = [
            ClassEntry(
                class_name(name, location, at), at, rgb(value, f"{location}: entry {name!r}")
            )
            for at, (name, value) in enumerate(content.items())
        ]
    return make_classes(entries, location)


def rgb(value: Any, where: str) -> Color:
    """Parse a color that JSON holds as `[r, g, b]` or `"#rrggbb"`.

    Raises:
        DataError: it is none, with `where`.
    """
    if isinstance(value, str) and (match := _HEX.fullmatch(value)):
        red, green, blue = (int(share, 16) for share in match.groups())
        return red, green, blue
    if isinstance(value, list) and len(value) == 3 and all(type(share) is int for share in value):
        red, green, blue = value
        if min(value) >= 0 and max(value) <= 255:
            return red, green, blue
    raise DataError(f"{where}: color is {brief(value)}; allowed: [r, g, b], each 0 to 255")


def distinct_palette(count: int) -> tuple[Color, ...]:
    """Return `count` different colors, none black; a longer palette begins like a shorter one."""
    colors: dict[Color, None] = {}
    for step in range(_HUES):
        if len(colors) == count:
            break
        saturation, value = 0.85 - 0.3 * (step // 3 % 2), 0.95 - 0.2 * (step % 3)
        shares = colorsys.hsv_to_rgb(step * _GOLDEN_RATIO % 1, saturation, value)
        red, green, blue = (round(255 * share) for share in shares)
        colors[red, green, blue] = None
    code = 0
    while len(colors) < count:
        code = (code + _CODE_STEP) % 2**24  # passes through all codes
        colors[code >> 16, code >> 8 & 255, code & 255] = None
    return tuple(colors)


def _refuse_repeats(entries: Sequence[ClassEntry], source: object) -> None:
    names: dict[str, ClassEntry] = {}
    ids: dict[int, ClassEntry] = {}
    for entry in entries:
        if names.setdefault(entry.name, entry) is not entry:
            raise DataError(f"{source}: the name {entry.name!r} occurs twice")
        other = ids.setdefault(entry.id, entry)
        if other is not entry:
            raise DataError(f"{source}: {other.name!r} and {entry.name!r} have one id, {entry.id}")


def _from_list(content: Sequence[Any], location: Location) -> list[ClassEntry]:
    if all(isinstance(item, str) for item in content):
        return [ClassEntry(class_name(name, location, at), at) for at, name in enumerate(content)]
    entries = [_entry(item, location, at) for at, item in enumerate(content)]
    with_id = ["id" in item for item in content]
    if any(with_id) and not all(with_id):
        lacking = entries[with_id.index(False)].name
        raise DataError(
            f"{location}: entry {lacking!r} has no id and others have;"
            " give all of them one, or none"
        )
    return entries


def _entry(item: Any, location: Location, at: int) -> ClassEntry:
    if not isinstance(item, dict):
        raise DataError(f"{location}: entry {at} is {brief(item)}; allowed forms:\n  {CLASS_FORMS}")
    unknown = sorted(set(item) - set(_KEYS))
    if unknown:
        raise DataError(
            f"{location}: entry {at} has the key {brief(unknown[0])}; allowed: {', '.join(_KEYS)}"
        )
    name = class_name(item.get("name"), location, at)
    entry = f"entry {name!r}"
    ignored = item.get("ignore", False)
    if not isinstance(ignored, bool):
        raise DataError(f"{location}: {entry}: ignore is {brief(ignored)}; allowed: true, false")
    color = rgb(item["color"], f"{location}: {entry}") if "color" in item else None
    return ClassEntry(name, class_id(item.get("id", at), location, entry), color, ignored)


def _from_names_by_id(content: dict[str, str], location: Location) -> list[ClassEntry]:
    for key in content:
        if not (key.isascii() and key.isdigit() and len(key) < _ID_DIGITS):
            raise DataError(
                f"{location}: key {brief(key)} is no id; a file of names by id is"
                ' {"0": "road", "1": "car"}'
            )
    ordered = sorted((class_id(int(key), location, f"entry {key!r}"), key) for key in content)
    return [ClassEntry(class_name(content[key], location, id_), id_) for id_, key in ordered]
