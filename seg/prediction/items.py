"""Items of a prediction: images, pages, frames and rasters, each with a stable name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "page", "frame", "raster"]


@dataclass(frozen=True)
class Item:
    """One label map to predict.

    Attributes:
        name: of the files written, without a suffix, relative to the output directory.
        source: path or address.
        kind: `raster` is read window by window and written as GeoTIFF; all others are whole.
        part: page or frame of the source, from 0.
        version: tells the source from an older one of the same name.
        fault: what is known to be wrong with it before it is opened.
        placed: whether its source has a place on the map, which only results of rasters keep.
    """

    name: str
    source: str
    kind: Kind = "image"
    part: int = 0
    version: str = ""
    fault: str = ""
    placed: bool = False


def shard_items(items: Sequence[Item], *, shard: int, num_shards: int) -> Sequence[Item]:
    """Return the items of one machine: neighbours, so that each video has few readers.

    The shards are disjoint and complete; their sizes differ by one at most.
    """
    first, end = (len(items) * position // num_shards for position in (shard, shard + 1))
    return items[first:end]
