"""The errors a user is meant to read: each names the thing, the allowed values and the remedy."""

from collections.abc import Mapping


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
