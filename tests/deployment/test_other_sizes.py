"""The gate compares logits at sizes of its own, and every decoder of smp passes it."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from seg.deployment.exported_model import ExportedModel
from seg.deployment.loading import read_export
from seg.deployment.open_pooling import OpenAveragePool, open_average_pool
from seg.deployment.other_sizes import SizeParity, measure_sizes
from seg.deployment.parity import ParityError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.decoders.smp import create_smp_decoder
from seg.models.interfaces import Normalization
from tests.deployment.networks import card_of, exported, pictures, samples, small_network
from tests.models.conftest import settled

ALLOWED = 0.001
_ONNX = ("onnx", "onnxscript", "onnxruntime")
SMALL = {
    "Unet": {"decoder_channels": [8, 8, 8]},
    "UnetPlusPlus": {"decoder_channels": [8, 8, 8]},
    "MAnet": {"decoder_channels": [8, 8, 8], "decoder_pab_channels": 4},
    "Linknet": {},
    "FPN": {"decoder_pyramid_channels": 8, "decoder_segmentation_channels": 32},
    "PSPNet": {"psp_out_channels": 8},
    "DeepLabV3": {"decoder_channels": 8},
    "DeepLabV3Plus": {"decoder_channels": 8},
    "PAN": {"decoder_channels": 8},
    "UPerNet": {"decoder_channels": 8},
    "Segformer": {"decoder_segmentation_channels": 8},
}
"""Architecture of smp -> options that make it small."""


class Encoder(nn.Module):
    """Strided convolutions."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.channels = (3, 4, 8, 8, 8)[: depth + 1]
        self.strides, self.output_stride = (1, 2, 4, 8, 16)[: depth + 1], 2**depth
        self.normalization = Normalization((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
        self.steps = nn.ModuleList(
            nn.Conv2d(*ends, 3, stride=2, padding=1) for ends in pairwise(self.channels)
        )

    def forward(self, image_BCHW):
        maps = [image_BCHW]
        for step in self.steps:
            maps.append(step(maps[-1]).relu())
        return maps


def smp_network(name: str, depth: int = 3) -> TrainedSegmenter:
    torch.manual_seed(0)
    encoder, labels = Encoder(depth), pictures(1).labels
    options = {"encoder_depth": depth, **SMALL[name]}
    decoder = create_smp_decoder(encoder, num_classes=labels.num_classes, name=name, **options)
    return settled(TrainedSegmenter(encoder, decoder, labels))


@pytest.mark.parametrize("bins", [(2, 2), (3, 3), (6, 6), (6, 1), (5, 7)])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 13), (12, 6), (31, 64)])
def test_pooling_for_any_size_is_the_usual_one(bins, size):
    x_BCHW = torch.randn(2, 3, *size)
    usual = nn.AdaptiveAvgPool2d(bins)
    torch.testing.assert_close(open_average_pool(usual)(x_BCHW), usual(x_BCHW))
    half = OpenAveragePool(bins)(x_BCHW.bfloat16())
    torch.testing.assert_close(half, usual(x_BCHW.bfloat16()))


def test_pooling_that_exports_as_it_is_stays():
    assert open_average_pool(nn.AdaptiveAvgPool2d(1)) is None
    assert open_average_pool(nn.AdaptiveAvgPool2d((None, 2))) is None


def engine_of(network, runner, **spec) -> ExportedModel:
    return ExportedModel(card_of(network, **spec), runner, network.decoding)


@pytest.mark.parametrize("kind", ["logits", "labels"])
def test_a_graph_that_is_right_at_one_size_is_refused_at_others(kind):
    network = small_network()

    def bound(image_BCHW):
        """What a pooling of the wrong bins does, off by a tenth."""
        logits = network.forward_image(image_BCHW)
        values = logits.values * (1 + 0.1 * torch.randn_like(logits.values))
        resized = logits.resize(values)
        return values if kind == "logits" else resized.argmax(1).to(torch.uint8)

    def right(image_BCHW):
        logits = network.forward_image(image_BCHW)
        return logits.values if kind == "logits" else network.argmax_labels(image_BCHW)

    sample = samples(1)[0]
    measured = measure_sizes(network, engine_of(network, right, output_kind=kind), sample, ALLOWED)
    assert [each.size for each in measured] == [(96, 39), (32, 87)]
    assert not any(each.fault(ALLOWED) for each in measured)
    measured = measure_sizes(network, engine_of(network, bound, output_kind=kind), sample, ALLOWED)
    word = {"logits": "logits are off by ", "labels": "% of the clear pixels"}[kind]
    for each in measured:
        fault = each.fault(ALLOWED)
        assert fault is not None
        assert fault.startswith(f"at {each.size[0]} x {each.size[1]} (height x width)")
        assert word in fault


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda logits: logits[..., 1:], "logits are 2 x "),
        (lambda logits: logits / 0, "not finite"),
        (lambda logits: logits.view(-1, 3, 5), "the file does not run: "),
    ],
)
def test_what_gives_no_logits_is_named(wrong, word):
    network = small_network()
    engine = engine_of(network, lambda image: wrong(network.forward_image(image).values))
    measured = measure_sizes(network, engine, samples(1)[0], ALLOWED)
    assert [word in str(each.fault(ALLOWED)) for each in measured] == [True, True]


def test_a_file_of_one_size_has_no_other():
    network = small_network()
    engine = engine_of(network, lambda image: image, size=(65, 97))
    assert measure_sizes(network, engine, samples(1)[0], ALLOWED) == []


def test_undecided_pixels_say_nothing():
    assert SizeParity((3, 5)).fault(ALLOWED) is None
    assert SizeParity((3, 5)).to_dict() == {"size": (3, 5)}


@pytest.mark.slow
def test_every_decoder_of_smp_passes_the_gate(tmp_path):
    for module in _ONNX:
        pytest.importorskip(module)
    for name in SMALL:
        network = smp_network(name, 4 if name == "PAN" else 3)  # it refuses an output stride of 8
        path = exported(tmp_path, "onnx", network)
        sizes = read_export(path).card.parity["other_sizes"]
        assert len(sizes) == 2, name
        assert all(each["relative_error"] < 1e-5 for each in sizes), name


@pytest.mark.slow
def test_a_pooling_that_is_bound_to_the_traced_size_is_refused(tmp_path, monkeypatch):
    for module in _ONNX:
        pytest.importorskip(module)
    monkeypatch.setattr("seg.deployment.format_interface.open_average_pool", lambda _: None)
    monkeypatch.setattr("tests.deployment.networks.SIZE", (66, 99))  # padded as the traced one
    network = smp_network("UPerNet", 4)
    message = r"images of other sizes(.|\n)*at \d+ x \d+(.|\n)*  give size=\[66,99\]"
    with pytest.raises(ParityError, match=message):
        exported(tmp_path, "onnx", network)
    exported(tmp_path, "onnx", network, size=(66, 99))
