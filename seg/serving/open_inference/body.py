"""Bodies of requests and answers: compression, and where JSON ends and tensors begin."""

import zlib
from http import HTTPStatus
from typing import NamedTuple

from starlette.datastructures import Headers

from seg.errors import DataError
from seg.serving.refusals import RefusedError

HEADER_LENGTH = "Inference-Header-Content-Length"
_WINDOW_BITS = {"gzip": 31, "deflate": 15}  # HTTP's deflate has the header of zlib
_FAST = 1
_LONGEST_LENGTH = 12  # digits


class Body(NamedTuple):
    """A body in its two parts.

    Attributes:
        document: JSON.
        tensors: the binary tensors after it, in the order of the document; None: the request has
            no header that tells where they begin.
    """

    document: bytes
    tensors: memoryview | None

    @property
    def size(self) -> int:
        """Return the bytes of both."""
        return len(self.document) + (0 if self.tensors is None else len(self.tensors))


def split_body(content: bytes, headers: Headers, *, max_bytes: int) -> Body:
    """Decompress a body and split it behind its JSON.

    Args:
        content: as it was sent.
        headers: of the request; the length of its JSON counts bytes before compression.
        max_bytes: of the decompressed body.

    Raises:
        DataError: it is damaged or too large, or the header is no length of a part of it.
        RefusedError: its compression is unknown.
    """
    content = _decompressed(content, headers.get("Content-Encoding", ""), max_bytes)
    lengths = headers.getlist(HEADER_LENGTH)
    if not lengths:
        return Body(content, None)
    text = lengths[0].strip()
    is_length = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_LENGTH
    if len(lengths) > 1 or not is_length or not 0 < int(text) <= len(content):
        raise DataError(
            f"{HEADER_LENGTH}: {', '.join(lengths)[:80]!r} in a request whose body has"
            f" {len(content)} bytes\n  give the length of the JSON before the binary tensors"
        )
    return Body(content[: int(text)], memoryview(content)[int(text) :])


def _decompressed(content: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return a body without its compression, which is bounded before it takes memory."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return content
    if encoding not in _WINDOW_BITS:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding: {encoding[:80]!r} is unknown; allowed: gzip, deflate, identity",
        )
    decompressor = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = decompressor.decompress(content, max_bytes + 1)
    except zlib.error as error:
        raise DataError(f"Content-Encoding: the body is no sound {encoding}: {error}") from None
    if len(plain) > max_bytes:
        raise DataError(
            f"Content-Encoding: the body has more than {max_bytes} bytes once it is decompressed\n"
            "  send fewer or smaller images in a request",
            fault="too_large",
        )
    if not decompressor.eof or decompressor.unused_data:
        fault = "is cut off" if not decompressor.eof else "goes on after its end"
        raise DataError(f"Content-Encoding: the {encoding} of the body {fault}; send it again")
    return plain


def accepted_compression(accept_encoding: str) -> str | None:
    """Return the compression that a client wants, None: none.

    Many libraries accept several by themselves; an answer is compressed where one alone is
    accepted, as clients of this protocol ask for it.
    """
    names = set()
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() not in ("", "identity") and not _is_zero(weight):
            names.add(name.strip())
    return names.pop() if len(names) == 1 and names <= set(_WINDOW_BITS) else None


def _is_zero(weight: str) -> bool:
    key, _, value = weight.partition("=")
    return key.strip() == "q" and bool(value.strip()) and not value.strip().strip("0.")


def compress(content: bytes, encoding: str) -> bytes:
    """Compress a body by `gzip` or `deflate`, fast."""
    compressor = zlib.compressobj(_FAST, wbits=_WINDOW_BITS[encoding])
    return compressor.compress(content) + compressor.flush()
