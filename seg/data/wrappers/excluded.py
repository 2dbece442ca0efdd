"""The faulty samples of `verify.json`, and datasets without them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from seg.data.readers.image_label_pairs import UnmatchedFile
from seg.data.readers.urls import Location, is_remote
from seg.data.sample import SegmentationDataset
from seg.data.wrappers.subset import Subset
from seg.errors import DataError, error_summary
from seg.io.json_file import read_json

MAX_FILE_BYTES = 512 * 2**20
"""Largest verification file that is read."""

_REMEDY = "write it again: python -m seg.prepare task=verify dataset=..."
_SHOWN = 3
Content = TypeVar("Content")
Several = Annotated[tuple[Content, ...], Field(strict=False)]  # JSON has lists


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Finding(_Plain):
    """A fault or a note of a verification.

    Attributes:
        split: of the sample.
        sample: its name; empty where the finding is of no single sample.
        file: the file; empty where the sample is not made of files.
        kind: the kind in a word (`truncated`, `size_mismatch`).
        message: what is wrong, in a few lines.
        values: of a label file: each value outside the label space, with its number of pixels.
    """

    split: str
    sample: str
    file: str
    kind: str
    message: str
    values: dict[str, NonNegativeInt] = {}


class LonelyFile(_Plain):
    """A file without its partner; a local path is absolute."""

    split: str
    path: str
    kind: str
    lacks: str


class Verification(_Plain):
    """The content of `verify.json`.

    Attributes:
        counts: samples of each split, files without partners left out.
        sound: those of them without a fault.
        label_kinds: of each split, how many label files store their values how.
        quarantine, indices: of each split, the names and positions of the samples to leave out.
    """

    format: Literal["seg.verify"] = "seg.verify"
    version: Literal[1] = 1
    counts: dict[str, NonNegativeInt]
    sound: dict[str, NonNegativeInt]
    label_kinds: dict[str, dict[str, NonNegativeInt]]
    faults: Several[Finding]
    notes: Several[Finding]
    quarantine: dict[str, Several[str]]
    indices: dict[str, Several[NonNegativeInt]]
    lonely: Several[LonelyFile]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.counts.keys() == self.sound.keys() == self.quarantine.keys():
            raise ValueError("counts, sound and quarantine name different splits")
        if self.indices.keys() != self.counts.keys():
            raise ValueError("counts and indices name different splits")
        for split, count in self.counts.items():
            places = self.indices[split]
            if len(places) != len(self.quarantine[split]) or len(set(places)) != len(places):
                raise ValueError(f"indices of split {split!r} do not fit its quarantine")
            if any(index >= count for index in places):
                raise ValueError(f"an index of split {split!r} is beyond its {count} samples")
            if self.sound[split] + len(places) != count:
                raise ValueError(f"split {split!r}: sound and quarantine do not add up to {count}")
        return self


class Quarantine:
    """The faulty samples and files of a verification, read from the file `source`."""

    def __init__(self, verification: Verification, source: str | Path) -> None:
        self._verification = verification
        self._source = source
        self._lonely = {(each.path, each.kind) for each in verification.lonely}

    def names(self, split: str) -> frozenset[str]:
        """Return the names (as `plain_text`) of the samples of a split to leave out.

        Raises:
            DataError: the split was not verified.
        """
        return frozenset(self._of(self._verification.quarantine, split))

    def covers(self, unmatched: UnmatchedFile) -> bool:
        """Return whether the verification lists this file without a partner."""
        return (file_key(unmatched.path), unmatched.kind) in self._lonely

    def remaining(self, dataset: SegmentationDataset) -> tuple[int, ...]:
        """Return the positions of the samples that stay.

        Samples of files are recognized by their names, others by their positions.

        Raises:
            DataError: the split was not verified, or is not the one that was.
        """
        names, pairs = self.names(dataset.split), getattr(dataset, "pairs", None)
        if pairs is not None:
            return tuple(i for i, pair in enumerate(pairs) if plain_text(pair.name) not in names)
        count = self._of(self._verification.counts, dataset.split)
        if count != len(dataset):
            raise DataError(
                f"{self._source}: split {dataset.split!r} had {count} samples when it was verified,"
                f" now it has {len(dataset)}\n  {_REMEDY}",
                fault="quarantine",
            )
        excluded = set(self._of(self._verification.indices, dataset.split))
        return tuple(index for index in range(len(dataset)) if index not in excluded)

    def _of(self, splits: Mapping[str, Content], split: str) -> Content:
        if split not in splits:
            raise DataError(
                f"{self._source} says nothing of split {split!r}; verified are:"
                f" {', '.join(splits) or 'none'}\n  {_REMEDY}",
                fault="quarantine",
            )
        return splits[split]


def read_quarantine(path: str | Path) -> Quarantine:
    """Read a `verify.json`; every key and value is checked, nothing is executed.

    Raises:
        DataError: the file is missing or is not such a file, with the first things that are wrong.
    """
    file = Path(path).expanduser()
    try:
        content = read_json(file, "file", max_bytes=MAX_FILE_BYTES)
        return Quarantine(Verification.model_validate(content), path)
    except DataError as error:
        reason = error_summary(error).removeprefix(f"{file}: ")
        raise _unusable(path, reason) from error
    except ValidationError as error:
        lines = ["not a verify.json of this version"]
        for each in error.errors(include_url=False, include_input=False)[:_SHOWN]:
            place = ".".join(str(part)[:40] for part in each["loc"])
            lines.append(f"{place or 'file'}: {each['msg'][:160]}")
        if error.error_count() > _SHOWN:
            lines.append(f"and {error.error_count() - _SHOWN} more")
        raise _unusable(path, "\n  ".join(lines)) from error


def without_quarantined(
    dataset: SegmentationDataset, quarantine: Quarantine
) -> SegmentationDataset:
    """Return the dataset without the samples in quarantine; no image is read for it.

    Raises:
        DataError: the split was not verified, is not the one that was, or nothing is left of it.
    """
    remaining = quarantine.remaining(dataset)
    if not remaining:
        raise DataError(
            f"split {dataset.split!r}: all {len(dataset)} samples are in quarantine\n"
            "  mend the faults that verify.json lists",
            fault="quarantine",
        )
    return dataset if len(remaining) == len(dataset) else Subset(dataset, remaining)


def plain_text(text: str) -> str:
    r"""Return text that any file and terminal can hold: surrogates become `\udcXX`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def file_key(location: Location) -> str:
    """Return the key of a file in a verification: its address, or its absolute path."""
    return plain_text(
        str(location) if is_remote(location) else os.path.normpath(Path(location).absolute())
    )


def _unusable(path: str | Path, why: str) -> DataError:
    return DataError(f"dataset.exclude={path}: {why}\n  {_REMEDY}", fault="quarantine")
