"""Bodies of requests: the whole, or the image in it: a field of a form, or the body itself."""

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from seg.serving.refusals import RefusedError

if TYPE_CHECKING:  # it has it for checkers alone
    from python_multipart.multipart import MultipartCallbacks

FIELD = "image"
_FORM = b"multipart/form-data"
_RAW = (b"image/", b"application/octet-stream")
_HOW = f"curl -F {FIELD}=@photo.jpg"


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        RefusedError: the client has left before its end.
    """
    try:
        return await request.body()
    except ClientDisconnect:
        raise _early() from None


async def read_upload(request: Request) -> tuple[bytes, str]:
    """Return the bytes and the name of the uploaded file; without one `image`.

    Raises:
        RefusedError: the body is of another kind, damaged, or has no file or several.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    try:
        if kind == _FORM:
            content, name = await _of_form(request, options.get(b"boundary", b""))
        elif kind.startswith(_RAW):
            content, name = await read_body(request), FIELD
        else:
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Type {kind.decode('latin-1')[:80]!r}: allowed are multipart/form-data"
                f" with the field {FIELD!r} ({_HOW}), and image/*",
            )
    except ClientDisconnect:
        raise _early() from None
    if not content:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the image is empty (0 bytes); {_HOW}")
    return content, name


def _early() -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "the upload ended early")


async def _of_form(request: Request, boundary: bytes) -> tuple[bytes, str]:
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except MultipartParseError as error:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, f"the form is damaged ({error}); {_HOW}"
        ) from None
    if not form.is_complete:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the form ends early; {_HOW}")
    if len(form.files) != 1:
        has = f"has {len(form.files)} fields" if form.files else "has no field"
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"the form {has} {FIELD!r}; send one: {_HOW}"
        )
    return b"".join(form.files[0]), form.file_name


class _Form:
    """Collects the parts of the field `image`; others are dropped as they come.

    Attributes:
        files: the pieces of each.
        file_name: the last part of its path.
        is_complete: whether the form has ended.
    """

    def __init__(self) -> None:
        self.files: list[list[bytes]] = []
        self.file_name, self.is_complete = FIELD, False
        self._name, self._value = b"", b""
        self._is_image = False

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add_data,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._is_image = False

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            if options.get(b"name") == FIELD.encode():
                self._is_image = True
                self.files.append([])
                path = options.get(b"filename", b"").decode("utf-8", "replace")
                self.file_name = re.split(r"[/\\]", path)[-1] or FIELD
        self._name, self._value = b"", b""

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_image:
            self.files[-1].append(data[start:end])

    def _end(self) -> None:
        self.is_complete = True
