"""The report of which tensors a weight file filled."""

from collections.abc import Sequence
from dataclasses import dataclass

_LISTED = 5


@dataclass(frozen=True)
class Coverage:
    """Names of tensors, in our own naming (`encoder.`, `decoder.`, `linear.`).

    Attributes:
        loaded: filled from the file.
        missing: not filled: absent from the file, or of another shape in it.
        unexpected: in the file, for a part this module has, but without a place in it.
        elsewhere: in the file for a part this module does not have, such as a decoder.
        reshaped: loaded after the first convolution was adapted to the number of input channels.
        ignored: layers of the file that are no part of such a network, by the file's own names.
        key_map: description of whose names the file uses.
        taken: which of raw and averaged weights, where the file has both.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    elsewhere: tuple[str, ...]
    reshaped: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    key_map: str = ""
    taken: str = ""

    @property
    def complete(self) -> bool:
        """Return whether every tensor is loaded and none meant for the module is left over."""
        return not self.missing and not self.unexpected

    def __str__(self) -> str:
        parts = (
            f"{len(self.loaded)} tensors loaded",
            f"{len(self.missing)} missing",
            f"{len(self.unexpected)} unexpected",
            f"{len(self.elsewhere)} for other parts",
            f"{len(self.reshaped)} reshaped",
        )
        lines = [", ".join(parts)]
        lines += [f"left out: {shortened(self.ignored)}"] * bool(self.ignored)
        lines += [self.taken] * bool(self.taken)
        return "; ".join(lines)


def shortened(names: Sequence[str]) -> str:
    """List the first few of many names, and the number of the others."""
    rest = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + rest
