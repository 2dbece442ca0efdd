"""Errors for users: each names the thing, the allowed values and the remedy."""

import errno
import os
from collections.abc import Mapping, Sequence

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_NO_ROOM_MESSAGES = (
    *(os.strerror(number) for number in _NO_ROOM),
    "PytorchStreamWriter failed writing",  # torch, of a file that it has opened itself
    "database or disk is full",  # SQLite
)


class UserError(ValueError):
    """Error that the user can mend: printed without a traceback, exit code `exit_code`."""

    exit_code = 1


class ConfigError(UserError):
    """Wrong key, value, option or path in the configuration."""

    exit_code = 2


class DivergenceError(UserError):
    """Numbers in training that are not finite.

    Args:
        message: which, and the remedy.
        step: weights of this and later optimizer steps may have caused it.
    """

    exit_code = 4

    def __init__(self, message: str, *, step: int = 0) -> None:
        super().__init__(message)
        self.step = step


class OutOfMemoryError(UserError):
    """Training step that does not fit into memory."""

    exit_code = 5


class StorageError(UserError):
    """File that cannot be written."""

    exit_code = 6


class PrunedError(UserError):
    """Trial of a sweep that ends early, as others are better."""

    exit_code = 7


class DataError(UserError):
    """Dataset, image, label or checkpoint file that is missing, damaged or not what it should be.

    Args:
        message: what is wrong with which file, and the remedy.
        fault: the kind of fault in a word (`truncated`, `size_mismatch`), for reports.
        values: of a label file: each value outside the label space, with its number of pixels.
    """

    exit_code = 3

    def __init__(
        self, message: str, *, fault: str = "unusable", values: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.values = dict(values or {})


class WorkerProcessError(UserError):
    """Failure of one of several processes that train together.

    Args:
        message: its own message.
        exit_code: of the process.
    """

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def user_message(error: BaseException) -> str | None:
    """Return the message of an error that a user can mend; None where only a traceback helps."""
    if isinstance(error, UserError):
        return "\n".join([str(error), *dict.fromkeys(getattr(error, "__notes__", ()))])
    if is_out_of_room(error):
        return f"{_place_of(error)}: make room, then give the command again"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or 'cannot be used').lower()}"
    return None


def exit_code_of(error: BaseException) -> int:
    """Return the exit code for an error that has a message."""
    if isinstance(error, UserError):
        return error.exit_code
    return StorageError.exit_code if is_out_of_room(error) else ConfigError.exit_code


def is_out_of_room(error: BaseException | None) -> bool:
    """Return whether a disk or quota is full, or a file too large; causes of errors count."""
    return any(
        each.errno in _NO_ROOM
        if isinstance(each, OSError)
        else any(message in str(each) for message in _NO_ROOM_MESSAGES)
        for each in chain_of(error)
    )


def chain_of(error: BaseException | None) -> list[BaseException]:
    """Return an error, its cause or context, theirs, and so on.

    Each occurs once: libraries that raise a caught error again, from one of its own causes, leave
    a circle.
    """
    chain: list[BaseException] = []
    while error is not None and all(error is not each for each in chain):
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _place_of(error: BaseException) -> str:
    """Return the file, as far as an error names it, and the reason."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        reason = (error.strerror or "no room").lower()
        return f"{error.filename}: {reason}" if error.filename else reason
    return f"a file cannot be written ({error_summary(error, 120)})"


def brief(value: object, most: int = 80) -> str:
    """Return the repr of what a file holds, cut to so many characters, for messages."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def first_of(words: Sequence[object], most: int = 3) -> str:
    """Return the first of some words and dots for the others, for messages."""
    return ", ".join(map(str, words[:most])) + (", ..." if len(words) > most else "")


def error_summary(error: BaseException, most: int = 200) -> str:
    """Return the first line of a library's error, cut to `most` characters, or its class.

    It is the reason within a message of ours: libraries add attempts, or a traceback.
    """
    text = str(error).strip()
    return text.splitlines()[0][:most] if text else type(error).__name__


def first_lines(error: BaseException, most: int = 4) -> str:
    """Return the message of an error of ours, cut to `most` lines and the number of the others."""
    lines = str(error).splitlines()
    if len(lines) <= most:
        return str(error)
    return "\n".join([*lines[:most], f"  and {len(lines) - most} lines more"])
