"""Unpacking of tar, tar.gz and zip files that may be hostile, within a directory and limits."""

import errno
import gzip
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from seg.errors import DataError, error_summary

_COPY_BYTES = 2**20
_SLACK_BYTES = 2**20  # read ahead by a decompressor, or too little to matter
_BLOCK_BYTES = 128 * tarfile.BLOCKSIZE
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_UNREADABLE = (
    *(tarfile.TarError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, ValueError),
)


# An offset before the start of the file and a name that no file can have: faults of the archive.
_ARCHIVE_ERRNOS = (errno.EINVAL, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class Limits:
    """Limits of an archive.

    Attributes:
        entries: number of files and directories.
        total_bytes: of all files, unpacked.
        ratio: unpacked bytes per byte in the archive, for each file.
    """

    entries: int = 1_000_000
    total_bytes: int = 2**38
    ratio: float = 200.0


@dataclass(frozen=True)
class Entry:
    """A file or directory of an archive; `size_bytes` is what the archive states."""

    name: str
    is_directory: bool
    size_bytes: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, directory: Path, *, limits: Limits, inner: str = "") -> int:
    """Write the files of an archive into a directory that no other process uses.

    Names, directories and bytes are kept; no owners, modes, times or links.

    Args:
        archive: tar, tar.gz or zip, recognized by its first bytes.
        directory: exists; files of an earlier archive may be in it, and are not replaced.
        limits: what to refuse.
        inner: a directory within the archive; only its content is unpacked (`VOCdevkit/VOC2012`).

    Returns:
        the number of files written.

    Raises:
        DataError: another format, a damaged file, or an entry that is refused: an absolute path,
            `..`, a link, a device, a name twice or differing in case alone, or more than `limits`;
            or `inner` is empty. What was written before stays in `directory`.
        OSError: `directory` cannot be written; see `atomic_directory`.
    """
    try:
        files = _write_entries(archive, directory, limits, inner)
    except DataError:  # a ValueError, too
        raise
    except _UNREADABLE as error:
        raise _damaged_error(archive, error) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise _refused_error(archive, f"{error.filename} a second time") from error
    except OSError as error:
        if error.errno not in _ARCHIVE_ERRNOS:
            raise
        raise _damaged_error(archive, error) from error
    if not files:
        raise _refused_error(archive, f"no files{f' in {inner}' if inner else ''}")
    return files


