"""Downloads from one Label Studio: bounded, with its token, and nowhere else."""

import base64
import http.client
import json
import time
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from seg.errors import DataError, brief

TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"
"""The environment variable for the token, which label-studio-sdk reads too."""

_PORTS = {"http": 80, "https": 443}
_DATA = "/data/"
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 3
_CHUNK = 2**16
_IN_PATHS = "/%:@!$&'()*+,;=~-._"
_EARLY_S = 30.0  # before an access token ends


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of an address, as they are compared."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, address: str) -> "Origin":
        """Return the origin of an address.

        Raises:
            ValueError: it is no address of the web, or holds a name and a password.
        """
        parts = urlsplit(address)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError("http://HOST:PORT or https://HOST is needed, without a password")
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])


class LabelStudioClient:
    """Downloads what lies below `/data/` of one Label Studio.

    Args:
        url: its address, `http://HOST:PORT` with a path if it has one.
        token: its access token, of either kind: a legacy token or a personal access token.
        max_bytes: of a file.
        timeout_s: of a download.
    """

    def __init__(self, url: str, token: str | None, *, max_bytes: int, timeout_s: float) -> None:
        self._origin = Origin.of(url)
        self._path = urlsplit(url).path.rstrip("/")
        self._base = url.rstrip("/")
        self._token, self._max_bytes, self._timeout_s = token or "", max_bytes, timeout_s
        self._access, self._access_until = "", 0.0

    def download(self, address: str) -> bytes:
        """Return the file at an address or a path of this Label Studio.

        Raises:
            DataError: it leads elsewhere, is too large, or Label Studio does not give it.
        """
        until = time.monotonic() + self._timeout_s
        target = self._target(address)
        for _ in range(_MAX_REDIRECTS + 1):
            status, headers, content = self._ask("GET", target, until, self._authorization(until))
            if status not in _REDIRECTS:
                break
            address = urljoin(f"{self._base}/", urljoin(target, headers.get("location", "")))
            target = self._target(address, redirected=True)
        if status in (401, 403):
            raise DataError(
                f"{self._base} refuses its file (status {status})\n"
                f"  give its access token: label_studio.token=TOKEN, or {TOKEN_VARIABLE} in the"
                " environment",
                fault="unreadable",
            )
        if status != http.client.OK:
            raise DataError(f"{self._base} answers {status} for {brief(target)}", fault="missing")
        return content

    def _target(self, address: str, *, redirected: bool = False) -> str:
        """Return the path and the query of an address of this Label Studio."""
        try:
            parts = urlsplit(address)
            is_here = not (parts.scheme or parts.netloc) or Origin.of(address) == self._origin
        except ValueError as error:
            raise DataError(f"{brief(address)}: not read: {error}", fault="refused") from error
        if not is_here:
            where = f"{self._base} redirects to {brief(parts.netloc)}"  # the rest may be secret
            if not redirected:
                where = f"{brief(address.partition('?')[0])} is not at {self._base}"
            raise DataError(
                f"{where}\n  files of Label Studio itself are read: uploads and local files;"
                " other hosts and stores are not",
                fault="refused",
            )
        path = parts.path
        if self._path and path.startswith(_DATA):
            path = self._path + path
        inside = path.removeprefix(self._path)
        steps = unquote(path).replace("\\", "/").split("/")
        if not inside.startswith(_DATA) or ".." in steps or "." in steps:
            raise DataError(
                f"{brief(path)}: files below {self._path}{_DATA} alone are read", fault="refused"
            )
        query = f"?{quote(parts.query, safe=_IN_PATHS + '?')}" if parts.query else ""
        return quote(path, safe=_IN_PATHS) + query

    def _authorization(self, until: float) -> Mapping[str, str]:
        """Return the header of a legacy token, or of the access token of a personal one."""
        if not self._token:
            return {}
        if _claims(self._token).get("token_type") != "refresh":
            return {"Authorization": f"Token {self._token}"}
        if time.time() > self._access_until - _EARLY_S:
            body = json.dumps({"refresh": self._token}).encode()
            kind = {"Content-Type": "application/json"}
            path = f"{self._path}/api/token/refresh/"
            status, _, content = self._ask("POST", path, until, kind, body)
            access = _object(content).get("access")
            if status != http.client.OK or not isinstance(access, str):
                raise DataError(
                    f"{self._base} does not take the personal access token (status {status})\n"
                    f"  create another one there: label_studio.token=TOKEN, or {TOKEN_VARIABLE}",
                    fault="unreadable",
                )
            self._access, self._access_until = access, float(_claims(access).get("exp", 0))
        return {"Authorization": f"Bearer {self._access}"}

    def _ask(
        self,
        method: str,
        target: str,
        until: float,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the content of an answer."""
        left_s = max(0.1, until - time.monotonic())
        secure = self._origin.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._origin.host, self._origin.port, timeout=left_s)
        try:
            accepted = {"Accept-Encoding": "identity", **headers}
            connection.request(method, target, body=body, headers=accepted)
            answer = connection.getresponse()
            answered = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answered, self._content(answer, target, until)
        except (OSError, http.client.HTTPException) as error:
            raise DataError(
                f"{self._base}: {brief(target)} is out of reach: {error or type(error).__name__}\n"
                "  check label_studio.url",
                fault="unreadable",
            ) from error
        finally:
            connection.close()

    def _content(self, answer: http.client.HTTPResponse, target: str, until: float) -> bytes:
        content = bytearray()
        while chunk := answer.read1(_CHUNK):
            content += chunk
            if len(content) > self._max_bytes:
                raise DataError(
                    f"{brief(target)}: more than max_bytes={self._max_bytes}", fault="too_large"
                )
            if time.monotonic() > until:
                raise TimeoutError(f"took more than {self._timeout_s:g} s")
        if answer.length:
            raise http.client.IncompleteRead(bytes(content), answer.length)
        return bytes(content)


def _claims(token: str) -> dict[str, Any]:
    """Return what a JSON web token says of itself, unchecked; nothing of another token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        return _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (Base64Error, ValueError):
        return {}


def _object(content: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(content)
    except ValueError:
        return {}
    return plain if isinstance(plain, dict) else {}
