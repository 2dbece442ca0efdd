"""What every option of the group `decoder` promises, a new one included."""

import pytest
import torch
from hydra.utils import instantiate

from seg.config.conf_dir import option_files
from seg.config.options import read_option
from seg.models.encoders import create_encoder
from seg.models.segmenter import Segmenter

CLASSES = 3


@pytest.mark.parametrize("option", [file.stem for file in option_files("decoder")])
def test_logits_at_the_image_size_whose_gradient_reaches_every_weight(option):
    torch.manual_seed(0)
    encoder = create_encoder("aligned_xception_micro")
    node = read_option("decoder", option)
    decoder = instantiate(node, encoder=encoder, num_classes=CLASSES, _convert_="all")
    assert decoder.num_classes == CLASSES
    image_BCHW = torch.randn(2, 3, 65, 97)
    logits_BKHW = Segmenter(encoder, decoder).train()(image_BCHW)
    assert logits_BKHW.shape == (2, CLASSES, 65, 97)
    assert logits_BKHW.isfinite().all()
    logits_BKHW.square().mean().backward()
    unreached = [name for name, each in decoder.named_parameters() if each.grad is None]
    assert not unreached
    again_BKHW = [Segmenter(encoder, decoder).eval()(image_BCHW[:1]) for _ in range(2)]
    assert torch.equal(*again_BKHW)
