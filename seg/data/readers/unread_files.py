"""Counts of the files of a directory that nothing reads, by kind, for one line of the log."""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath

from seg.data.readers.urls import Location
from seg.errors import first_of

HIDDEN = "hidden"
"""The kind of hidden files, of all below hidden directories, and of what systems leave behind."""

_NO_SUFFIX = "without suffix"
_DIRECTORY = "directory "
# Made by Synology, macOS and Windows beside people's files; thumbnails among them are images.
_OF_SYSTEMS = frozenset(("@eadir", "__macosx", "$recycle.bin", "thumbs.db", "desktop.ini"))
# Those that hold images, which somebody may miss.
_OF_IMAGES = frozenset(
    (
        *(".avif", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jxl", ".tga"),
        *(".pbm", ".pgm", ".pnm", ".ppm", ".dib", ".pcx", ".exr", ".hdr", ".svg", ".pdf", ".psd"),
        *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2", ".dcm", ".nii"),
        *(".npy", ".npz", ".mat", ".h5", ".hdf5", ".tfrecord", ".zip", ".tar", ".gz", ".7z"),
    )
)
_MAX_KINDS = 6
_log = logging.getLogger(__name__)
_logged: set[str] = set()  # training and validation look into the same directories


def is_hidden(path: PurePath) -> bool:
    """Return whether a file, or a directory above it, is hidden or made by a system.

    Such files are no data: `.ipynb_checkpoints`, `.@__thumb`, `._a.jpg`, `@eaDir`.

    Args:
        path: relative to the directory that is searched, which may itself be hidden.
    """
    return any(part.startswith(".") or part.lower() in _OF_SYSTEMS for part in path.parts)


class UnreadFiles:
    """A counter of the files of a directory that are not read."""

    def __init__(self, directory: Location) -> None:
        self._directory = directory
        self._kinds: Counter[str] = Counter()

    def add(self, path: PurePath, kind: str | None = None) -> None:
        """Count a file by its path below the directory; kind None: hidden, or its suffix."""
        if kind is None:
            kind = HIDDEN if is_hidden(path) else path.suffix.lower() or _NO_SUFFIX
        self._kinds[kind] += 1

    def __len__(self) -> int:
        return self._kinds.total()

    @property
    def line(self) -> str:
        """Return one line: how many files of which kinds; empty where there are none."""
        if not self._kinds:
            return ""
        ordered = sorted(self._kinds.items(), key=lambda item: (-item[1], item[0]))
        kinds = [f"{count} {kind}" for kind, count in ordered[:_MAX_KINDS]]
        rest = sum(count for _, count in ordered[_MAX_KINDS:])
        kinds += [f"{rest} of other kinds"] if rest else []
        return f"{self._directory}: not read: {', '.join(kinds)}"

    def log(self) -> None:
        """Log the line once a process, as a warning where images may be missed."""
        if line := self.line:
            missed = any(kind in _OF_IMAGES or kind.startswith(_DIRECTORY) for kind in self._kinds)
            log_once(line, logging.WARNING if missed else logging.INFO)


def log_unlisted(directory: Path, names: Sequence[str], lists: object) -> None:
    """Log once a process the files of a directory that no list of a split, in `lists`, names."""
    if not names:
        return
    count = f"{len(names)} files: {first_of(names)}"
    warn_once(f"{directory}: not read, as no list in {lists} names them: {count}")


def warn_once(line: str) -> None:
    """Log a warning once a process: training and validation look into the same directories."""
    log_once(line, logging.WARNING)


def log_once(line: str, level: int = logging.INFO) -> None:
    """Log a line once a process."""
    if line not in _logged:
        _logged.add(line)
        _log.log(level, line)


def log_loose_files(directory: Path, *, apart: Collection[str] | None = None) -> None:
    """Log what lies in a directory of which only subdirectories are read.

    Args:
        directory: the one that holds them.
        apart: names of the files and subdirectories that are read; None: all subdirectories are.
    """
    unread = UnreadFiles(directory)
    for path in directory.iterdir():
        name = PurePath(path.name)
        if apart is not None and path.name in apart:
            continue
        if is_hidden(name):
            unread.add(name)
        elif not path.is_dir():
            unread.add(name, f"{path.suffix.lower() or _NO_SUFFIX} beside the directories")
        elif apart is not None:
            unread.add(name, f"{_DIRECTORY}{path.name}/")
    unread.log()
