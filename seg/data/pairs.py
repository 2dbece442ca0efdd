"""Datasets made of image files and label files, paired by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.data.labels import LabelSpace
from seg.data.reading import read_pair
from seg.data.sample import Sample
from seg.errors import DataError

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """The two files of one sample; `name` is unique within a split."""

    name: str
    image: Path
    label: Path


class PairDataset:
    """Samples read from pairs of files; a `SegmentationDataset`.

    Args:
        pairs: the files, in the order of the dataset.
        labels: what the values of the label files mean.
        split: the name of the split, for messages.

    Raises:
        DataError: there are no pairs.
    """

    def __init__(self, pairs: Sequence[Pair], *, labels: LabelSpace, split: str) -> None:
        if not pairs:
            raise DataError(f"split {split!r} is empty: no image and label files were found")
        self.pairs = tuple(pairs)
        self.labels = labels
        self.split = split

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            IndexError: there is no such sample.
            DataError: a file is missing or damaged, sizes differ, or a label value is unknown.
        """
        pair = self.pairs[index]
        image_HWC, file_label_HW = read_pair(pair.image, pair.label)
        return Sample(pair.name, image_HWC, self.labels.encode(file_label_HW, pair.label))


def named_files(
    folder: Path, *, pattern: str = "*", ending: str = "", suffixes: Sequence[str] = _IMAGE_SUFFIXES
) -> dict[str, Path]:
    """Files of a folder by the name that image and label share, sorted.

    Args:
        folder: where to look; hidden files are passed over.
        pattern: a glob relative to `folder`; `*/*` descends one level and names hold a `/`.
        ending: what follows the shared name, before the suffix (`_leftImg8bit`).
        suffixes: allowed suffixes, lower case.

    Raises:
        DataError: nothing fits (with what was looked for), or two files claim one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob(pattern)):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if path.name.startswith(".") or path.suffix.lower() not in suffixes:
            continue
        if not stem.endswith(ending):
            continue
        name = stem.removesuffix(ending)
        if name in found:
            raise DataError(
                f"two files for one sample in {folder}: {found[name].name} and {path.name}"
            )
        found[name] = path
    if not found:
        wanted = f"{pattern}{ending}{{{','.join(suffixes)}}}"
        raise DataError(f"no files in {folder}\n  looked for {wanted}")
    return found


def match_pairs(images: Mapping[str, Path], labels: Mapping[str, Path]) -> tuple[Pair, ...]:
    """Join images and labels of equal name, sorted by name.

    Raises:
        DataError: an image without a label or a label without an image, with count and first names.
    """
    if images.keys() != labels.keys():
        lines = [
            _partners_missing(
                "images have no label", [images[n] for n in images if n not in labels]
            ),
            _partners_missing(
                "labels have no image", [labels[n] for n in labels if n not in images]
            ),
        ]
        raise DataError(
            f"{len(images)} images and {len(labels)} labels do not pair up\n"
            + "\n".join(line for line in lines if line)
            + "\n  an image and its label share a name; complete or repeat the download"
        )
    return tuple(Pair(name, images[name], labels[name]) for name in sorted(images))


def _partners_missing(what: str, lonely: list[Path]) -> str:
    if not lonely:
        return ""
    first = ", ".join(str(path) for path in lonely[:_SHOWN])
    return f"  {len(lonely)} {what}: {first}{', ...' if len(lonely) > _SHOWN else ''}"
