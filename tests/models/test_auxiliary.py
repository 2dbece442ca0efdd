"""Heads beside the decoder: against torchvision's, and on the maps that were asked for."""

import pytest
import torch
from torchvision.models.segmentation.fcn import FCNHead

from seg.errors import ConfigError
from seg.kernels.resize import Resize
from seg.models.auxiliary import AuxiliaryHeads, FullyConvolutionalHead
from seg.models.encoders import create_encoder

RESIZE = Resize((33, 49), (33, 48), align_corners=True)


def test_a_head_is_torchvisions():
    theirs = FCNHead(16, 3)
    ours = FullyConvolutionalHead(16, 4, num_classes=3, dropout=0.1)
    tensors = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(tensors))
    x = torch.randn(2, 16, 5, 7)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    for head in (ours.train(), theirs.train()):
        torch.manual_seed(0)
        x = torch.randn(2, 16, 5, 7)
        head.result = head(x)
    torch.testing.assert_close(ours.result, theirs.result)


def test_each_reads_the_first_map_of_its_stride():
    encoder = create_encoder("aligned_xception_tiny")
    heads = AuxiliaryHeads(
        encoder, num_classes=3, strides=[4, 16], weights=[0.1, 0.4], channels=8, dropout=0.0
    )
    features = encoder(torch.randn(2, 3, 33, 49))
    logits = heads(features, RESIZE)
    assert [each.values.shape[2:] for each in logits] == [(9, 13), (3, 4)]
    for each, head, index in zip(logits, heads.heads, (2, 4), strict=True):
        torch.testing.assert_close(each.values, head(features[index]))
        assert each.resized().shape == (2, 3, 33, 48)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": [32]}, "strides: 32; this encoder has 2, 4, 8, 16"),
        ({"strides": [1]}, "strides: 1; this encoder has"),
        ({"weights": [0.4, 0.1]}, "2 weights for 1 strides"),
        ({"strides": [], "weights": []}, "0 weights for 0 strides"),
        ({"weights": [0.0]}, "above 0"),
        ({"channels": 0}, "channels=0"),
        ({"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_wrong_options(options, message):
    encoder = create_encoder("aligned_xception_tiny")
    with pytest.raises(ConfigError, match=message):
        AuxiliaryHeads(encoder, num_classes=3, **options)
