"""Exports as models of images: what their engines get, and what they refuse."""

import pytest
import torch

from seg.deployment.exported_model import ExportedModel
from seg.errors import ConfigError
from seg.models.segmenter import Segmenter
from tests.deployment.networks import card_of, pictures, small_network


@pytest.mark.parametrize("kind", ["uint8", "float32", "normalized"])
def test_engines_get_images_that_are_normalized_once_at_most(kind):
    network, inputs = small_network(), []

    def engine(image_BCHW):
        inputs.append(image_BCHW)
        given = image_BCHW if kind == "normalized" else network.normalization(image_BCHW)
        return network.decode(network.encode(given), tuple(given.shape[2:])).values

    model = ExportedModel(card_of(network, input_kind=kind), engine)
    image_BCHW = torch.from_numpy(pictures(1)[0].image).permute(2, 0, 1)[None]
    with torch.inference_mode():
        logits, expected = model.forward_image(image_BCHW), network.forward_image(image_BCHW)
        (image,) = inputs
        as_it_is = image_BCHW if kind != "normalized" else network.normalization(image_BCHW)
        assert torch.equal(image, as_it_is.to(image.dtype))
        assert image.dtype == (torch.uint8 if kind == "uint8" else torch.float32)
        assert torch.equal(logits.values, expected.values)
        assert logits.resize == expected.resize
        normalized_BCHW = network.normalization(image_BCHW)
        torch.testing.assert_close(model(normalized_BCHW), network(normalized_BCHW))
    assert torch.equal(model.argmax_labels(image_BCHW), network.argmax_labels(image_BCHW))


def test_an_export_is_no_segmenter_and_knows_what_one_knows():
    network = small_network()
    model = ExportedModel(card_of(network), lambda image_BCHW: image_BCHW)
    assert not isinstance(model, Segmenter)
    assert not [*model.children()] and not [*model.parameters()]
    for name in ("labels", "classes", "palette", "num_classes", "normalization", "decoding"):
        assert getattr(model, name) == getattr(network, name)
    assert (model.output_stride, model.align_corners) == (8, True)
    assert model.bytes_per_pixel == 9.5
    assert model.device == network.device == torch.device("cpu")


def test_labels_alone_are_no_logits():
    network = small_network()
    label_BHW = torch.ones(1, 65, 97, dtype=torch.uint8)
    model = ExportedModel(card_of(network, output_kind="labels"), lambda _: label_BHW)
    image_HW3 = pictures(1)[0].image
    assert (model.predict(image_HW3) == 1).all()
    with pytest.raises(ConfigError, match="output_kind=logits"):
        model.forward_image(torch.zeros(1, 3, 65, 97))
