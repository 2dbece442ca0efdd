"""`manifest.jsonl`: a line an item that is done, so that a second call goes on."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from seg.config.changes import flatten
from seg.errors import ConfigError, DataError
from seg.io.atomic import staged_file
from seg.io.lock import is_same_file, lock, release
from seg.prediction.items import Item
from seg.prediction.manifest_entries import DONE, line_of, parse_manifest
from seg.prediction.writer import PARTS, ManifestEntry

_VERSION = 1


class Manifest:
    """The entries of an output directory; this process appends to one file, other shards to theirs.

    The first line states by which network and options the results were made. A line is appended,
    and synced, once the item's files are in place. A last line that was cut off does not count.
    Until `start`, the first item or the end nothing is changed; a new manifest is removed again if
    an error comes before its first item.

    Args:
        output: the directory.
        header: checkpoint and options, plain data.
        shard: index of this process's part of the work.
        num_shards: number of parts.
        skip_existing: False: write all results again, also those of other options.
        sizes: of the files that are there, in bytes, if these are not in `output`.

    Attributes:
        name: of the file that this process appends to.

    Raises:
        ConfigError: the directory has results of another network or other options, or another
            process is writing there.
    """

    def __init__(
        self,
        output: Path,
        header: Mapping[str, Any],
        *,
        shard: int = 0,
        num_shards: int = 1,
        skip_existing: bool = True,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self._output = output
        self._first = {"manifest": _VERSION, **header}
        self._choices = _choices(self._first)
        self._sizes = sizes
        one = num_shards == 1
        self.name = "manifest.jsonl" if one else f"manifest.{shard}-of-{num_shards}.jsonl"
        self._path = output / self.name
        self._outdated: list[Path] = []
        self._new = self._started = self._appended = False
        self._made_directory = not output.exists()
        output.mkdir(parents=True, exist_ok=True)
        self._file = self._open_locked()
        try:
            self._records: dict[str, ManifestEntry] = {}
            self._new = not self._content()
            self._anew = not skip_existing
            self._load_records(skip_existing)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self.start()
        elif self._new and not self._appended:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):  # it holds something else
                if self._made_directory:
                    self._output.rmdir()
        _close(self._file)

    def start(self) -> list[str]:
        """Write the first line, and remove manifests of other options.

        Returns:
            the names of the removed manifests.
        """
        if self._started:
            return []
        self._started = True
        own = self._content()
        if self._anew or b"\n" not in own:
            self._file.truncate(0)
            self._write(self._first)
        else:
            self._file.truncate(own.rfind(b"\n") + 1)
        for path in self._outdated:
            path.unlink(missing_ok=True)
        return [path.name for path in self._outdated]

    def is_done(self, item: Item, *, parts: bool = True) -> bool:
        """Return whether an item's files are there, made from the source as it is now.

        With `parts`, those that are merged into other files count too.
        """
        record = self._records.get(item.name)
        if record is None or record["status"] != DONE or record["version"] != item.version:
            return False
        return all(
            self._is_whole(*pair)
            for pair in record["files"].items()
            if parts or not pair[0].startswith(f"{PARTS}/")
        )

    def is_settled(self, items: Sequence[Item], merged: Sequence[str]) -> bool:
        """Return whether all is made of exactly these items, and the parts of `merged` are gone."""
        if self._anew or set(self._records) != {item.name for item in items}:
            return False
        without_parts = are_parts_removed(self._output, merged, self._sizes)
        return without_parts and all(self.is_done(item, parts=False) for item in items)

    def append(self, record: ManifestEntry) -> None:
        """Add the entry of an item whose files are in place."""
        if self._records.get(record["name"]) == record:
            return  # a damaged source that is still damaged
        self.start()
        self._records[record["name"]] = record
        self._appended = True
        self._write(record)

    def all_records(self) -> dict[str, ManifestEntry]:
        """Return the entries by name: of this process, and of other shards by now."""
        records: dict[str, ManifestEntry] = {}
        for path in self._others():
            first, others = parse_manifest(path.read_bytes(), path)
            if first is not None and _choices(first) == self._choices:
                records |= others
        return records | self._records

    def sort(self, items: Sequence[Item]) -> None:
        """Bring the lines into the order of the items, each once."""
        before = self._content()
        mine = parse_manifest(before, self._path)[1]
        order = {item.name: position for position, item in enumerate(items)}
        names = sorted(mine, key=lambda name: (order.get(name, len(order)), name))
        content = b"".join(map(line_of, (self._first, *(mine[name] for name in names))))
        if content == before:
            return
        with staged_file(self._path) as file:  # its lock goes with it into its place
            file.write(content)
            descriptor = os.dup(file.fileno())
        _close(self._file)
        self._file = os.fdopen(descriptor, "a+b")
        lock(descriptor)

    def _load_records(self, skip_existing: bool) -> None:
        """Load the entries of all manifests; refuse those of other options."""
        contents = {path: path.read_bytes() for path in self._others()}
        for path, content in (*contents.items(), (self._path, self._content())):
            try:
                first, records = parse_manifest(content, path)
            except DataError:
                if skip_existing:
                    raise
                first, records = {}, {}  # of unknown options
            if first is None:
                continue
            if _choices(first) == self._choices:
                self._records |= records if skip_existing else {}
            elif skip_existing:
                raise self._other_options(first)
            elif path != self._path:
                self._outdated.append(path)

    def _content(self) -> bytes:
        """Return the content of this process's file."""
        self._file.seek(0)
        return self._file.read()

    def _write(self, content: Mapping[str, Any]) -> None:
        """Append a line and sync it."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(line_of(content))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _others(self) -> Iterator[Path]:
        """Yield the manifests of other shards."""
        for path in sorted(self._output.glob("manifest*.jsonl")):
            if path != self._path:
                yield path

    def _is_whole(self, name: str, mark: Mapping[str, Any]) -> bool:
        """Return whether a file is there with the recorded size."""
        if self._sizes is not None:
            return self._sizes.get(name) == int(mark["bytes"])
        try:
            return (self._output / name).stat().st_size == int(mark["bytes"])
        except OSError:
            return False

    def _other_options(self, first: Mapping[str, Any]) -> ConfigError:
        """Return the error of results of other options."""
        there, here = _choices(first), self._choices
        keys = sorted(key for key in there.keys() | here.keys() if there.get(key) != here.get(key))
        lines = [f"  {key}: there {there.get(key)}, now {here.get(key)}" for key in keys]
        return ConfigError(
            f"output={self._output}: holds results of other options\n"
            + "\n".join(lines[:6])
            + "\n  give another output, or skip_existing=false to write them again"
        )

    def _open_locked(self) -> IO[bytes]:
        """Open and lock this process's file."""
        while True:
            file = self._path.open("a+b")
            if not lock(file.fileno()):
                file.close()
                raise ConfigError(
                    f"output={self._output}: another process is at work there; wait for its end, "
                    "or give each its shard=I num_shards=N"
                )
            if is_same_file(self._path, file.fileno()):
                return file
            _close(file)  # its owner has sorted or removed it between the two calls


def _close(file: IO[bytes]) -> None:
    """Release the lock and close a file."""
    release(file.fileno())
    file.close()


def are_parts_removed(output: Path, merged: Sequence[str], sizes: Mapping[str, int] | None) -> bool:
    """Return whether merged files are there and the parts they were made of are not.

    `sizes` are those of the files that are there, by name, if these are not in `output`.
    """
    if sizes is not None:
        remaining = any(name.startswith(f"{PARTS}/") for name in sizes)
        return not remaining and all(name in sizes for name in merged)
    there = all((output / name).is_file() for name in merged)
    return there and not (output / PARTS).exists()


def _choices(first: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a first line by dotted key."""
    # label files had positions before there was an option
    return {"values": "index", **dict(flatten(first))}
