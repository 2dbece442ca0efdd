"""What the JSON files of a sharded copy hold; other keys may be there."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Decoding(_Lenient):
    value_range: Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)] | None = None
    bands: list[NonNegativeInt] | None = None


class CopyFile(_Lenient):
    """`labels.json`."""

    format: int
    split: str
    samples: PositiveInt
    digest: str
    index: str
    labels: dict[str, Any]
    decoding: _Decoding = _Decoding()


class _ChunkEntry(_Lenient):
    filename: str
    chunk_bytes: NonNegativeInt
    chunk_size: PositiveInt


class _Config(_Lenient):
    data_format: list[str]
    compression: Any
    encryption: Any


class IndexFile(_Lenient):
    """`index.json`, as litdata writes it."""

    config: _Config
    chunks: list[_ChunkEntry]
