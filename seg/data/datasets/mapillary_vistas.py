"""Mapillary Vistas (Neuhold et al., ICCV 2017), versions 1.2 and 2.0: street views of any size."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, ValidationError

from seg.data.label_space import LabelSpace
from seg.data.readers.class_entry import ClassEntry
from seg.data.readers.class_table import make_classes
from seg.data.readers.dataset_root import find_root
from seg.data.readers.image_label_pairs import PairDataset, match_pairs, named_files
from seg.data.readers.splits import NO_TEST, check_choice, warn_if_partial
from seg.data.readers.urls import read_json
from seg.errors import DataError

Split = Literal["train", "val"]
Version = Literal["v1.2", "v2.0"]

_DIRECTORIES = {"train": "training", "val": "validation"}
_COUNTS = {"train": 18000, "val": 2000}
# The download of version 2.0 holds the labels of both versions.
_LABEL_DIRECTORIES = {"v1.2": ("v1.2/labels", "labels"), "v2.0": ("v2.0/labels",)}
_TABLES = {"v1.2": ("config_v1.2.json", "config.json"), "v2.0": ("config_v2.0.json",)}
_SHOWN = 3
_HOW_TO_GET = "register at mapillary.com/dataset/vistas; unpack the archive as it is"

_Byte = Annotated[int, Field(ge=0, le=255)]


class _Label(BaseModel):
    readable: Annotated[str, Field(min_length=1)]
    evaluate: bool
    color: Annotated[list[_Byte], Field(min_length=3, max_length=3)]


class _Table(BaseModel):
    labels: list[_Label]


class MapillaryVistas(PairDataset):
    """One split of Mapillary Vistas in the classes that its own evaluation counts.

    Files: `training/images/*.jpg` with palette PNGs in `training/<version>/labels` (for v1.2 also
    `training/labels`), `validation` alike, and the label table `config_<version>.json` (for v1.2
    also `config.json`). A number of samples other than the official one is logged as a warning.

    Args:
        split: `train` (18000 samples) or `val` (2000).
        root: the directory holding `training` and the label table; None:
            `$SEG_DATA/mapillary_vistas` or `data/mapillary_vistas`.
        version: `v1.2` (66 labels, 65 evaluated) or `v2.0` (124 labels).

    Raises:
        ConfigError: an unknown split or version.
        DataError: directories, files or the label table are missing, wrong or do not pair up.
    """

    def __init__(
        self, *, split: Split, root: str | Path | None = None, version: Version = "v1.2"
    ) -> None:
        check_choice("Mapillary Vistas", "split", split, get_args(Split), why=NO_TEST)
        check_choice("Mapillary Vistas", "version", version, get_args(Version))
        part = _DIRECTORIES[split]
        directory = find_root(
            root, dataset="mapillary_vistas", expected=(f"{part}/images",), how_to_get=_HOW_TO_GET
        )
        label_directories = [f"{part}/{name}" for name in _LABEL_DIRECTORIES[version]]
        images = named_files(directory / part / "images")
        labels = named_files(_first(directory, label_directories, f"labels of {version}"))
        table = _first(directory, _TABLES[version], f"label table of {version}")
        super().__init__(match_pairs(images, labels), labels=label_space(table), split=split)
        warn_if_partial("Mapillary Vistas", split, len(self), _COUNTS[split], directory)


def label_space(table: Path) -> LabelSpace:
    """Read the classes of the dataset's own JSON file; the position in `labels` is the file value.

    Classes with `evaluate: false` are ignored.

    Raises:
        DataError: the file cannot be read, or is not such a table.
    """
    content = read_json(table, "label table")
    try:
        labels = _Table.model_validate(content, strict=True).labels
    except ValidationError as error:
        lines = [f"{table}: not the label table of Mapillary Vistas"]
        for each in error.errors()[:_SHOWN]:
            place = "".join(f"[{x}]" if isinstance(x, int) else f".{x}" for x in each["loc"])
            lines.append(f"{place.lstrip('.') or 'file'}: {each['msg']}")
        if error.error_count() > _SHOWN:
            lines.append(f"and {error.error_count() - _SHOWN} more")
        lines.append("put the file of the download in its place")
        raise DataError("\n  ".join(lines)) from error
    entries = [
        ClassEntry(
            each.readable, value, (each.color[0], each.color[1], each.color[2]), not each.evaluate
        )
        for value, each in enumerate(labels)
    ]
    return make_classes(entries, table).labels


def _first(root: Path, names: list[str] | tuple[str, ...], what: str) -> Path:
    for name in names:
        if (root / name).exists():
            return root / name
    raise DataError(
        f"{what} of Mapillary Vistas not found in {root.absolute()}\n"
        f"  looked for: {' or '.join(names)}\n"
        f"  set dataset.version to the one that is there; to get it: {_HOW_TO_GET}",
        fault="missing",
    )
