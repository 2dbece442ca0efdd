"""Who may ask: the token, and addresses that lead to this machine alone."""

import hmac
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address

from seg.config.serve import ServeConfig
from seg.errors import ConfigError
from seg.serving.refusals import RefusedError

_VARIABLE = "SEG_TOKEN"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_SAFE = ("GET", "HEAD", "OPTIONS")
_PROBES = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/health")
_OPEN = (*_PROBES, "/")  # balancers and Label Studio probe without a token
_OPEN_BELOW = "/page/"

Headers = Mapping[bytes, bytes]


def find_token(config: ServeConfig) -> str | None:
    """Return the token that requests must have, None: none.

    Raises:
        ConfigError: other machines reach the server and there is none, or it cannot be sent.
    """
    token = config.token or os.environ.get(_VARIABLE) or None
    if token is None and not is_loopback(config.host):
        raise ConfigError(
            f"host={config.host}: other machines reach the server there, and it has no token\n"
            f"  put one into the environment variable {_VARIABLE},"
            " or give host=127.0.0.1 for this machine alone"
        )
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigError(
            f"token (or {_VARIABLE}): has spaces or characters beyond ASCII, which headers cannot"
            " hold\n  take letters and digits"
        )
    return token


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Access:
    """Decides by path and headers who may ask.

    Args:
        host: where the server listens.
        token: that requests must have; None: any from this machine may ask. Then other sites must
            not reach the server through a browser on it: their names for it are refused.
    """

    def __init__(self, host: str, token: str | None) -> None:
        self._token = None if token is None else token.encode()
        self._names = {*_LOOPBACK, host}

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Check a request.

        Raises:
            RefusedError: it comes from another site, or lacks the token.
        """
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._token is None and _without_port(host) not in self._names:
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "the address names another host; ask at localhost or 127.0.0.1,"
                " or start the server with a token",
            )
        if method not in _SAFE and _is_of_other_site(headers, host):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "pages of other sites may not ask; send it without a browser"
            )
        if self._token is None or (method in _SAFE and _is_open(path)):
            return
        if not hmac.compare_digest(_sent_token(headers), self._token):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                "the token is missing or wrong; send it as `Authorization: Bearer TOKEN`",
                {"WWW-Authenticate": "Bearer"},
            )


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and not port.endswith("]") else host


def _is_of_other_site(headers: Headers, host: str) -> bool:
    """Return whether a browser says that a page of another origin sends this."""
    if (site := headers.get(b"sec-fetch-site")) is not None:
        return site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    return origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host


def _sent_token(headers: Headers) -> bytes:
    """Return the token of a request, of Basic the password; empty: it has none."""
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return b64decode(value.strip(), validate=True).partition(b":")[2]
        except Base64Error:
            return b""
    return b""
