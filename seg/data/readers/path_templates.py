"""Images by a glob, and the label of each by a template: `masks/{stem}_mask.png`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from string import Formatter

from seg.data.readers.band_files import BAND_LIST, files_of
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.splits import split_names
from seg.data.readers.unread_files import is_hidden
from seg.errors import ConfigError

CLASS = "{class}"
"""The field of a template that stands for the class of a mask file."""

_BANDS = r"\{[^{}/,]+(?:,[^{}/,]+)+\}"
_FIELDS = ("stem", "name", "parent", "path", "split", "class")
_PARTS = re.compile(rf"(\*\*/|\*\*|\*|\?|\[[^\]/]+\]|\{{(?:split|stem)\}}|{_BANDS})")
_SPLIT, _STEM = "(?P<split>[^/]+?)", "(?P<stem>[^/]+?)"
_REGEX = {
    **{"{split}": _SPLIT, "{stem}": _STEM, "**/": "((?:.*/)?)", "**": "(.*)"},
    **{"*": "([^/]*)", "?": "([^/])"},
}
_HELP = (
    "{stem}: the image's name without suffix, {name}: with it, {parent}: its directory below the"
    "\n  fixed part of dataset.images, {path}: {parent}/{stem}, {1}: what the first wildcard fits,"
    " {split}; {class}: one mask file a class"
)


def is_template(*texts: str) -> bool:
    """Return whether an option is a glob with a template rather than patterns of one `*`."""
    return any("{" in text or "}" in text for text in texts)


def check_expanded(images: str, labels: str, where: Path) -> None:
    """Refuse one file in place of a pattern: a shell has put its first file there.

    Args:
        images: the option of that name.
        labels: the option of that name.
        where: the root.

    Raises:
        ConfigError: which option, and how it is quoted.
    """
    for key, text in (("images", images), ("labels", labels)):
        path = PurePosixPath(text)
        is_file = path.suffix.lower() in IMAGE_SUFFIXES and not (where / text).is_dir()
        if is_file and "*" not in text and not is_template(text):
            name = f"*{path.suffix}" if key == "images" else f"{{stem}}_mask{path.suffix}"
            raise ConfigError(
                f"dataset.{key}={text}: one file, not a pattern of all; did the shell replace it?"
                f"\n  in single quotes it stays: 'dataset.{key}={path.with_name(name)}'"
            )


@dataclass(frozen=True)
class TemplatedImage:
    """An image and where its label is.

    Attributes:
        path: below the root.
        name: its path below the fixed part of the glob, without suffix and split.
        label: below the root; without a suffix where the template has none, and with `CLASS` where
            each class has a file.
        split: the directory or word of the split; None: there is none.
    """

    path: PurePosixPath
    name: str
    label: PurePosixPath
    split: str | None

    @property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Return its files: one, or one a band."""
        return tuple(PurePosixPath(str(file)) for file in files_of(str(self.path)))


@dataclass(frozen=True)
class TemplatePair:
    """The two options `dataset.images` and `dataset.labels`, checked.

    Raises:
        ConfigError: a path that leaves the root, an unknown field, a template of no field.
    """

    images: str
    labels: str

    def __post_init__(self) -> None:
        for key, text in (("images", self.images), ("labels", self.labels)):
            if not text or text.startswith("/") or ".." in PurePosixPath(text).parts:
                raise ConfigError(f"dataset.{key}={text}: give a path below dataset.root")
        unknown = sorted(set(_fields(self.labels, "labels")) - {*_FIELDS, *self._numbers})
        unknown += self._unknown_in_images()
        if unknown:
            raise ConfigError(
                f"dataset.labels={self.labels}: no field {{{unknown[0]}}}; allowed: {_HELP}"
            )
        if "*" in self.labels:
            raise ConfigError(
                f"dataset.labels={self.labels}: * beside fields in braces; write what * stands"
                f" for\n  {_HELP}"
            )
        if not set(_fields(self.labels, "labels")) - {"split", "class"}:
            raise ConfigError(
                f"dataset.labels={self.labels}: one file for all images; it must say which: {_HELP}"
            )

    def _unknown_in_images(self) -> list[str]:
        fields = _fields(self.images, "images")
        lists = [each for each in fields if "," in each]
        if len(lists) > 1 or fields.count("stem") > 1:
            raise ConfigError(
                f"dataset.images={self.images}: one list of bands, as {{b2,b3}}, and one {{stem}}"
            )
        known = ("split", *lists, *(("stem",) if lists else ()))
        return [each for each in fields if each not in known]

    def match(self, path: PurePosixPath) -> TemplatedImage | None:
        """Return an image by its path below the root; None where the glob does not fit."""
        match = self._images.fullmatch(str(path))
        if match is None or path.suffix.lower() not in IMAGE_SUFFIXES:
            return None
        stem, whole = path.stem, path
        if "band" in match.groupdict():
            start, end = match.span("band")
            text, bands = str(path), ",".join(self.bands)
            whole = PurePosixPath(f"{text[:start]}{{{bands}}}{text[end:]}")
            apart = PurePosixPath(f"{text[:start]}{text[end:]}")
            stem = apart.stem.strip("_-. ") or apart.parent.name
        stem = match.groupdict().get("stem") or stem
        below = path.relative_to(self._fixed)
        split = match.groupdict().get("split") or next(iter(split_of(path)), None)
        parts = list(below.parent.parts)
        if split in parts:
            parts.remove(split)
        values = {
            "stem": stem,
            "name": path.name,
            "parent": _text(below.parent),
            "path": _text(below.with_suffix("")),
            "split": split or "",
            "class": CLASS,
        }
        values |= {f"_{at}": text.strip("/") for at, text in enumerate(self._groups(match), 1)}
        label = _numbered(self.labels).format(**values)
        return TemplatedImage(
            whole, "/".join((*parts, stem)), PurePosixPath(label.lstrip("/")), split
        )

    @cached_property
    def bands(self) -> tuple[str, ...]:
        """Return the names of the bands that lie in a file each; none: an image is one file."""
        lists = BAND_LIST.findall(self.images)
        return tuple(lists[0].split(",")) if lists else ()

    def could_be_label(self, path: PurePosixPath) -> bool:
        """Return whether the template fits a path, whatever image it would be of."""
        return self._labels.fullmatch(str(path)) is not None

    @property
    def has_suffix(self) -> bool:
        """Return whether the template names the suffix; else that of any image may follow."""
        return PurePosixPath(self.labels).suffix.lower() in IMAGE_SUFFIXES or self.labels.endswith(
            "{name}"
        )

    @cached_property
    def _glob(self) -> str:
        is_directory = not _PARTS.search(self.images) or self.images.endswith("{split}")
        if not is_directory:
            return self.images
        return "**/*" if self.images == "." else f"{self.images.rstrip('/')}/**/*"

    @cached_property
    def _fixed(self) -> PurePosixPath:
        parts = PurePosixPath(self._glob).parts
        first = next(at for at, part in enumerate(parts) if _PARTS.search(part))
        return PurePosixPath(*parts[:first])

    @cached_property
    def _numbers(self) -> list[str]:
        wildcards = [each for each in _PARTS.findall(self._glob) if not each.startswith("{")]
        return [str(at) for at in range(1, len(wildcards) + 1)]

    @cached_property
    def _images(self) -> re.Pattern[str]:
        first, *others = "".join(map(_regex_of, _PARTS.split(self._glob))).split(_SPLIT)
        again = "(?P=split)".join(others)
        return re.compile(f"{first}{_SPLIT}{again}" if others else first, re.IGNORECASE)

    @cached_property
    def _labels(self) -> re.Pattern[str]:
        expression = ""
        for literal, field, _, _ in Formatter().parse(self.labels):
            expression += re.escape(literal)
            if field is not None:
                expression += "[^/]+" if field in ("stem", "name", "split", "class") else ".*"
        ending = "" if self.has_suffix else f"(?:{'|'.join(map(re.escape, IMAGE_SUFFIXES))})"
        # A {parent} that is empty leaves no slash.
        return re.compile(expression.replace(".*/", "(?:.*/)?") + ending, re.IGNORECASE)

    def _groups(self, match: re.Match[str]) -> Iterator[str]:
        named = set(match.re.groupindex.values())
        return (text or "" for at, text in enumerate(match.groups(), 1) if at not in named)


