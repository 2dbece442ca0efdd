"""Ways to pair the image files of a directory, ranked by names and contents."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import combinations
from operator import itemgetter
from pathlib import Path, PurePosixPath
from shlex import quote

import numpy as np

from seg.data.readers.image_decoding import opened
from seg.data.readers.path_patterns import FilePattern, affixes_around, cores, paired_by_affixes
from seg.errors import DataError

_LEAST_PAIRS = 3
_MAX_DIRECTORIES, _MAX_NAMES, _MAX_TRIED = 10, 2_000, 4
_FEW_VALUES = 64
# Words in the names of labels, and of directories that belong to one split.
_OF_LABELS = re.compile(r"mask|label|seg|annot|ground.?truth|(?<![a-z])(gt|ann|target|matte)", re.I)
_OF_A_SPLIT = re.compile(
    r"(?<![a-z])(train(ing)?|val(id(ation)?)?|test(ing)?)(?=[^a-z]|$|annot|label|mask|ima?ge?|gt)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """A way to pair the files of a directory."""

    images: FilePattern
    labels: FilePattern

    @property
    def options(self) -> str:
        """Return the options of `dataset=folder`, quoted for a shell."""
        keys = (("dataset.images", self.images.text), ("dataset.labels", self.labels.text))
        return " ".join(quote(f"{key}={text or '.'}") for key, text in keys)

    @property
    def splits(self) -> tuple[list[str], list[str]]:
        """Return the words for a split in the names of the two directories."""
        directories = self.images.directory, self.labels.directory
        one, two = ([m[0] for m in _OF_A_SPLIT.finditer(each.lower())] for each in directories)
        return one, two

    def is_other_split_of(self, other: "Layout") -> bool:
        """Return whether both differ in the word for the split alone."""
        directories = [
            [_OF_A_SPLIT.sub("", each.directory) for each in (layout.images, layout.labels)]
            for layout in (self, other)
        ]
        return self.splits != other.splits and directories[0] == directories[1]


@dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        path: below the root.
        place: the path without the directory of a split.
        split: that directory; None: there is none.
    """

    path: PurePosixPath
    place: str
    split: str | None

    def below(self, directory: str) -> str | None:
        """Return the rest of its place below a directory; None: it lies elsewhere."""
        if not directory:
            return self.place
        return self.place[len(directory) + 1 :] if holds(directory, self.place) else None


