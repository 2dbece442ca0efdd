"""A segmenter that is compiled takes ever new sizes of images."""

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from seg.models.interfaces import Normalization
from seg.models.segmenter import Segmenter, lacking_px

# all above 20,480 values, where convolutions of PyTorch have one way
SIZES = ((129, 193), (150, 170), (163, 141), (132, 206), (171, 140))


class Encoder(nn.Module):
    """One convolution of a stride."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.channels, self.strides, self.output_stride = (3, 4), (1, stride), stride
        self.normalization = Normalization((0.5,) * 3, (0.5,) * 3)
        self.convolution = nn.Conv2d(3, 4, 3, stride=stride, padding=1)

    def forward(self, image_BCHW):
        return [image_BCHW, self.convolution(image_BCHW)]


class Decoder(nn.Module):
    """A linear layer on the last map; it may want sides of a multiple."""

    num_classes = 2

    def __init__(self, input_multiple: int | None) -> None:
        super().__init__()
        self.input_multiple = input_multiple
        self.layer = nn.Conv2d(4, 2, 1)

    def forward(self, features):
        return self.layer(features[-1])


@pytest.mark.parametrize("multiple", [None, 8, 32])
@pytest.mark.parametrize("stride", [4, 8, 32])
def test_sides_are_padded_to_the_next_that_fits(stride, multiple):
    for side in range(1, 140):
        lacking = lacking_px(side, stride, multiple)
        assert 0 <= lacking < (multiple or stride)
        if multiple is None:
            assert (side + lacking - 1) % stride == 0
        else:
            assert (side + lacking) % multiple == 0


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("multiple", [None, 16])
def test_new_sizes_give_the_eager_result_and_no_new_graph(backend, multiple):
    torch._dynamo.reset()
    model = Segmenter(Encoder(8), Decoder(multiple)).eval()
    compiled = torch.compile(model, backend=backend)
    graphs = []
    with torch.no_grad():
        for size in SIZES:
            image_BCHW = torch.randn(1, 3, *size)
            torch.testing.assert_close(compiled(image_BCHW), model(image_BCHW))
            graphs.append(counters["stats"]["unique_graphs"])
    torch._dynamo.reset()
    assert graphs[1:] == [graphs[1]] * (len(SIZES) - 1)
    assert graphs[1] - graphs[0] == 1  # sizes are open from the second on
