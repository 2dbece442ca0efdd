"""The parts of items that a format merges at the end: JSON files below the output."""

from typing import Any

from seg.data.readers.sha256 import sha256_of
from seg.io.json_file import read_json
from seg.io.source import Source, checked
from seg.prediction.items import Item
from seg.prediction.writer import Format, ManifestEntry


def read_part(of: Format, item: Item, record: ManifestEntry) -> list[Any]:
    """Read the list that a format has written of an item.

    Raises:
        DataError: the file is missing or damaged, or is not the one of the manifest.
    """
    (target,) = of.targets(item)
    path = of.path(target)
    source = Source(path, "part", f"delete it and run the command again: rm {path}")
    mark = record.get("files", {}).get(target)
    if mark is not None and sha256_of(path) != mark["sha256"]:
        raise source.damaged("damaged: its SHA-256 is not that of the manifest")
    return checked(list[Any], read_json(path, source.kind, remedy=source.remedy), source)
