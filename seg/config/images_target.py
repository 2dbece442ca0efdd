"""The section of a dataset of image files."""

from math import isfinite, isnan
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from seg.config.section import Target

_RGB = 3
Pair: TypeAlias = tuple[float, float]
Position: TypeAlias = Annotated[int, Field(ge=1)]
Band: TypeAlias = Position | Annotated[str, Field(min_length=1)]


class ImagesTarget(Target):
    """A dataset of image files.

    Attributes:
        value_range, bands, kind, clip, nodata, composite: see
            `seg.data.readers.value_range.ImageDecoding`.
        scaling: counts `value_range` over the training split, once: from the 0.5th to the 99.5th
            percentile of each band, or its mean minus and plus two standard deviations, without
            clipping. None: as `value_range` says.
        budget: what the default length of training counts; None: epochs.
    """

    value_range: Pair | tuple[Pair, ...] | None = None
    bands: Annotated[tuple[Band, ...], Field(min_length=1)] | None = None
    kind: Literal["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"] | None = None
    clip: bool = True
    scaling: Literal["percentiles", "mean_std"] | None = None
    nodata: float | Literal["nan"] | None = None
    composite: tuple[Position, Position, Position] | None = None
    budget: Literal["steps"] | None = None

    @field_validator("nodata", mode="before")
    @classmethod
    def _name_nan(cls, nodata: Any) -> Any:
        """Write NaN, which equals nothing, as a word."""
        return "nan" if isinstance(nodata, float) and isnan(nodata) else nodata

    @model_validator(mode="after")
    def _check_images(self) -> "ImagesTarget":
        for low, high in self._ranges:
            if not (isfinite(low) and isfinite(high) and low < high):
                raise ValueError(f"value_range=[{low:g},{high:g}]: give the lower value first")
        count, bands = len(self._ranges), len(self.bands or ())
        if count not in (0, 1, bands or _RGB):
            raise ValueError(f"value_range: {count} pairs; give one, or one for each of bands")
        if self.scaling is not None and self.value_range is not None:
            raise ValueError(f"scaling={self.scaling}: it counts value_range; give one of the two")
        if self.composite is not None and max(self.composite) > bands:
            raise ValueError(f"composite={list(self.composite)}: positions among {bands} bands")
        return self

    @property
    def _ranges(self) -> tuple[Pair, ...]:
        if self.value_range is None:
            return ()
        first = self.value_range[0]
        return self.value_range if isinstance(first, tuple) else (self.value_range,)  # type: ignore[return-value]

    def uncounted(self) -> Self:
        """Return the section by which files are read as they are, to count their values."""
        cached = {"cache": None} if hasattr(self, "cache") else {}
        return self.model_copy(update={"scaling": None, **cached})

    def node(self) -> dict[str, Any]:
        """Return the arguments of the dataset itself as plain data."""
        around = set(type(self).model_fields) - {"target"}
        return self.model_dump(by_alias=True, exclude=around)
