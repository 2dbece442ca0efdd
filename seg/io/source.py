"""Files that are read: the name for messages, the limit, the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from seg.errors import DataError, error_summary

MAX_BYTES = 2**28
"""Largest file that is read unless a caller gives another limit."""

MAX_DEPTH = 64
"""Deepest nesting of lists and mappings."""

_SHOWN = 80
T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """File that is read, as messages describe it.

    Attributes:
        location: the path or address.
        kind: what the file is: `class file`, `card`.
        remedy: what to do where it is damaged; empty: copy or write it again.
        max_bytes: the largest file that is read.
    """

    location: object
    kind: str
    remedy: str = ""
    max_bytes: int = MAX_BYTES

    def damaged(self, why: object, *, fault: str = "damaged") -> DataError:
        """Return the error of a file that cannot be used."""
        reason = error_summary(why) if isinstance(why, BaseException) else str(why)
        remedy = self.remedy or "copy it again or write it again"
        return DataError(f"{self.location}: {self.kind} is {reason}\n  {remedy}", fault=fault)

    def not_valid(self, form: str, why: object) -> DataError:
        """Return the error of a file that is not in its form (`JSON`)."""
        reason = error_summary(why) if isinstance(why, BaseException) else str(why)
        return self.damaged(f"damaged, no valid {form}: {reason}")

    def check_size(self, num_bytes: int) -> None:
        """Check the size of a file against the limit.

        Raises:
            DataError: it is larger.
        """
        if num_bytes > self.max_bytes:
            raise self.damaged(
                f"too large: {num_bytes} bytes, at most {self.max_bytes} are read",
                fault="too_large",
            )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what opening and reading raise into a `DataError` that names the file."""
        try:
            yield
        except DataError:
            raise
        except FileNotFoundError as error:
            raise DataError(f"{self.location}: {self.kind} not found", fault="missing") from error
        except IsADirectoryError as error:
            raise DataError(
                f"{self.location}: {self.kind} expected, found a directory", fault="missing"
            ) from error
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{self.location}: {self.kind} cannot be read: {reason}", fault="unreadable"
            ) from error

    def read(self) -> bytes:
        """Return all of a local file; an empty one is not refused.

        Raises:
            DataError: it is missing (`fault` is `missing`), too large or cannot be read.
        """
        with self.errors(), Path(str(self.location)).open("rb") as file:
            content = file.read(self.max_bytes + 1)
        self.check_size(len(content))
        return content


def is_valid(kind: TypeAdapter[Any], content: Any) -> bool:
    """Return whether plain data is of a pydantic type."""
    try:
        kind.validate_python(content)
    except ValueError:
        return False
    return True


def checked(kind: TypeAdapter[T] | type[T], content: Any, source: Source) -> T:
    """Validate plain data against a pydantic type.

    Raises:
        DataError: a key is missing, or a value is not of its type; the first one is named.
    """
    adapter: TypeAdapter[T] = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part)[:_SHOWN] for part in first["loc"]) or "content"
        raise source.damaged(f"damaged ({key}: {first['msg'][:_SHOWN]})") from error