def _write_entries(archive: Path, directory: Path, limits: Limits, inner: str) -> int:
    """Write all entries; return the number of files."""
    names = _Names(archive, inner)
    files = written = 0
    with _open(archive, limits) as entries:
        for count, entry in enumerate(entries, start=1):
            if count > limits.entries:
                raise _refused_error(archive, f"more than {limits.entries} entries")
            path = names.accept(entry)
            if path is None:
                continue
            target = directory / path
            if entry.is_directory:
                target.mkdir(parents=True, exist_ok=True)
                continue
            written += entry.size_bytes
            if entry.size_bytes < 0 or written > limits.total_bytes:
                raise _refused_error(archive, f"more than {limits.total_bytes} bytes unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(entry, target, archive)
            files += 1
    return files


def _damaged_error(archive: Path, error: Exception) -> DataError:
    reason = error_summary(error)
    return DataError(f"{archive}: damaged ({reason})\n  fetch it again", fault="damaged")


class _Names:
    """Checks every name against those before it."""

    def __init__(self, archive: Path, inner: str) -> None:
        self._archive = archive
        self._inner = PurePosixPath(inner).parts
        self._spelling: dict[str, str] = {}
        self._files: set[str] = set()

    def accept(self, entry: Entry) -> Path | None:
        """Return an entry's path in the directory; None if it is not in `inner`."""
        parts = self._parts(entry.name)
        for length in range(1, len(parts) + 1):
            # a name that differs from an earlier one in case or Unicode form alone
            prefix = "/".join(parts[:length])
            key = unicodedata.normalize("NFC", prefix).casefold()
            earlier = self._spelling.setdefault(key, prefix)
            if earlier != prefix:
                raise self._bad(prefix, f"and {earlier!r} are one file on some systems")
        name = "/".join(parts)
        if not entry.is_directory:
            if name in self._files or not parts:
                raise self._bad(entry.name, "is there twice")
            self._files.add(name)
        depth = len(self._inner)
        if parts[:depth] == self._inner and (len(parts) > depth or entry.is_directory):
            return Path(*parts[depth:])
        return None

    def _parts(self, name: str) -> tuple[str, ...]:
        """Return the parts of a name that stays within the directory."""
        path = PurePosixPath(name)
        if path.is_absolute() or name.startswith("\\") or (len(name) > 1 and name[1] == ":"):
            raise self._bad(name, "is an absolute path")
        if ".." in path.parts or ".." in name.split("\\"):
            raise self._bad(name, "leads out of the directory")
        if "\\" in name or any(unicodedata.category(letter) == "Cc" for letter in name):
            raise self._bad(name, "has characters that are no part of a name")
        return path.parts

    def _bad(self, name: str, why: str) -> DataError:
        return _refused_error(self._archive, f"{name[:200]!r} {why}")


@contextmanager
def _open(archive: Path, limits: Limits) -> Iterator[Iterator[Entry]]:
    """Open an archive and yield its entries."""
    with archive.open("rb") as raw:
        first = raw.read(4)
        raw.seek(0)
        if first in _ZIP:
            with zipfile.ZipFile(raw) as file:
                yield _zip_entries(file, archive, limits)
            return
        content: Any = gzip.GzipFile(fileobj=raw) if first.startswith(_GZIP) else raw
        source: Any = _Metered(content, raw, archive, limits)
        with content, tarfile.open(fileobj=source, mode="r|", bufsize=_BLOCK_BYTES) as tar:
            yield _tar_entries(tar, source, archive)


def _zip_entries(file: zipfile.ZipFile, archive: Path, limits: Limits) -> Iterator[Entry]:
    for info in file.infolist():
        name = info.orig_filename
        plain = (0, stat.S_IFDIR) if info.is_dir() else (0, stat.S_IFREG)
        if stat.S_IFMT(info.external_attr >> 16) not in plain:
            raise _refused_error(archive, f"{name[:200]!r} is a link or a device")
        if info.flag_bits & 1:
            raise _refused_error(archive, f"{name[:200]!r} is encrypted")
        if info.file_size > limits.ratio * info.compress_size + _SLACK_BYTES:
            raise _ratio_error(archive, name, limits)
        yield Entry(name, info.is_dir(), info.file_size, partial(file.open, info))


def _tar_entries(tar: tarfile.TarFile, metered: "_Metered", archive: Path) -> Iterator[Entry]:
    for member in tar:
        metered.start_entry(member.name)
        if not (member.isreg() or member.isdir()) or member.issparse():
            raise _refused_error(archive, f"{member.name[:200]!r} is a link or a device")
        yield Entry(member.name, member.isdir(), member.size, partial(_content, tar, member))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    if file is None:
        raise tarfile.ReadError(f"{member.name[:200]!r} has no content")
    return file


class _Metered:
    """Reads the unpacked bytes of a tar file, up to what an honest one can contain.

    Counts headers too, since one of them may be a bomb.
    """

    def __init__(self, content: IO[bytes], raw: IO[bytes], archive: Path, limits: Limits) -> None:
        self._content = content
        self._raw = raw
        self._archive = archive
        self._limits = limits
        self._bytes = 0
        self.start_entry("its first header")

    def start_entry(self, name: str) -> None:
        """Count what is read from here on for this entry."""
        self._name = name
        self._start_bytes = self._bytes
        self._start_raw = self._raw.tell()

    def read(self, size: int) -> bytes:
        """Read bytes; refuse more than the limits."""
        data = self._content.read(size)
        self._bytes += len(data)
        packed = self._raw.tell() - self._start_raw
        if self._bytes - self._start_bytes > self._limits.ratio * packed + _SLACK_BYTES:
            raise _ratio_error(self._archive, self._name, self._limits)
        # each entry has a header, long names have more
        headers = _BLOCK_BYTES + 8 * tarfile.BLOCKSIZE * self._limits.entries
        if self._bytes > self._limits.total_bytes + headers:
            raise _refused_error(
                self._archive, f"more than {self._limits.total_bytes} bytes unpacked"
            )
        return data


def _write(entry: Entry, target: Path, archive: Path) -> None:
    """Write the file of an entry; refuse more or fewer bytes than it states."""
    rest = entry.size_bytes
    with entry.open() as source, target.open("xb") as file:
        while chunk := source.read(_COPY_BYTES):
            rest -= len(chunk)
            if rest < 0:
                break
            file.write(chunk)
    if rest:
        raise DataError(
            f"{archive}: {entry.name[:200]!r} has not the {entry.size_bytes} bytes it claims\n"
            "  fetch it again",
            fault="damaged",
        )


def _ratio_error(archive: Path, name: str, limits: Limits) -> DataError:
    return _refused_error(
        archive, f"{name[:200]!r} unpacks to more than {limits.ratio:g} times its size"
    )


def _refused_error(archive: Path, why: str) -> DataError:
    return DataError(
        f"{archive}: refused: {why}\n  this is not the archive of a dataset; do not unpack it",
        fault="refused",
    )
