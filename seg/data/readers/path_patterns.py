"""Patterns for the directories and names of images and labels: one text with a `*`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from seg.data.readers.class_table import CLASS_FILES
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.unread_files import UnreadFiles, is_hidden
from seg.data.readers.urls import Location
from seg.errors import ConfigError, DataError

_STAR = "*"
_TRIED, _MAX_CUTS = 3, 30


@dataclass(frozen=True)
class FilePattern:
    """A directory below the root of a dataset, and the names of the files in it.

    Attributes:
        directory: relative to the root; empty: the root itself.
        names: with one `*` for the name that an image and its label share (`*_mask.png`,
            `*/label.png`); without a suffix that of any image may follow.
        text: the value of the option.
    """

    directory: str
    names: str
    text: str

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        before, after = (re.escape(part) for part in self.names.split(_STAR))
        # A name at any depth; the directories above it belong to the shared name.
        before = f"(){before}" if "/" in self.names else f"((?:.*/)?){before}"
        if PurePosixPath(self.names).suffix.lower() in IMAGE_SUFFIXES:
            ending = ""
        else:
            ending = f"(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))})"
        return re.compile(f"{before}(.+?){after}{ending}", re.IGNORECASE)

    def shared_name(self, path: PurePosixPath | str) -> str | None:
        """Return the shared name in a path below the directory; None where it does not match."""
        match = self._regex.fullmatch(str(path))
        return None if match is None else match[1] + match[2]

    def with_names(self, names: str) -> "FilePattern":
        """Return a pattern of the same directory with other names."""
        text = f"{self.directory}/{names}" if self.directory else names
        return FilePattern(self.directory, names, text)


def parse_pattern(text: str, key: str) -> FilePattern:
    """Split `labels`, `masks/*_mask.png` or `*_mask.png` into directory and names.

    Args:
        text: a path relative to the root; one `*` stands for the shared name.
        key: the option, for messages.

    Raises:
        ConfigError: several `*`, an absolute path or one that leads out of the root.
    """
    text = text.replace("**/*", _STAR)  # a name is one at any depth
    parts = PurePosixPath(text).parts
    outside = ".." in parts or text.startswith("/")
    if outside or not text or text.count(_STAR) > 1:
        raise ConfigError(
            f"{key}={text}: give a directory in dataset.root, with or without the pattern of its"
            " names,\n  in which one * stands for the name that an image and its label share:"
            f" '{key}=masks/*_mask.png'\n  any other way by two patterns: 'dataset.images=**/*.jpg'"
            " 'dataset.labels=masks/{stem}_mask.png'"
        )
    starred = next((at for at, part in enumerate(parts) if _STAR in part), len(parts))
    names = "/".join(parts[starred:]) or _STAR
    return FilePattern("/".join(parts[:starred]), names, text)


def files_of(directory: Path, pattern: FilePattern, other: FilePattern | None) -> dict[str, Path]:
    """Return the files below a directory by the name that image and label share, sorted.

    Args:
        directory: the directory.
        pattern: of the names.
        other: pattern of the partners, where they lie in the same directory; a file that matches
            both belongs to the longer one.

    Raises:
        DataError: nothing matches, or two files have one name.
    """
    files: dict[str, Path] = {}
    unread = UnreadFiles(directory)
    for path in sorted(directory.glob("**/*")):
        relative = path.relative_to(directory)
        plain = PurePosixPath(relative.as_posix())
        known = not is_hidden(relative) and path.suffix.lower() in IMAGE_SUFFIXES
        name = pattern.shared_name(plain) if known else None
        of_other = known and other is not None and other.shared_name(plain) is not None
        if (
            of_other
            and other is not None
            and (name is None or len(other.names) > len(pattern.names))
        ):
            continue
        if name is None:
            if path.name not in CLASS_FILES and path.is_file():
                unread.add(relative, f"{path.suffix.lower()} of another name" if known else None)
        elif name in files:
            both = f"{files[name].name} and {path.name}"
            raise DataError(f"two files for one sample in {directory}: {both}")
        else:
            files[name] = path
    if not files:
        also = f"\n  {unread.line}" if unread else ""
        names = f"{pattern.names} ({', '.join(IMAGE_SUFFIXES)})"
        raise DataError(f"no files in {directory}\n  looked for {names}{also}")
    unread.log()
    return files


def pairing_remedy(
    images: Mapping[str, Location],
    labels: Mapping[str, Location],
    patterns: tuple[FilePattern, FilePattern],
) -> str:
    """Return the remedy where no image has the name of a label: the option that pairs them."""
    options = suggested_patterns(list(images), list(labels), patterns)
    if options:
        return f"  to pair them by their names give {' '.join(options)}"
    example = patterns[1].with_names("*_mask.png").text
    return (
        f"  tell how names go, * is what both share: 'dataset.labels={example}'\n"
        "  or list the pairs in a CSV file: dataset=csv dataset.table=FILE"
    )


def suggested_patterns(
    images: Sequence[str], labels: Sequence[str], patterns: tuple[FilePattern, FilePattern]
) -> list[str]:
    """Return options under which most names pair up; empty where there are none."""
    both = paired_by_affixes(images, labels, patterns)
    return [
        f"'dataset.{key}={pattern.text}'"
        for key, pattern, usual in zip(("images", "labels"), both or (), patterns, strict=False)
        if pattern.names != usual.names
    ]


def paired_by_affixes(
    images: Sequence[str], labels: Sequence[str], patterns: tuple[FilePattern, FilePattern]
) -> tuple[FilePattern, FilePattern] | None:
    """Return patterns with the affixes of shared names; None where most names pair up by none."""
    nothing = ("", "")
    candidates = [(nothing, cut) for cut in affixes_around(images, labels)]
    candidates += [(cut, nothing) for cut in affixes_around(labels, images)]
    candidates.append(_without_shared(_common(images), _common(labels)))
    paired = [len(cores(images, one) & cores(labels, two)) for one, two in candidates]
    best = paired.index(max(paired))
    if 2 * paired[best] <= min(len(images), len(labels)):
        return None
    one, two = (
        pattern if cut == nothing else pattern.with_names(_STAR.join(cut))
        for pattern, cut in zip(patterns, candidates[best], strict=True)
    )
    return one, two


def cores(names: Sequence[str], cut: tuple[str, str]) -> set[str]:
    """Return the names that begin and end with the two affixes, without them."""
    before, after = cut
    return {
        name[len(before) : len(name) - len(after)]
        for name in names
        if name.startswith(before) and name.endswith(after) and len(name) > len(before + after)
    }


def affixes_around(inner: Sequence[str], outer: Sequence[str]) -> list[tuple[str, str]]:
    """Return what stands around some names of `inner` where they lie within one of `outer`."""
    cuts: dict[tuple[str, str], None] = {}
    for name in inner[:_TRIED]:
        for longer in outer:
            if name in longer and name != longer and len(cuts) < _MAX_CUTS:
                before, _, after = longer.partition(name)
                cuts[before, after] = None
    return list(cuts)


def _without_shared(
    one: tuple[str, str], two: tuple[str, str]
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Leave to the shared name what begins or ends both: `IMG_00` of `IMG_001`, not `img_`."""
    (before, after), (other_before, other_after) = one, two
    if before == other_before:
        before = other_before = ""
    while before[-1:].isdigit() and before[-1:] == other_before[-1:]:
        before, other_before = before[:-1], other_before[:-1]
    if after == other_after:
        after = other_after = ""
    while after[:1].isdigit() and after[:1] == other_after[:1]:
        after, other_after = after[1:], other_after[1:]
    return (before, after), (other_before, other_after)


def _common(names: Sequence[str]) -> tuple[str, str]:
    """Return the longest prefix of all names, and the longest suffix of their rests."""
    before = _common_prefix(names)
    return before, _common_prefix([name[len(before) :][::-1] for name in names])[::-1]


def _common_prefix(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    same = next((at for at, one in enumerate(first) if last[at : at + 1] != one), len(first))
    return first[:same]
