"""Adaptive average pooling that exporters write for any size of map.

`nn.AdaptiveAvgPool2d` of several bins is exported for the size of the example alone: ONNX files of
it give other values, or no values, at other sizes.
"""

import torch
from torch import Tensor, nn


class OpenAveragePool(nn.Module):
    """Means over `nn.AdaptiveAvgPool2d`'s bins, as two products with matrices.

    Args:
        bins: rows and columns of the output.
    """

    def __init__(self, bins: tuple[int, int]) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map B x C x H x W to B x C x rows x columns; sums are float32."""
        height, width = x_BCHW.shape[2:]
        weight_hH = _weights(self.bins[0], height, x_BCHW.device)
        weight_wW = _weights(self.bins[1], width, x_BCHW.device)
        return (weight_hH @ x_BCHW.float() @ weight_wW.T).to(x_BCHW.dtype)


def open_average_pool(pool: nn.Module) -> nn.Module | None:
    """Return the replacement of an `nn.AdaptiveAvgPool2d`; None for one that exports as it is."""
    assert isinstance(pool, nn.AdaptiveAvgPool2d)
    size = pool.output_size
    rows, columns = size if isinstance(size, tuple) else (size, size)
    if rows is None or columns is None or (rows, columns) == (1, 1):
        return None
    return OpenAveragePool((rows, columns))


def _weights(bins: int, length: int, device: torch.device) -> Tensor:
    """Return the share of each value in each bin, bins x length; bins may overlap by a value."""
    first_h1 = torch.arange(bins, device=device)[:, None] * length
    start_h1 = first_h1.div(bins, rounding_mode="floor")
    stop_h1 = (first_h1 + (length + bins - 1)).div(bins, rounding_mode="floor")
    place_1H = torch.arange(length, device=device)[None]
    inside_hH = (place_1H >= start_h1) & (place_1H < stop_h1)
    return inside_hH.float() / (stop_h1 - start_h1).float()
