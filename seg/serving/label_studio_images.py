"""The images of Label Studio's tasks: by itself, from one Label Studio, or from its directory."""

import base64
import os
from binascii import Error as Base64Error
from pathlib import Path
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from seg.config.serve import LabelStudioOptions
from seg.data.readers.urls import read_bytes
from seg.errors import DataError, brief
from seg.serving.label_studio_client import TOKEN_VARIABLE, LabelStudioClient

_LOCAL_FILES = "/data/local-files"
_HOW = "  read are data: addresses, and the uploads and local files of label_studio.url"


class TaskImages:
    """Reads the images of tasks; nothing but what the options name.

    Args:
        options: where Label Studio is.
        max_bytes: of an image file.
        timeout_s: of a download.
    """

    def __init__(self, options: LabelStudioOptions, *, max_bytes: int, timeout_s: float) -> None:
        self._max_bytes = max_bytes
        self._root = None if options.root is None else options.root.resolve()
        self._client = None
        if options.url is not None:
            token = options.token or os.environ.get(TOKEN_VARIABLE)
            self._client = LabelStudioClient(
                options.url, token, max_bytes=max_bytes, timeout_s=timeout_s
            )

    def read(self, address: object) -> bytes:
        """Return the image file at an address of a task.

        Raises:
            DataError: it is none that is read, or cannot be read; the message names the remedy.
        """
        if not isinstance(address, str) or not address.strip():
            raise DataError(f"its image is {brief(address)}, no address", fault="missing")
        if address[:5].lower() == "data:":
            return self._inline(address)
        try:
            parts = urlsplit(address)
        except ValueError as error:
            raise DataError(f"{brief(address)}: no address: {error}", fault="refused") from error
        if parts.scheme not in ("", "http", "https") or not (
            parts.netloc or address.startswith("/")
        ):
            raise DataError(f"{brief(address)}: not read\n{_HOW}", fault="refused")
        if self._root is not None and not parts.netloc and _is_local_file(parts.path):
            return self._local_file(parts.query, self._root)
        if self._client is None:
            raise DataError(
                f"{brief(address.partition('?')[0])}: not read, for no Label Studio is configured\n"
                "  start the server with label_studio.url=http://HOST:PORT",
                fault="refused",
            )
        return self._client.download(address)

    def _inline(self, address: str) -> bytes:
        """Return the content of a `data:` address."""
        kind, comma, text = address.partition(",")
        if not comma or not kind.lower().endswith(";base64"):
            raise DataError("its data: address is not in base64", fault="damaged")
        try:
            content = base64.b64decode(unquote_to_bytes(text), validate=True)
        except (Base64Error, ValueError) as error:
            raise DataError(f"its data: address is damaged: {error}", fault="damaged") from error
        if len(content) > self._max_bytes:
            raise DataError(
                f"its data: address has more than max_bytes={self._max_bytes}", fault="too_large"
            )
        return content

    def _local_file(self, query: str, root: Path) -> bytes:
        """Return a file below the directory of the local files."""
        relative = (parse_qs(query).get("d") or [""])[-1]
        if not relative or "\0" in relative:
            raise DataError(f"{_LOCAL_FILES}/: names no file", fault="missing")
        path = (root / relative.lstrip("/")).resolve()
        if not path.is_relative_to(root):
            raise DataError(f"{brief(relative)}: leads out of label_studio.root", fault="refused")
        if not path.is_file():
            raise DataError(
                f"{brief(relative)}: no such file in label_studio.root", fault="missing"
            )
        return read_bytes(path, "image", max_bytes=self._max_bytes)


def _is_local_file(path: str) -> bool:
    return path.rstrip("/").endswith(_LOCAL_FILES)
