"""What is predicted: pictures, pages, frames and rasters, each by a name that stays."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["picture", "page", "frame", "raster"]


@dataclass(frozen=True)
class Item:
    """One label map to be.

    Attributes:
        name: of what is written, without a suffix, relative to the output folder.
        source: path or address.
        kind: `raster` is read window by window and written as GeoTIFF; all others are whole.
        part: page or frame of the source, from 0.
        version: tells the source from an older one of the same name.
        fault: what is known to be wrong with it before it is opened.
        placed: its source has a place on the map, which results have of rasters alone.
    """

    name: str
    source: str
    kind: Kind = "picture"
    part: int = 0
    version: str = ""
    fault: str = ""
    placed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `Item(**plain)` is the inverse."""
        return asdict(self)


def shard_items(items: Sequence[Item], *, shard: int, num_shards: int) -> Sequence[Item]:
    """The items of one machine: a run of neighbours, so that each video has few readers.

    The shares of all shards are disjoint and complete; their sizes differ by one at most.
    """
    first, end = (len(items) * position // num_shards for position in (shard, shard + 1))
    return items[first:end]
