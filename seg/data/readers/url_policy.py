"""The policy for addresses: named schemes, and no redirect into this machine."""

import os
import socket
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

from seg.errors import DataError

WEB = ("http", "https")
SCHEMES = (*WEB, "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "file", "memory")
"""Those that are opened: no chains such as `zip::`, no caches, nothing that runs a program."""

_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}
_DRIVERS |= {"abfs": "adlfs", "abfss": "adlfs", "hf": "huggingface_hub"}
_DRIVERS |= dict.fromkeys(WEB, "aiohttp")
_ALLOW_LOCAL = "SEG_LOCAL_REDIRECTS"


def scheme_of(address: str) -> str:
    """Return the scheme of an address, which must be one of `SCHEMES`.

    Raises:
        DataError: none that is opened here.
    """
    scheme = address.partition("://")[0]
    if scheme not in SCHEMES or "::" in address:
        raise DataError(
            f"{address}: no access to {scheme}://\n  allowed: {', '.join(SCHEMES)}, one of them",
            fault="unreadable",
        )
    return scheme


def reach(address: str) -> tuple[Any, str]:
    """Open the file system (of fsspec) of an address; return it with the path in it.

    Raises:
        DataError: another scheme, or no driver for it.
    """
    scheme = scheme_of(address)
    try:
        import fsspec

        options = {"client_kwargs": {"trace_configs": [_guard()]}} if scheme in WEB else {}
        system, path = fsspec.core.url_to_fs(address, **options)
    except (ImportError, ValueError) as error:
        driver = _DRIVERS.get(scheme, "fsspec")
        raise DataError(
            f"{address}: no access to {scheme}:// ({error})\n  pip install {driver}"
            "; for s3:// and gs:// the extra `cloud` has them",
            fault="unreadable",
        ) from error
    return system, path


def redirect_fault(asked_host: str, target: str) -> str | None:
    """Return why a redirect is refused; None where it is followed.

    A server must not redirect to what only this machine reaches: its own services (loopback) and
    those of its surroundings, such as a cloud's metadata (link-local). A request that already goes
    to such an address may be redirected there.

    Args:
        asked_host: host of the first address.
        target: absolute address of the redirect.
    """
    parts = urlsplit(target)
    if parts.scheme not in WEB:
        return f"redirected to {target}, which is not allowed"
    if os.environ.get(_ALLOW_LOCAL) == "1":
        return None
    local = _local_kinds(parts.hostname or "") - _local_kinds(asked_host)
    if not local:
        return None
    kind = sorted(local)[0]
    return f"redirected to {target}, a {kind} address: not allowed ({_ALLOW_LOCAL}=1 asks for it)"


def _local_kinds(host: str) -> frozenset[str]:
    """Return which of `loopback` and `link-local` the addresses of a host are."""
    try:
        entries = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):  # the request itself fails with the reason
        return frozenset()
    kinds = set()
    for entry in entries:
        address = ip_address(str(entry[4][0]).partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address.is_loopback or address.is_unspecified:
            kinds.add("loopback")
        if address.is_link_local:
            kinds.add("link-local")
    return frozenset(kinds)


@cache
def _guard() -> Any:
    """Build the hooks that apply the policy to redirects of aiohttp, the driver of the web."""
    import aiohttp

    async def store_host(_session: Any, context: Any, parameters: Any) -> None:
        context.asked_host = parameters.url.host or ""

    async def check_redirect(_session: Any, context: Any, parameters: Any) -> None:
        headers = parameters.response.headers
        target = headers.get("Location") or headers.get("URI") or ""
        fault = redirect_fault(context.asked_host, urljoin(str(parameters.url), target))
        if fault is not None:
            raise OSError(f"{parameters.url}: {fault}")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(store_host)
    trace.on_request_redirect.append(check_redirect)
    return trace
