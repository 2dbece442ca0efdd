"""Prediction of items: reads ahead, predicts, writes behind."""

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from seg.cpu import give_back_memory
from seg.errors import DataError, StorageError
from seg.inference.committee import iter_compared_blocks
from seg.inference.image_model import ImageModel
from seg.inference.image_source import Raster
from seg.inference.inference import Inference, RowBlock
from seg.prediction.camera import Camera
from seg.prediction.items import Item
from seg.prediction.manifest_entries import done_record, failed_entry, file_mark
from seg.prediction.reader import ItemReader
from seg.prediction.writer import Format, ItemRows, ManifestEntry, Writer

_READ_AHEAD = 2  # items, including the one that is predicted
_WRITING_THREADS = 2
_MAX_WAITING_PIXELS = 2**25  # of the items that are being written, before the next is predicted
_MAX_WAITING_ITEMS = 8
_LARGE_PIXELS = 2**24


class _ItemWriters:
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


@dataclass(eq=False)
class Predictor:
    """Predicts items with a network.

    One thread decodes the next items and two encode finished ones, while this one predicts.

    Attributes:
        model: on its device.
        inference: how images go through it.
        formats: what is written.
        opener: opens items; in one thread.
        send: called with the names of an item's files once they are in place.
        others: networks on the same device that are compared with it where a format wants to know
            the disagreement; none: the passes of the inference are.
    """

    model: ImageModel
    inference: Inference
    formats: Sequence[Format]
    opener: ItemReader | Camera
    send: Callable[[Iterable[str]], None] | None = None
    others: Sequence[ImageModel] = ()

    def predict(self, items: Iterable[Item]) -> Iterator[ManifestEntry]:
        """Predict items; yield the entry of each, in their order, once its files are in place.

        Raises:
            StorageError: a file cannot be written.
        """
        writing: deque[tuple[int, Future[ManifestEntry]]] = deque()
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(_WRITING_THREADS) as writers:
            for item, opened in self._read_ahead(items, reader):
                writing.append(self._predict(item, opened, writers))
                while writing and (
                    writing[0][1].done()
                    or len(writing) > _MAX_WAITING_ITEMS
                    or sum(pixels for pixels, _ in writing) > _MAX_WAITING_PIXELS
                ):
                    yield writing.popleft()[1].result()
            while writing:
                yield writing.popleft()[1].result()

    def _read_ahead(
        self, items: Iterable[Item], reader: ThreadPoolExecutor
    ) -> Iterator[tuple[Item, "Future[Raster]"]]:
        """Yield items with their images, which a thread opens ahead."""
        todo = iter(items)
        ahead = deque(
            (item, reader.submit(self.opener.open, item)) for item in islice(todo, _READ_AHEAD)
        )
        while ahead:
            yield ahead.popleft()
            ahead.extend((item, reader.submit(self.opener.open, item)) for item in islice(todo, 1))

    def _predict(
        self, item: Item, opened: "Future[Raster]", writers: ThreadPoolExecutor
    ) -> tuple[int, "Future[ManifestEntry]"]:
        """Predict an item; return its pixels and the entry to come."""
        writing: _ItemWriters | None = None
        try:
            raster = opened.result()
            if raster.height * raster.width > _LARGE_PIXELS:
                give_back_memory()  # of the decoder
            writing = _ItemWriters(self.formats, item, raster)
            for piece in self._pieces(raster):
                writing.write(piece)
        except BaseException as error:
            if writing is not None:
                writing.discard()
            if isinstance(error, DataError):
                failed: Future[ManifestEntry] = Future()
                failed.set_result(failed_entry(item, str(error)))
                return 0, failed
            if isinstance(error, OSError):
                raise _write_error(item, error) from error
            raise
        pixels = raster.width * raster.height
        if pixels > _LARGE_PIXELS:
            give_back_memory()  # of the network, before the encoders want theirs
        return pixels, writers.submit(self._finish, item, writing)

    def _pieces(self, raster: Raster) -> Iterator[ItemRows]:
        """Yield the rows of an item, labelled `ignore_index` where it has no data."""
        composite = self.model.decoding.composite
        for band in self._row_blocks(raster):
            yield ItemRows(
                raster,
                band.rows,
                band.label_HW,
                band.probabilities_KHW,
                composite,
                band.masks_KHW,
                band.disagreement_HW,
            )

    def _row_blocks(self, raster: Raster) -> Iterator[RowBlock]:
        """Predict an item with what the formats want to know."""
        disagreement = any(each.wants_disagreement for each in self.formats)
        if disagreement and self.others:
            return iter_compared_blocks(self.inference, [self.model, *self.others], raster)
        return self.inference.iter_row_blocks(
            self.model,
            raster,
            probabilities=any(each.wants_probabilities for each in self.formats),
            disagreement=disagreement,
        )

    def _finish(self, item: Item, writing: _ItemWriters) -> ManifestEntry:
        """Put the files of an item in place and send them; return its entry."""
        try:
            record = writing.close()
        except OSError as error:
            raise _write_error(item, error) from error
        if self.send is not None:
            self.send(record["files"])
        return record


def _write_error(item: Item, error: OSError) -> StorageError:
    """Return the error of a file that cannot be written."""
    where = error.filename or item.name
    return StorageError(
        f"{where}: cannot be written ({error.strerror or error})\n"
        "  all files that are there are whole; make room, and the same command goes on"
    )
