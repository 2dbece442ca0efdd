"""The errors a user is meant to read: each names the thing, the allowed values and the remedy."""

import errno
from collections.abc import Mapping

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class UserError(ValueError):
    """Something the user can mend; told without a traceback, ends the process with `exit_code`."""

    exit_code = 1


class ConfigError(UserError):
    """A key, value, option or path in the configuration is wrong."""

    exit_code = 2


class DivergenceError(UserError):
    """Training ran into numbers that are not finite.

    Args:
        message: which, and the remedy.
        step: weights of this and later optimizer steps may have caused it.
    """

    exit_code = 4

    def __init__(self, message: str, *, step: int = 0) -> None:
        super().__init__(message)
        self.step = step


class MemoryShortageError(UserError):
    """A training step does not fit into memory."""

    exit_code = 5


class StorageError(UserError):
    """A file cannot be written."""

    exit_code = 6


class PrunedError(UserError):
    """A trial of a sweep ends early: others are ahead of it."""

    exit_code = 7


class DataError(UserError):
    """A dataset, image, label or checkpoint file is missing, damaged or not what it should be.

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


class RankError(UserError):
    """One of several processes that train together has failed.

    Args:
        message: what it would have told by itself.
        exit_code: what it ended with.
    """

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def message_of(error: BaseException) -> str | None:
    """What to tell a user who can mend it; None where only a traceback helps."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or 'cannot be used').lower()}"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"{error.strerror}: make room for the run directory"
    return None


def first_line(error: BaseException, most: int = 200) -> str:
    """What a library says of a failure, cut to so many characters; its kind where it says nothing.

    For the reason within a message of ours: libraries add what they have tried, or a traceback.
    """
    told = str(error).strip()
    return told.splitlines()[0][:most] if told else type(error).__name__
