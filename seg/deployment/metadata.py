"""Card of an exported network: a JSON file beside it with all that its use needs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from seg.config.former_keys import with_present_keys
from seg.data.label_space import LabelSpace
from seg.data.readers.sha256 import sha256_of
from seg.deployment.stored_images import TYPES
from seg.deployment.usage import InputKind, Usage
from seg.errors import DataError
from seg.io.atomic import write_json
from seg.io.json_file import read_json
from seg.io.source import Source, checked
from seg.models.interfaces import Normalization
from seg.models.weights.digests import sealed, unsealed

Precision = Literal["fp32", "fp16", "bf16", "int8"]
_VERSION = 1
Positive = Annotated[int, Field(ge=1)]


def _label_space(value: Any) -> LabelSpace:
    try:
        return value if isinstance(value, LabelSpace) else LabelSpace.from_dict(value)
    except (KeyError, TypeError, DataError) as error:
        raise ValueError(str(error)) from None


def _normalization(value: Any) -> Normalization:
    return value if isinstance(value, Normalization) else Normalization.from_dict(value)


StoredLabels = Annotated[
    LabelSpace, PlainValidator(_label_space), PlainSerializer(LabelSpace.to_dict)
]
StoredNormalization = Annotated[
    Normalization, PlainValidator(_normalization), PlainSerializer(Normalization.to_dict)
]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ExportSpec(_Plain):
    """Kind of export.

    Attributes:
        precision: of the products; sensitive layers may stay float.
        input_kind: images in 0..255 as `uint8` or `float32`, `normalized` images, or values as
            image files hold them, `stored`.
        output_kind: `logits` before the last resize, float32, or `labels`, the most likely class
            of each pixel, uint8 (int32 for more than 255 classes), B x H x W.
        size: height and width of all images, in pixels; None: any.
        batch_size: images of every pass; None: any.
        device: `cpu` or `cuda`.
        stored_type: a name of numpy's, of `stored` values; None: another input.
    """

    precision: Precision
    input_kind: InputKind = "float32"
    output_kind: Literal["logits", "labels"] = "logits"
    size: tuple[Positive, Positive] | None = None
    batch_size: Positive | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    stored_type: str | None = None

    @model_validator(mode="after")
    def _check_stored_type(self) -> Self:
        if (self.input_kind == "stored") != (self.stored_type in TYPES):
            raise ValueError(f"input_kind={self.input_kind} of type {self.stored_type}")
        return self


class Geometry(_Plain):
    """Place of the logits over the image, and memory of a pass; see `Segmenter`."""

    output_stride: Positive
    input_multiple: Positive | None
    align_corners: bool
    bytes_per_pixel: float


class SourceCheckpoint(_Plain):
    """Checkpoint that was exported.

    Attributes:
        sha256: of its file.
        step: optimizer steps that it was trained for.
        config: of its training.
    """

    sha256: str
    step: int
    config: Annotated[dict[str, Any], AfterValidator(with_present_keys)]


class Card(_Plain):
    """Content of `NAME.json` beside an exported file.

    Attributes:
        card_version: of this layout.
        format: name of one of `formats/`.
        files: of the export, the one to name first, with their sha256.
        spec: see `ExportSpec`.
        geometry: see `Geometry`.
        checkpoint: see `SourceCheckpoint`.
        labels: the classes.
        usage: how the file is used without this package.
        classes: see `seg.deployment.usage.class_table`.
        normalization: of images by the caller; None: none, the graph does it.
        normalized_inside: normalization by the graph; None: none, the caller does it.
        kept_float: modules that an int8 network computes in float.
        parity: differences from the network itself, and on how many images.
        versions: of the libraries that wrote it.
        created: date and time, UTC, ISO 8601.
    """

    card_version: Literal[1] = 1
    format: str
    files: dict[str, str]
    spec: ExportSpec
    geometry: Geometry
    checkpoint: SourceCheckpoint
    usage: Usage | None = None
    classes: list[dict[str, Any]] = []
    labels: StoredLabels
    normalization: StoredNormalization | None
    normalized_inside: StoredNormalization | None = None
    kept_float: list[str]
    parity: dict[str, Any]
    versions: dict[str, str]
    created: str

    @property
    def network_normalization(self) -> Normalization:
        """Return the normalization of images, whether inside the graph or before it."""
        normalization = self.normalization or self.normalized_inside
        assert normalization is not None, "checked below"
        return normalization

    @model_validator(mode="after")
    def _require_normalization(self) -> Self:
        if self.normalization is None and self.normalized_inside is None:
            raise ValueError("names no normalization")
        return self

    @model_validator(mode="before")
    @classmethod
    def _adapt_older_card(cls, plain: Any) -> Any:
        """Adapt an older card, which names the normalization also where the graph does it."""
        if not isinstance(plain, dict) or "usage" in plain:
            return plain
        spec = plain.get("spec")
        if isinstance(spec, dict) and spec.get("input_kind") != "normalized":
            inside = plain.get("normalization")
            plain = {**plain, "normalization": None, "normalized_inside": inside}
        return plain


def card_path(path: Path) -> Path:
    """Return the path of the card of an exported file."""
    return path.with_name(f"{path.name}.json")


def write_card(path: Path, card: Card) -> None:
    """Write the card of an exported file."""
    write_json(card_path(path), sealed(card.model_dump(mode="json")))


def read_card(path: Path) -> Card:
    """Read the card of an exported file.

    Raises:
        DataError: missing, damaged, or of another version.
    """
    place = card_path(path)
    if not place.exists():
        raise DataError(
            f"{path}: its card {place.name} is missing; an exported file is used together with "
            "the card beside it\n  copy both, or export it again: python -m seg.export"
        )
    source = Source(place, "card", "export it again: python -m seg.export")
    content = read_json(place, source.kind, remedy=source.remedy)
    if not isinstance(content, dict) or content.get("card_version") != _VERSION:
        raise DataError(f"{place}: no card of this version\n  {source.remedy}")
    return checked(Card, unsealed(content, place)[0], source)


def check_files(path: Path, card: Card) -> None:
    """Check the files of an export against the hashes of its card.

    Raises:
        DataError: a file is missing, or not the one that was exported.
    """
    if path.name not in card.files:
        raise DataError(
            f"{path}: its card is of {', '.join(card.files)}; keep the names of exported files"
        )
    for name, expected in card.files.items():
        if Path(name).name != name:
            raise DataError(f"{card_path(path)}: names a file in another directory: {name}")
        file = path.with_name(name)
        if not file.is_file():
            raise DataError(f"{file}: missing, though {path.name} belongs together with it")
        if sha256_of(file) != expected:
            raise DataError(
                f"{file}: not the file that its card was written for (sha256 differs)\n"
                "  it is damaged or was changed; copy or export it again"
            )


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of each file by its name."""
    return {path.name: sha256_of(path) for path in paths}
