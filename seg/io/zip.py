"""Zip files whose bytes follow from their content alone."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from seg.io.atomic import write_atomically

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name


def entry(name: str) -> zipfile.ZipInfo:
    """Return an entry that names neither a time nor a machine."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def write_zip(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write an archive of `(name in it, file)`, sorted by name, stored as they are."""

    def fill(target: object) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
            for name, file in sorted(files):
                info = entry(name)
                info.compress_type = zipfile.ZIP_STORED
                info.file_size = file.stat().st_size
                with archive.open(info, "w") as into, file.open("rb") as content:
                    while block := content.read(2**20):
                        into.write(block)

    write_atomically(path, fill)
