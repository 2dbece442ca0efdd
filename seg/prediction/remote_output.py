"""Results in an object store: written into a local directory, then sent file by file."""

import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from seg.errors import StorageError
from seg.prediction.remote_input import open_address
from seg.prediction.writer import PARTS, ManifestEntry

_MANIFESTS = "manifest*.jsonl"
_SECONDS_BETWEEN_MANIFESTS = 10.0


class RemoteOutput:
    """An output directory at an address.

    An object is there completely or not at all, so that a file counts once it is sent. The manifest
    is sent now and then: what is missing in it is made again after a kill, with the same bytes.

    Args:
        address: `s3://BUCKET/FOLDER`, or another of `seg.data.readers.url_policy`.
        directory: where the results are written first; a file is removed once it is sent.

    Raises:
        DataError: no driver for it is installed.
    """

    def __init__(self, address: str, directory: Path) -> None:
        self._address = address
        self._directory = directory
        self._system, self._root = open_address(address, "output")
        self._sent_at_s = time.monotonic()

    def fetch_manifests(self, *, besides: str = "") -> dict[str, int]:
        """Fetch the manifests but one; return the sizes of all files there, by name."""
        self._directory.mkdir(parents=True, exist_ok=True)
        sizes: dict[str, int] = {}
        for path, info in self._call("find", self._root, detail=True).items():
            name = path.removeprefix(self._root).lstrip("/")
            sizes[name] = int(info["size"])
            if Path(name).match(_MANIFESTS) and "/" not in name and name != besides:
                self._call("get_file", path, str(self._directory / name))
        return sizes

    def fetch_parts(self, records: Iterable[ManifestEntry]) -> None:
        """Fetch the parts that are merged at the end and are not here."""
        for name in chain.from_iterable(record.get("files", ()) for record in records):
            path = self._directory / name
            if name.startswith(f"{PARTS}/") and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._call("get_file", self._at(name), str(path))

    def send(self, names: Iterable[str]) -> None:
        """Send files, and remove them here."""
        for name in names:
            path = self._directory / name
            self._put(path, name)
            path.unlink()

    def send_manifest(self, name: str, *, at_once: bool = False) -> None:
        """Send a manifest, if the last time is some seconds ago."""
        if at_once or time.monotonic() - self._sent_at_s > _SECONDS_BETWEEN_MANIFESTS:
            self._put(self._directory / name, name)
            self._sent_at_s = time.monotonic()

    def remove(self, names: Iterable[str]) -> None:
        """Remove files there."""
        for name in names:
            self._call("rm_file", self._at(name))

    def _put(self, path: Path, name: str) -> None:
        """Send a file."""
        target = self._at(name)
        self._call("makedirs", target.rpartition("/")[0], exist_ok=True)
        self._call("put_file", str(path), target)

    def _at(self, name: str) -> str:
        """Return the path of a file there."""
        return f"{self._root}/{name}"

    def _call(self, method: str, *arguments: Any, **choices: Any) -> Any:
        """Call the file system; its errors become a `StorageError`."""
        try:
            return getattr(self._system, method)(*arguments, **choices)
        except Exception as error:  # each store has its own
            raise StorageError(
                f"output={self._address}: {method} of {arguments[0]} failed ({error})\n"
                "  the same command goes on where this one stopped"
            ) from error
