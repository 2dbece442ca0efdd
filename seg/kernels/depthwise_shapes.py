"""Shapes of a depthwise convolution, and of the tile that one program computes."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Geometry:
    """A depthwise convolution, the same along both axes.

    Attributes:
        kernel: taps a side.
        stride: pixels from an output to the next.
        dilation: pixels from a tap to the next.
        padding: zeros on each side.
    """

    kernel: int
    stride: int
    dilation: int
    padding: int

    def output(self, side: int) -> int:
        """Return the pixels of the output along an axis of `side` pixels."""
        reach = self.dilation * (self.kernel - 1) + 1
        return (side + 2 * self.padding - reach) // self.stride + 1


@dataclass(frozen=True)
class Tile:
    """The rows, columns and channels of a program, powers of two, and its number of warps."""

    rows: int
    columns: int
    channels: int
    warps: int

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}x{self.channels}"

    def count(self, height: int, width: int) -> int:
        """Count the tiles of an image."""
        return -(-height // self.rows) * -(-width // self.columns)


# for the kernel that computes pixels, and for the one with nine sums of each pixel in registers
TILES = (Tile(8, 8, 64, 4), Tile(4, 16, 64, 8), Tile(2, 16, 128, 8))
WEIGHT_TILES = (Tile(1, 16, 64, 4), Tile(4, 4, 64, 4), Tile(1, 16, 128, 8))


def taps_first(weight: Tensor) -> Tensor:
    """Reorder C x 1 x 3 x 3, of any floating type, to 9 x C, float32."""
    return weight.detach().float().flatten(1).t().contiguous()
