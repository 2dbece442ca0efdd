"""Requests that are refused, with the HTTP status."""

from http import HTTPStatus

from seg.errors import UserError


class RefusedError(UserError):
    """A request that is not answered as asked.

    Args:
        status: of the answer.
        message: why, and what to do.
        headers: further ones of the answer.
    """

    def __init__(
        self, status: HTTPStatus, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
