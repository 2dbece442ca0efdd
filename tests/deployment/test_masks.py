"""Exports of networks with sigmoid outputs: masks in place of labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seg.data.label_space import LabelSpace
from seg.data.outputs import Outputs, region_outputs
from seg.data.sample import Sample
from seg.deployment.export_graph import ImageGraph
from seg.deployment.metadata import ExportSpec
from seg.deployment.parity import measure
from seg.deployment.usage import class_table, usage_of
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder

NAMES = ("bar", "disk")
OVERLAP = LabelSpace(
    NAMES,
    ((255, 0, 0), (0, 0, 255)),
    (),
    255,
    Outputs.multi_label(NAMES).with_thresholds((0.4, 0.6)),
)
NESTED_NAMES = ("background", "edge", "core")
NESTED = LabelSpace(
    NESTED_NAMES,
    ((0, 0, 0), (9, 0, 0), (0, 9, 0)),
    ((0, 0), (7, 1), (9, 2), (255, 255)),
    255,
    region_outputs(NESTED_NAMES, {"whole": ["edge", "core"], "core": ["core"]}),
)
IMAGE = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 40, 48), np.uint8))


def network(labels):
    torch.manual_seed(0)
    encoder = create_encoder("aligned_xception_micro")
    decoder = create_decoder("deeplabv3plus", encoder, num_classes=labels.num_outputs)
    model = TrainedSegmenter(encoder, decoder, labels).eval()
    with torch.inference_mode():  # half of the pixels of each output are inside
        medians = model.forward_image(IMAGE).resized().sigmoid()[0].flatten(1).median(1).values
    return with_thresholds(model, medians.tolist())


def with_thresholds(model, thresholds):
    outputs = model.labels.outputs.with_thresholds(thresholds)
    labels = replace(model.labels, outputs=outputs)
    return TrainedSegmenter(model.encoder, model.decoder, labels).eval()


@pytest.mark.parametrize("labels", [OVERLAP, NESTED], ids=["overlap", "regions"])
def test_the_graph_gives_masks(labels):
    model = network(labels)
    spec = ExportSpec(precision="fp32", output_kind="labels")
    with torch.inference_mode():
        masks_BKHW = ImageGraph(model, spec)(IMAGE)
        probabilities = model.forward_image(IMAGE).resized().sigmoid()
    thresholds = torch.tensor(model.labels.thresholds)[:, None, None]
    assert masks_BKHW.dtype == torch.uint8
    assert 0 < masks_BKHW.float().mean() < 1
    assert torch.equal(masks_BKHW.bool(), probabilities >= thresholds)


def test_the_use_is_described():
    options = {"input_kind": "float32", "size": None}
    usage = usage_of(network(OVERLAP), output_kind="labels", **options)
    assert usage.output["layout"] == "batch x 2 x height x width"
    assert "mask of entry k" in usage.steps[-1]
    usage = usage_of(network(OVERLAP), output_kind="logits", **options)
    assert "`threshold`" in usage.steps[-1]
    assert [each["threshold"] for each in class_table(OVERLAP)] == [0.4, 0.6]
    table = class_table(NESTED)
    assert [(each["name"], each["id"]) for each in table] == [("whole", 7), ("core", 9)]


@pytest.mark.parametrize("labels", [OVERLAP, NESTED], ids=["overlap", "regions"])
def test_parity_is_that_of_masks(labels):
    model = network(labels)
    label_HW = model.argmax_labels(IMAGE)[0].numpy().copy()
    assert len(np.unique(label_HW)) > 1
    sample = Sample("a", IMAGE[0].permute(1, 2, 0).numpy(), label_HW)
    parity = measure(model, model, [sample])
    assert (parity.agreement, parity.miou_network) == (1, 1)
    strict = with_thresholds(model, (0.999, 0.999))
    assert measure(strict, strict, [sample]).miou_network < 0.5
