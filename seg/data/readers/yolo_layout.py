"""Directories of Ultralytics YOLO: the YAML file that describes one, its images, their labels."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seg.data.readers.class_entry import class_name
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES, named_files
from seg.data.readers.splits import find_split, no_split_error, split_names
from seg.data.readers.unread_files import is_hidden
from seg.errors import ConfigError, DataError, brief, first_of
from seg.io.source import Source
from seg.io.yaml_file import read_yaml

_DATA, _SUFFIXES = "data.yaml", (".yaml", ".yml")
_IMAGES, _LABELS, _TEXT = "images", "labels", ".txt"
_NO_LABELS = ("classes.txt",)  # LabelImg leaves it among the labels
_NO_SPLITS = ("path", "names", "nc", "download")
_KIND = "description of a YOLO dataset"
_NAMES = "names: [road, car] or names: {0: road, 1: car}"


@dataclass(frozen=True)
class YoloProject:
    """The content of a YAML file that describes a dataset.

    Attributes:
        root: the directory of the dataset, which no path in its files leaves.
        file: the YAML file.
        base: the directory in the root that the paths of splits start from.
        names: the classes by their number.
        splits: the paths of each split, as written.
    """

    root: Path
    file: Path
    base: Path
    names: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]

    def files(self, split: str) -> tuple[dict[str, Path], dict[str, Path], bool]:
        """Return images and text files of a split by name, and whether they are of all splits.

        Raises:
            DataError: there is no such split, its files are missing, or no image has a text file.
        """
        places, whole = self._places(split)
        images: dict[str, Path] = {}
        labels: dict[str, Path] = {}
        for place in places:
            files = self._listed(place) if place.is_file() else self._directory(place)
            prefix = "" if len(places) == 1 or place.is_file() else f"{self._relative(place)}/"
            for name, image in files.items():
                if f"{prefix}{name}" in images:
                    raise DataError(f"{self.file}: {place} is not the only one with {name}")
                images[f"{prefix}{name}"] = image
            labels |= {} if place.is_file() else self._texts(place)
        expected = {name: self.label_of(image) for name, image in images.items()}
        paired = {name: path for name, path in expected.items() if path.is_file()}
        if not paired:
            first = next(iter(expected.values()))
            raise DataError(
                f"{first_of(places)}: none of {len(images)} images has a label; looked for"
                f" {first}, ...\n  labels lie beside images/ in labels/, with the same names"
            )
        used = set(paired.values())
        strays = {name: path for name, path in labels.items() if path not in used}
        return images, paired | strays, whole

    def label_of(self, image: Path) -> Path:
        """Return the text file of an image: in `labels` for the last `images`, or beside it."""
        return self._in_labels(image.parent) / f"{image.stem}{_TEXT}"

    def _in_labels(self, directory: Path) -> Path:
        parts = list(PurePosixPath(self._relative(directory)).parts)
        if _IMAGES in parts:
            parts[len(parts) - 1 - parts[::-1].index(_IMAGES)] = _LABELS
        return self.root.joinpath(*parts)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _directory(self, place: Path) -> dict[str, Path]:
        return named_files(place, pattern="**/*", others=(_TEXT,))

    def _texts(self, place: Path) -> dict[str, Path]:
        """Return all text files that may be labels of a directory, by their path."""
        directory = self._in_labels(place)
        return {
            self._relative(path): path
            for path in sorted(directory.rglob("*"))
            if path.suffix.lower() == _TEXT
            and path.name not in _NO_LABELS
            and not is_hidden(path.relative_to(directory))
        }

    def _listed(self, place: Path) -> dict[str, Path]:
        """Return the images that the lines of a text file name."""
        source = Source(place, "list of images", "write one path a line, UTF-8")
        try:
            text = source.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise source.damaged(f"not UTF-8 ({error})") from error
        files: dict[str, Path] = {}
        for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
            if not line:
                continue
            where = f"{place}, line {number}"
            starts = (place.parent,) if line.startswith("./") else (self.base, place.parent)
            image = self._inside(line, *starts)
            if image is None or not image.is_file() or image.suffix.lower() not in IMAGE_SUFFIXES:
                raise DataError(f"{where}: {brief(line)} is no image in {self.root}")
            name = PurePosixPath(self._relative(image)).with_suffix("").as_posix()
            if name in files:
                raise DataError(f"{where}: {brief(line)} has the name of {files[name]}")
            files[name] = image
        if not files:
            raise DataError(f"{place}: lists no image")
        return files

    def _places(self, split: str) -> tuple[list[Path], bool]:
        """Return directories and lists of a split, and whether they hold all splits."""
        name = find_split(split, self.splits, self.file)
        whole = bool(self.splits) and split_names(self.splits) == split_names(
            [find_split("train", self.splits, self.file) or ""]
        )
        if whole and name is None:
            name = find_split("train", self.splits, self.file)
        if name is not None:
            paths = [self._place(name, value) for value in self.splits[name]]
            return list(dict.fromkeys(paths)), whole
        if self.splits:
            raise no_split_error(split, self.splits, self.file)
        return self._usual_places(split)

    def _usual_places(self, split: str) -> tuple[list[Path], bool]:
        """Look for images where the YAML file says nothing of splits."""
        images = self.base / _IMAGES
        below = _directories(images)
        apart = [each for each in _directories(self.base) if (self.base / each / _IMAGES).is_dir()]
        for names, place in ((below, "{}"), (apart, f"{{}}/{_IMAGES}")):
            name = find_split(split, names, self.base)
            if name is not None:
                parent = images if names is below else self.base
                return [parent / place.format(name)], False
        present = split_names([*below, *apart])
        if images.is_dir() and not present:
            return [images], True
        if present:
            raise no_split_error(split, present, self.base)
        raise DataError(
            f"{self.file} names no directory of images, and there is none in {self.base}\n"
            "  write train: images/train and val: images/val into it",
            fault="missing",
        )

    def _place(self, split: str, value: str) -> Path:
        # Roboflow writes ../train/images beside train/; Ultralytics passes over the dots, too.
        for text in dict.fromkeys((value, value.removeprefix("../"))):
            place = self._inside(text, self.base)
            if place is not None:
                return place
        raise DataError(
            f"{self.file}: {split}: {brief(value)} is not in {self.root}\n"
            "  paths start at the directory of the dataset and stay in it: correct the path, or"
            " give dataset.root and dataset.data_yaml",
            fault="missing",
        )

    def _inside(self, text: str, *starts: Path) -> Path | None:
        """Return the first of these paths that is in the root and exists."""
        for start in starts:
            path = Path(os.path.normpath(start / text))
            if path.is_relative_to(self.root) and _exists(path):
                return path
        return None


def read_project(root: Path, data_yaml: str | Path | None) -> YoloProject:
    """Read the YAML file of a dataset; None: `data.yaml`, or the only YAML file in the root.

    Raises:
        ConfigError: the named file does not exist.
        DataError: it is missing, no plain YAML, or names no classes.
    """
    root = Path(os.path.normpath(root.absolute()))
    file = _find_file(root, data_yaml)
    content = read_yaml(file, _KIND, remedy=f"write {_NAMES}")
    if not isinstance(content, dict):
        raise DataError(f"{file}: no {_KIND}; it holds {_NAMES}", fault="label_kind")
    _refuse_other_tasks(content, file)
    splits: dict[str, tuple[str, ...]] = {}
    for key, value in content.items():
        paths = [value] if isinstance(value, str) else value
        is_split = isinstance(key, str) and bool(split_names([key]))
        if not paths or not isinstance(key, str) or key in _NO_SPLITS:
            continue
        if isinstance(paths, list) and all(isinstance(each, str) for each in paths):
            if is_split:
                splits[key] = tuple(paths)
        elif is_split:
            raise DataError(f"{file}: {key} is {brief(value)}; allowed: a path or a list of paths")
    base, start = root, content.get("path")
    if isinstance(start, str):
        path = Path(os.path.normpath(root / start))
        base = path if path.is_relative_to(root) and _exists(path) and path.is_dir() else root
    return YoloProject(root, file, base, _class_names(content, file), splits)


def _find_file(root: Path, data_yaml: str | Path | None) -> Path:
    if data_yaml is not None:
        file = Path(data_yaml).expanduser()
        if not file.is_file():
            raise ConfigError(f"dataset.data_yaml={data_yaml}: no such file ({file.absolute()})")
        return file
    if (root / _DATA).is_file():
        return root / _DATA
    files = [path for path in sorted(root.iterdir()) if path.suffix.lower() in _SUFFIXES]
    files = [path for path in files if not is_hidden(PurePosixPath(path.name)) and path.is_file()]
    if len(files) == 1:
        return files[0]
    names = [path.name for path in files]
    raise DataError(
        f"{root}: {f'several YAML files: {first_of(names)}' if names else f'no {_DATA}'}\n"
        f"  give dataset.data_yaml=FILE, or write {_DATA} with the classes: {_NAMES}",
        fault="missing",
    )


def _refuse_other_tasks(content: Mapping[Any, Any], file: Path) -> None:
    if content.get("kpt_shape") is not None:
        raise DataError(
            f"{file}: kpt_shape: its labels hold boxes and key points, not polygons",
            fault="label_kind",
        )
    if content.get("masks_dir") is not None:
        raise DataError(
            f"{file}: masks_dir: its labels are label maps, not polygons\n"
            "  give dataset=folder with dataset.labels=DIRECTORY and dataset.label_kind=ids",
            fault="label_kind",
        )


def _class_names(content: Mapping[Any, Any], file: Path) -> tuple[str, ...]:
    """Return the classes by their number, as `names` or, without it, `nc` has them."""
    names, count = content.get("names"), content.get("nc")
    if names is None and isinstance(count, int) and 0 < count < 2**16:
        return tuple(f"class_{number}" for number in range(count))
    if isinstance(names, dict):
        numbers = {int(key) if _is_number(key) else key: value for key, value in names.items()}
        if set(numbers) != set(range(len(names))):
            raise DataError(
                f"{file}: names: the numbers are {first_of(list(names), 8)}; they count up from 0"
                f" without gaps\n  allowed: {_NAMES}",
                fault="damaged",
            )
        names = [numbers[number] for number in range(len(numbers))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{file}: names is {brief(names)}; allowed: {_NAMES}", fault="damaged")
    if count is not None and count != len(names):
        raise DataError(
            f"{file}: nc is {brief(count)}, and names has {len(names)}; correct one of them",
            fault="damaged",
        )
    return tuple(class_name(name, file, number) for number, name in enumerate(names))


def _is_number(key: Any) -> bool:
    return isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10


def _directories(parent: Path) -> list[str]:
    return [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long for a file, or holds a NUL byte
        return False