@dataclass(frozen=True)
class TemplateFiles:
    """The files of a directory by a `TemplatePair`.

    Attributes:
        images: those that the glob fits and that are no label.
        labels: the label of each image that has one.
        unread: image files that are neither.
        alone: of these, those that look like labels of an image that is not there.
    """

    images: Sequence[TemplatedImage]
    labels: Mapping[TemplatedImage, PurePosixPath]
    unread: Sequence[PurePosixPath]
    alone: Sequence[PurePosixPath]


def find_files(root: Path, pair: TemplatePair) -> TemplateFiles:
    """Match the image files below a directory with the two options."""
    paths = image_files(root)
    # Suffixes may be in capitals: an exact path goes before one that differs in case.
    present = {str(path).lower(): path for path in paths} | {str(path): path for path in paths}
    matched = [image for path in paths if (image := pair.match(path)) is not None]
    labels = {}
    for image in matched:
        endings = [""] if pair.has_suffix else IMAGE_SUFFIXES
        places = [f"{image.label}{ending}" for ending in endings]
        places += [place.lower() for place in places]
        if place := next((present[each] for each in places if each in present), None):
            labels[image] = place
    apart = set(labels.values())
    images = [image for image in dict.fromkeys(matched) if image.path not in apart]
    labels = {image: labels[image] for image in images if image in labels}
    read = {*labels.values(), *(file for image in images for file in image.files)}
    unread = [path for path in paths if path not in read]
    alone = [path for path in unread if pair.could_be_label(path)]
    return TemplateFiles(images, labels, [p for p in unread if p not in set(alone)], alone)


def image_files(root: Path) -> list[PurePosixPath]:
    """Return the image files below a directory, relative to it and sorted."""
    return [
        PurePosixPath(path.relative_to(root).as_posix())
        for path in sorted(root.glob("**/*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path.relative_to(root))
    ]


def split_of(path: PurePosixPath) -> list[str]:
    """Return the directories in a path that mean a split, the outermost first."""
    return [part for part in path.parts[:-1] if split_names([part])]


def _fields(text: str, key: str) -> list[str]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise ConfigError(f"dataset.{key}={text}: {error}; allowed: {_HELP}") from error
    fields = []
    for _, field, form, conversion in parsed:
        if field is not None:
            if form or conversion:
                raise ConfigError(f"dataset.{key}={text}: no field {{{field}:...}}: {_HELP}")
            fields.append(field)
    return fields


def _numbered(template: str) -> str:
    return re.sub(r"\{(\d+)\}", r"{_\1}", template)


def _text(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath() else str(path)


def _regex_of(part: str) -> str:
    if part in _REGEX:
        return _REGEX[part]
    if BAND_LIST.fullmatch(part):
        return f"(?P<band>(?-i:{'|'.join(map(re.escape, part[1:-1].split(',')))}))"
    if part.startswith("["):
        negated = part[1] in "!^"
        inner = re.sub(r"([\\\[^])", r"\\\1", part[2:-1] if negated else part[1:-1])
        return f"([{'^/' if negated else ''}{inner}])"
    return re.escape(part)
