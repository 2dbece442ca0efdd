"""Files from the web by address and SHA-256: cached, resumed, verified, never half-written."""

import functools
import hashlib
import http.client
import logging
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from io import FileIO
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from seg.data.readers.dataset_root import cache_directory
from seg.data.readers.sha256 import sha256_of
from seg.data.readers.url_policy import redirect_fault
from seg.errors import ConfigError, DataError
from seg.io.lock import waiting_for
from seg.io.terminal_bar import terminal_bar

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 30.0
_PAUSES_S = (0.5, 2.0, 5.0)
_CHUNK_BYTES = 2**20
_LONGEST_NAME = 100
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


def fetch(url: str, sha256: str, *, directory: Path | None = None) -> Path:
    """Return the file of an address and digest, from the cache or the web.

    Several processes may call it at once: one downloads, the others wait. A download that is cut
    off, even by a kill, leaves a `.part` file, and the next call resumes it.

    Args:
        url: http or https; redirects stay within those two.
        sha256: 64 hex digits, or the first 8 and more where the publisher states no others.
        directory: of the cache; None: `cache_directory()`.

    Returns:
        `<directory>/<first digits>-<name>`, whose content has the digest.

    Raises:
        ConfigError: another scheme, or a digest that is none.
        DataError: unreachable, refused, no room, or a file with another digest.
    """
    sha256 = sha256.lower()
    if not _DIGEST.fullmatch(sha256):
        raise ConfigError(f"SHA-256 {sha256!r} of {url}\n  give its 64 hexadecimal digits")
    target = (directory or cache_directory()) / f"{sha256[:16]}-{_file_name(url)}"
    try:
        return _fetch(url, sha256, target)
    except OSError as error:
        raise DataError(
            f"{url}: cannot be written to {target.parent} ({error.strerror or error})\n"
            "  make room there, or set $SEG_CACHE to another directory"
        ) from error


def _fetch(url: str, sha256: str, target: Path) -> Path:
    part = target.with_name(target.name + ".part")
    while not _has_digest(target, sha256):
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            waiting_for(part) as descriptor,
            FileIO(part, "a+", opener=lambda *_: os.dup(descriptor)) as file,
        ):
            if _has_digest(target, sha256):
                part.unlink()
                break
            _complete(file, part, url, sha256)
            os.fsync(descriptor)
            part.replace(target)
    return target


def _file_name(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"address {url!r}\n  allowed: https://HOST/FILE (or http)")
    name = re.sub(r"[^\w.-]", "_", unquote(parts.path).rstrip("/").rsplit("/", 1)[-1])
    return name[-_LONGEST_NAME:] or "weights"


def _has_digest(path: Path, sha256: str) -> bool:
    """Return whether the file exists and has the digest."""
    if not path.is_file():
        return False
    state = path.stat()
    return _digest_of(path, state.st_size, state.st_mtime_ns).startswith(sha256)


@functools.lru_cache
def _digest_of(path: Path, _size_bytes: int, _changed_ns: int) -> str:
    """Hash a file once a process, and again when it has changed."""
    return sha256_of(path)


def _digest(file: FileIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _complete(file: FileIO, part: Path, url: str, sha256: str) -> None:
    """Fill the part file until it has the digest."""
    if _digest(file).startswith(sha256):
        return  # cut off between the last byte and the renaming
    in_one_piece = _fill(file, url)
    if not in_one_piece and not _digest(file).startswith(sha256):
        file.truncate(0)  # the pieces were of two files
        _fill(file, url)
    actual = _digest(file)
    if not actual.startswith(sha256):
        part.unlink()
        raise DataError(
            f"{url}: not the file that was asked for\n  SHA-256 wanted {sha256}\n"
            f"  SHA-256 found  {actual}\n"
            "  check the digest with the publisher; do not load a file that you cannot account for"
        )


def _fill(file: FileIO, url: str) -> bool:
    """Receive the rest of the file, trying again; return whether all of it came in one piece."""
    for pause_s in (*_PAUSES_S, None):
        try:
            return _receive(file, url)
        except (HTTPError, URLError, http.client.HTTPException, ConnectionError, TimeoutError) as e:
            if pause_s is None or not _is_transient(e):
                raise DataError(
                    f"{url}: could not be fetched ({_reason(e)})\n"
                    "  check the address and the network, or fetch the file elsewhere and give its "
                    "path"
                ) from e
            _LOG.info("%s: %s; trying again in %s s", url, _reason(e), pause_s)
            time.sleep(pause_s)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _is_transient(error: Exception) -> bool:
    if isinstance(error, HTTPError):
        return error.code in _BUSY
    if isinstance(error, URLError):
        return not isinstance(error.reason, ssl.SSLCertVerificationError)
    return not isinstance(error, http.client.InvalidURL)


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.msg}"
    if isinstance(error, URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _receive(file: FileIO, url: str) -> bool:
    """Send one request for the rest; return whether it began at the first byte."""
    offset = file.seek(0, os.SEEK_END)
    headers = {"User-Agent": "seg"} | ({"Range": f"bytes={offset}-"} if offset else {})
    address = quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    try:
        response = build_opener(_WebOnly).open(
            Request(address, headers=headers), timeout=_TIMEOUT_S
        )
    except HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not offset:
            raise
        file.truncate(0)
        return _receive(file, url)
    with response:
        if offset and response.status != http.HTTPStatus.PARTIAL_CONTENT:
            file.truncate(0)
            offset = 0
        _copy(response, file, offset)
    return offset == 0


class _WebOnly(HTTPRedirectHandler):
    """Handler of redirects within the policy for addresses."""

    def redirect_request(  # noqa: PLR0917  # the signature is urllib's
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        fault = redirect_fault(req.origin_req_host, newurl)
        if fault is not None:
            raise HTTPError(req.full_url, code, f"{msg}: {fault}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _copy(response: http.client.HTTPResponse, file: FileIO, offset: int) -> None:
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdigit() else None
    received = offset
    with _progress(Path(file.name).stem, offset, total) as advance:
        while chunk := response.read1(_CHUNK_BYTES):
            rest = memoryview(chunk)
            while rest:  # an unbuffered file may take a part
                rest = rest[file.write(rest) :]
            received += len(chunk)
            advance(len(chunk))
    if total is not None and received < total:
        raise ConnectionError(f"connection closed after {received} of {total} bytes")


@contextmanager
def _progress(name: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, or log a line; yield a function that advances it."""
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with terminal_bar(*columns) as bar:
        if bar is None:
            size = f"{total / 2**20:.1f} MiB" if total is not None else "unknown size"
            _LOG.info("fetching %s, %s, from byte %d", name, size, done)
            yield lambda count: None
        else:
            task = bar.add_task(name, total=total, completed=done)
            yield lambda count: bar.advance(task, count)
