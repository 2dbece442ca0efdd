"""The error for images and labels that lie otherwise than expected."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from shlex import quote

from seg.data.readers.class_table import CLASS_FILES
from seg.data.readers.image_label_pairs import IMAGE_SUFFIXES
from seg.data.readers.layout_search import (
    Candidates,
    ImageFile,
    Layout,
    matching,
)
from seg.data.readers.splits import split_names
from seg.data.readers.unread_files import is_hidden
from seg.errors import DataError, first_of

_YOLO = "data.yaml"
_MARKS = (*CLASS_FILES, _YOLO)  # the directory that holds one of them is the root
_MAX_FILES, _SHOWN, _SHOWN_DIRECTORIES = 20_000, 3, 4


def find_layout_error(
    root: Path,
    expected: Sequence[str],
    pairs_up: Callable[[Path, Layout, bool], bool],
    is_below: bool = False,
) -> DataError | None:
    """Say how many images and labels lie where, and what pairs them; None: no images are there.

    Args:
        root: the directory of the dataset.
        expected: directories of the usual layout.
        pairs_up: tells whether a dataset in a root can be read so; its last argument leaves images
            without a label out.
        is_below: whether the root lies below the configured one.
    """
    files = _image_files(root)
    if not files:
        return None
    top = {file.path.parts[0] for file in files}
    inner = root / top.pop() if len(top) == 1 else root
    if inner.is_dir() and inner != root and not any((root / name).exists() for name in _MARKS):
        return find_layout_error(inner, expected, pairs_up, is_below=True)
    candidates = Candidates(root, files).best()
    if not candidates:  # train/ with train_labels/
        files = [ImageFile(file.path, str(file.path), None) for file in files]
        candidates = Candidates(root, files).best()
    for layout in candidates:
        if any(layout.is_other_split_of(other) for other in candidates):
            continue  # the options would pass over the other splits
        for excluding in (False, True):
            if pairs_up(root, layout, excluding):
                place = f"{quote(f'dataset.root={root}')} " if is_below else ""
                exclude = " dataset.unannotated=exclude" if excluding else ""
                remedy = f"to pair them give {place}{layout.options}{exclude}"
                return _error(root, expected, files, layout, remedy)
    if candidates:
        remedy = _table_remedy(root, files, candidates[0])
        return _error(root, expected, files, candidates[0], remedy)
    return _nothing_pairs(root, expected, files)


def _image_files(root: Path) -> list[ImageFile]:
    files: list[ImageFile] = []
    for directory, below, names in os.walk(root):
        below.sort()
        below[:] = [name for name in below if not is_hidden(PurePosixPath(name))]
        for name in sorted(names):
            path = PurePosixPath(Path(directory, name).relative_to(root).as_posix())
            if path.suffix.lower() not in IMAGE_SUFFIXES or is_hidden(path):
                continue
            parts = path.parts[:-1]
            at = next((at for at, part in enumerate(parts) if split_names([part])), None)
            if at is None:
                files.append(ImageFile(path, str(path), None))
            else:
                place = "/".join((*parts[:at], *path.parts[at + 1 :]))
                files.append(ImageFile(path, place, parts[at]))
        if len(files) > _MAX_FILES:
            break
    return files


def _error(
    root: Path, expected: Sequence[str], files: Sequence[ImageFile], layout: Layout, remedy: str
) -> DataError:
    labels, images = (
        [str(file.path) for file in matching(files, pattern).values()]
        for pattern in (layout.labels, layout.images)
    )
    apart = set(labels)
    images = [path for path in images if path not in apart] or images
    apart.update(images)
    others = Counter(str(file.path.parent) for file in files if str(file.path) not in apart)
    if others and "\n" not in remedy:
        listed = [f"{count} in {name}/" for name, count in others.most_common(_SHOWN_DIRECTORIES)]
        remedy += f"\n  not among them: {first_of(listed)}"
    return DataError(
        f"{root}: looked for {'/ with '.join(expected)}/; {len(images)} images and {len(labels)}"
        f" labels, of {len(files)} image files, lie there otherwise\n"
        f"  images: {', '.join(images[:_SHOWN])}\n"
        f"  labels: {', '.join(labels[:_SHOWN])}\n"
        f"  {remedy}",
        fault="missing",
    )


def _table_remedy(root: Path, files: Sequence[ImageFile], layout: Layout) -> str:
    """Return the first lines of a table that lists the pairs, and how to give it."""
    images, labels = (matching(files, each) for each in (layout.images, layout.labels))
    first = sorted(images.keys() & labels.keys())[0]
    split = first[0] or next(iter(layout.splits[0]), "")
    columns, end, unsplit = "image,label", "", " dataset.split_column=null"
    if split:
        columns, end, unsplit = "image,label,split", f",{split}", ""
    table = root / "samples.csv"
    option = quote(f"dataset.table={table}")
    return (
        f"list them in {table} and give dataset=csv {option}{unsplit}\n"
        f"    {columns}\n"
        f"    {images[first].path},{labels[first].path}{end}"
    )


def _nothing_pairs(root: Path, expected: Sequence[str], files: Sequence[ImageFile]) -> DataError:
    places = Counter(str(file.path.parent) for file in files)
    listed = [
        f"{count} in {name}/ (such as"
        f" {next(file.path.name for file in files if str(file.path.parent) == name)})"
        for name, count in places.most_common(_SHOWN_DIRECTORIES)
    ]
    listed += ["..."] if len(places) > _SHOWN_DIRECTORIES else []
    return DataError(
        f"{root}: looked for: {', '.join(expected)}; {len(files)} image files lie there otherwise,"
        " and none pair up by name\n"
        f"  {', '.join(listed)}\n"
        "  images are in images/ (or <split>/images/), labels of the same names in labels/; others:"
        "\n  dataset.images=DIRECTORY 'dataset.labels=DIRECTORY/*_mask.png', or a table of pairs"
        " (dataset=csv)",
        fault="missing",
    )
