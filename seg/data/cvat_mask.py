"""Exports of CVAT (github.com/cvat-ai/cvat) in the format "Segmentation mask 1.1"."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from seg.data.files.classes import ClassEntry, Classes, make_classes
from seg.data.files.listed import listed_pairs
from seg.data.files.locations import read_bytes
from seg.data.files.pairs import NO_ANNOTATION, Pair, PairDataset, first_of, named_files
from seg.data.files.roots import find_root
from seg.data.files.splits import find_split, no_split_error, part_of
from seg.data.files.unannotated import Unannotated, settle_unannotated, with_background
from seg.data.files.unread import log_unlisted
from seg.data.pascal_voc import voc_palette
from seg.errors import DataError, brief
from seg.io.source import MAX_BYTES

_BYTE = re.compile(r"[0-9]{1,3}")
_LISTS = "ImageSets/Segmentation"
_EXPECTED = ("labelmap.txt", "JPEGImages", "SegmentationClass", _LISTS)
_UNSPLIT = "default"
_ANY_DEPTH = "**/*"
_HOW_TO_GET = 'in CVAT export the task as "Segmentation mask 1.1" with "Save images", and unpack it'


class CvatMask(PairDataset):
    """One split of a CVAT export.

    Files: `JPEGImages/**`, `SegmentationClass/**.png` in the colours of `labelmap.txt` (RGB or a
    palette), and the names of each split in `ImageSets/Segmentation/<split>.txt`. Where that holds
    `default.txt` alone, a fixed part of the names becomes `val`, the rest `train`. The classes are
    the lines of `labelmap.txt` in their order, `background` among them.

    Args:
        split: `train`, `val`, `test` or the name of another list.
        root: the unpacked export; None: `$SEG_DATA/cvat_mask` or `data/cvat_mask`.
        unannotated: listed images without a mask are an `error`, `background` (what CVAT means by
            them), or left out (`exclude`).
        val_fraction: the part of the names that is `val`, where there is only `default.txt`.
        val_seed: another seed, another part.

    Raises:
        ConfigError: an option is wrong.
        DataError: files are missing or do not pair up, or what is wrong in which line.
    """

    def __init__(
        self,
        *,
        split: str,
        root: str | Path | None = None,
        unannotated: Unannotated = "error",
        val_fraction: float = 0.1,
        val_seed: int = 0,
    ) -> None:
        where = find_root(root, dataset="cvat_mask", expected=_EXPECTED, how_to_get=_HOW_TO_GET)
        classes = _read_labelmap(where / "labelmap.txt")
        lists = {path.stem: path for path in (where / _LISTS).glob("[!.]*.txt")}
        name = find_split(split, lists, where / _LISTS)
        unsplit = name is None and set(lists) == {_UNSPLIT}
        if name is None and not unsplit:
            raise no_split_error(split, lists, where / _LISTS)
        listed = lists[name or _UNSPLIT]
        settled = settle_unannotated("CVAT", _listed(listed, where, lists.values()), unannotated)
        pairs = listed_pairs(settled, listed, unlabelled_fault=NO_ANNOTATION)
        if unsplit:
            pairs = part_of(pairs, split, val_fraction=val_fraction, seed=val_seed, where=where)
        read = with_background(
            pairs, classes.colour_labels(), classes.labels, where / "labelmap.txt"
        )
        super().__init__(pairs, labels=classes.labels, split=split, read=read)


def _read_labelmap(path: Path) -> Classes:
    """Lines `name:r,g,b:parts:actions`; the last two say nothing of pixels.

    Datumaro leaves all colors out (`car:::`) where none was chosen, and then draws with the colors
    of Pascal VOC in the order of the lines.
    """
    entries: list[ClassEntry] = []
    bare: list[str] = []
    for line, text in _lines(path):
        # From the right: a name may hold a colon.
        name, *others = text.rsplit(":", 3)
        if name and others and not any(others):
            bare.append(name)
            entries.append(ClassEntry(name, len(entries)))
            continue
        shares = others[0].split(",") if len(others) == 3 else []
        numbers = [int(share) for share in shares if _BYTE.fullmatch(share.strip())]
        if not name or len(shares) != 3 or len(numbers) != 3 or max(numbers) > 255:
            raise DataError(
                f"{path}, line {line}: {brief(text)} is not name:red,green,blue:parts:actions"
                " (road:128,64,128::)"
            )
        entries.append(ClassEntry(name, len(entries), (numbers[0], numbers[1], numbers[2])))
    if bare and len(bare) < len(entries):
        raise DataError(
            f"{path}: {first_of(bare)} have no color and others have\n"
            f"  write the color of its pixels in SegmentationClass: {bare[0]}:red,green,blue::"
        )
    if bare:
        colours = voc_palette(len(entries))
        entries = [
            replace(entry, colour=colour) for entry, colour in zip(entries, colours, strict=True)
        ]
    return make_classes(entries, path)


def _listed(path: Path, where: Path, lists: Iterable[Path]) -> list[Pair]:
    """The pairs of one list; what is in none of the lists is logged."""
    folders = (where / "JPEGImages", where / "SegmentationClass")
    images, labels = (named_files(folder, pattern=_ANY_DEPTH) for folder in folders)
    everything = {name for each in lists for _, name in _lines(each)}
    for folder, files in zip(folders, (images, labels), strict=True):
        log_unlisted(folder, [name for name in files if name not in everything], where / _LISTS)
    lines: dict[str, int] = {}
    for line, name in _lines(path):
        if name in lines:
            raise DataError(f"{path}, line {line}: {name} is also in line {lines[name]}")
        lines[name] = line
    return [
        Pair(name, _file(images, folders[0], name), _file(labels, folders[1], name))
        for name in lines
    ]


def _file(files: Mapping[str, Path], folder: Path, name: str) -> Path:
    return files.get(name, folder / f"{name}.png")  # where it is missing: what is looked for


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file with their numbers, without comments and empty ones."""
    try:
        text = read_bytes(path, "list", max_bytes=MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})", fault="damaged") from error
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]