class Candidates:
    """Ways to pair files, ranked by how many pair up and what they hold."""

    def __init__(self, root: Path, files: Sequence[ImageFile]) -> None:
        self._root = root
        self._files = files
        self._below: dict[str, list[ImageFile]] = {}
        for file in files:
            parts = file.place.split("/")[:-1]
            for depth in range(len(parts) + 1):
                self._below.setdefault("/".join(parts[:depth]), []).append(file)

    def best(self) -> list[Layout]:
        """Return the likeliest ways, the best first."""
        ranked: list[tuple[float, bool, float, int, Layout]] = []
        for one, two in dict.fromkeys((*self._between_directories(), *self._within_directories())):
            count = self._count(one, two)
            likeness = self._likeness(one), self._likeness(two)
            if count < min(_LEAST_PAIRS, len(self._files) // 2) or likeness[0] == likeness[1]:
                continue
            images, labels = (one, two) if likeness[0] < likeness[1] else (two, one)
            layout = Layout(images, labels)
            if layout.splits[0] != layout.splits[1]:
                continue
            alike = SequenceMatcher(None, one.text, two.text, autojunk=False).ratio()
            ranked.append((-count, max(likeness) < 2, -alike, len(ranked), layout))
        return [entry[-1] for entry in sorted(ranked, key=itemgetter(0, 1, 2, 3))[:_MAX_TRIED]]

    @cached_property
    def _directories(self) -> list[str]:
        sizes = {name: len(files) for name, files in self._below.items()}
        return sorted(sizes, key=lambda name: (-sizes[name], name))[:_MAX_DIRECTORIES]

    def _between_directories(self) -> Iterator[tuple[FilePattern, FilePattern]]:
        for one, two in combinations(self._directories, 2):
            if holds(one, two) or holds(two, one):
                inner, outer = (two, one) if holds(one, two) else (one, two)
                yield from self._by_suffix(outer, inner)
                continue
            patterns = FilePattern(one, "*", one), FilePattern(two, "*", two)
            stems = [self._stems(name) for name in (one, two)]
            if set(stems[0]) & set(stems[1]):
                yield patterns
            elif both := paired_by_affixes(stems[0], stems[1], patterns):
                yield both

    def _within_directories(self) -> Iterator[tuple[FilePattern, FilePattern]]:
        for directory in self._directories:
            whole = FilePattern(directory, "*", directory)
            yield from self._by_suffix(directory, directory)
            yield from self._by_name(directory)
            stems = self._stems(directory)
            for cut in affixes_around(stems, stems):
                if 3 * len(cores(stems, cut) & set(stems)) > len(stems):
                    yield whole, whole.with_names("*".join(cut))
            labels = [stem for stem in stems if _OF_LABELS.search(stem)]
            others = sorted(set(stems) - set(labels))
            both = paired_by_affixes(others, labels, (whole, whole)) if labels and others else None
            if both and not any("/" in pattern.names for pattern in both):
                yield both

    def _by_suffix(self, outer: str, inner: str) -> Iterator[tuple[FilePattern, FilePattern]]:
        inside = self._below[inner]
        outside = [
            file for file in self._below[outer] if inner == outer or file.below(inner) is None
        ]
        suffixes = [{file.path.suffix.lower() for file in files} for files in (outside, inside)]
        if outer == inner and len(suffixes[0]) == 2:
            one, two = sorted(suffixes[0])
            suffixes = [{one}, {two}]
        if len(suffixes[0]) == len(suffixes[1]) == 1 and not suffixes[0] & suffixes[1]:
            names = [f"*{each.pop()}" for each in suffixes]
            yield (
                FilePattern(outer, "*", outer).with_names(names[0]),
                FilePattern(inner, "*", inner).with_names(names[1]),
            )

    def _by_name(self, directory: str) -> Iterator[tuple[FilePattern, FilePattern]]:
        """Yield ways to pair a directory for each sample: `7/photo.jpg` with `7/label.png`."""
        below = FilePattern(directory, "*", directory)
        names = Counter(file.path.name for file in self._below[directory])
        repeated = [name for name, count in names.most_common(4) if count > 1]
        for one, two in combinations(sorted(repeated), 2):
            yield below.with_names(f"*/{one}"), below.with_names(f"*/{two}")

    def _stems(self, directory: str) -> list[str]:
        files = self._below[directory][:_MAX_NAMES]
        places = (file.below(directory) or "" for file in files)
        return list(dict.fromkeys(place.rpartition(".")[0] for place in places))

    def _count(self, one: FilePattern, two: FilePattern) -> int:
        """Return how many names pair up; 0 where too few of all do."""
        names = [set(matching(self._below[each.directory], each)) for each in (one, two)]
        count = len(names[0] & names[1])
        if one.directory != two.directory:
            return count if 2 * count > min(map(len, names)) else 0
        return count if 3 * count > len(names[0] | names[1]) else 0

    def _likeness(self, pattern: FilePattern) -> float:
        """Return how likely the files are labels: the larger, the likelier."""
        first = next(_matching(self._below[pattern.directory], pattern), None)
        named = bool(_OF_LABELS.search(pattern.text))
        return named + (0 if first is None else 2 * _looks_like_label(self._root / first[1].path))


def matching(files: Sequence[ImageFile], pattern: FilePattern) -> dict[tuple[str, str], ImageFile]:
    """Return files by split and the name that image and label share."""
    return {(file.split or "", name): file for name, file in _matching(files, pattern)}


def _matching(files: Sequence[ImageFile], pattern: FilePattern) -> Iterator[tuple[str, ImageFile]]:
    for file in files:
        below = file.below(pattern.directory)
        name = None if below is None else pattern.shared_name(below)
        if name is not None:
            yield name, file


@lru_cache(maxsize=64)
def _looks_like_label(path: Path) -> float:
    """Return 1 for a lossless image of few values, 0 for a photograph; the fewer, the larger."""
    try:
        with opened(path, "label") as file:
            if file.format == "JPEG" or file.pillow is None:
                return 0
            pixels = np.asarray(file.pillow)
    except DataError:
        return 0
    colors = np.unique(pixels.reshape(-1, *pixels.shape[2:]), axis=0)
    return 1 if len(colors) <= _FEW_VALUES else min(_FEW_VALUES / len(colors), 0.4)


def holds(outer: str, inner: str) -> bool:
    """Return whether a place lies below a directory; everything lies below the root."""
    return not outer or inner.startswith(f"{outer}/")
