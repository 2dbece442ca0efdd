"""The writers of one item, whose files are put in place or discarded together."""

import errno
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.manifest_entries import done_record, file_mark
from seg.prediction.writer import Format, ItemRows, ManifestEntry, Writer


class ItemWriters:
    """Writes one item in several formats.

    A name that is too long for the file system loses only the files of its format.

    Raises:
        OSError: a file cannot be written for another reason; nothing of the item remains.
    """

    def __init__(self, formats: Sequence[Format], item: Item, raster: Raster) -> None:
        self._item = item
        self._size = (raster.width, raster.height)
        self._writers: dict[Format, Writer] = {}
        self._lacking: list[str] = []
        for each in formats:
            try:
                self._writers[each] = each.open(item, raster)
            except OSError as error:
                self._lose(each, error)
            except BaseException:
                self.discard()
                raise

    def write(self, piece: ItemRows) -> None:
        """Write the next rows."""
        for writer in self._writers.values():
            writer.write(piece)

    def close(self) -> ManifestEntry:
        """Put the files in place, possibly in another thread; return the manifest's entry."""
        parts: dict[str, Any] = {}
        files: dict[str, Any] = {}
        for each, writer in list(self._writers.items()):
            try:
                part = writer.close()
                files |= {name: file_mark(each.path(name)) for name in each.targets(self._item)}
            except OSError as error:
                self._lose(each, error)
                continue
            if part is not None:
                parts[each.name] = part
        return done_record(
            self._item, size=self._size, files=files, parts=parts, lacking=self._lacking
        )

    def discard(self) -> None:
        """Remove the files of an item that turned out to be damaged."""
        for writer in self._writers.values():
            with suppress(OSError):  # such as of a full disk, which is reported already
                writer.discard()

    def _lose(self, lost: Format, error: OSError) -> None:
        """Give up a format whose file name is too long; raise any other error."""
        if error.errno != errno.ENAMETOOLONG:
            self.discard()
            raise error
        self._lacking.append(lost.name)
        if (writer := self._writers.pop(lost, None)) is not None:
            with suppress(OSError):
                writer.discard()
