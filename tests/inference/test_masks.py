"""Decisions of sigmoid outputs, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seg.data.label_space import LabelSpace
from seg.data.outputs import Outputs, binary_outputs, region_outputs
from seg.inference.fusion import argmax_labels
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.inference.masks import codes_of_masks, decide_masks
from seg.inference.segmentation_model import TrainedSegmenter
from seg.kernels.resize import Resize
from seg.losses.binary_cross_entropy import BinaryCrossEntropy
from seg.losses.mask_loss import IGNORED, MaskLoss
from seg.models.coarse_logits import CoarseLogits
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder

CLASSES = ("background", "edge", "core")
REGIONS = {"whole": ["core", "edge"], "inner": ["core"]}
WHOLE = [[0.9, 0.9, 0.1], [0.2, 0.6, 0.4]]
INNER = [[0.8, 0.3, 0.9], [0.1, 0.6, 0.4]]
LABEL = [[2, 1, 0], [0, 2, 255]]


def logits(*probabilities):
    return torch.tensor(probabilities).logit()[None]


def test_a_threshold_is_reached_by_its_own_probability():
    masks = Outputs.multi_label(("a", "b")).with_thresholds((0.5, 0.75))
    decided = decide_masks(torch.tensor([[[[0.0, -1e-6]], [[1.0986124, 1.09]]]]), masks)
    assert decided.tolist() == [[[[True, False]], [[True, False]]]]
    assert not decide_masks(torch.full((1, 2, 1, 1), torch.nan), masks).any()


def test_regions_are_put_back_in_their_order_as_nnunet_defines_it():
    # whole, then inner over it: a pixel of inner alone is core, one of none background
    outputs = region_outputs(CLASSES, REGIONS)
    masks = decide_masks(logits(WHOLE, INNER), outputs)
    assert codes_of_masks(masks, outputs)[0].tolist() == [[2, 1, 2], [0, 2, 0]]
    # regions_class_order [core, edge]: whole writes core and inner edge over it
    other = region_outputs(CLASSES, REGIONS, ["core", "edge"])
    assert codes_of_masks(masks, other)[0].tolist() == [[1, 2, 1], [0, 1, 0]]
    # inner first: whole, which comes later, covers it
    swapped = region_outputs(CLASSES, dict(reversed(REGIONS.items())), ["core", "edge"])
    masks = decide_masks(logits(INNER, WHOLE), swapped)
    assert codes_of_masks(masks, swapped)[0].tolist() == [[1, 1, 2], [0, 1, 0]]


def test_regions_learn_unions_and_no_ignored_pixel():
    space = replace(
        LabelSpace.identity(CLASSES, ((0, 0, 0),) * 3), outputs=region_outputs(CLASSES, REGIONS)
    )
    given = logits(WHOLE, INNER).requires_grad_()
    loss = MaskLoss(BinaryCrossEntropy(num_classes=2, ignore_index=IGNORED), space.members, 255)
    loss(given, torch.tensor([LABEL], dtype=torch.uint8)).backward()
    inside = np.array([[[1, 1, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0]]])  # core and edge; core
    slope = (np.array([WHOLE, INNER]) - inside) / 10  # five pixels of two outputs count
    slope[:, 1, 2] = 0
    torch.testing.assert_close(given.grad[0].double(), torch.from_numpy(slope), atol=1e-6, rtol=0)


def test_codes_of_a_foreground_and_of_classes_that_overlap():
    outputs = binary_outputs(("background", "object"))
    assert codes_of_masks(decide_masks(logits(WHOLE), outputs), outputs)[0].tolist() == [
        [1, 1, 0],
        [0, 1, 0],
    ]
    outputs = Outputs.multi_label(("a", "b"))
    codes = codes_of_masks(decide_masks(logits(WHOLE, INNER), outputs), outputs)
    assert (codes.dtype, codes[0].tolist()) == (torch.uint8, [[3, 1, 2], [0, 3, 0]])
    wide = Outputs.multi_label(tuple("abcdefghi"))
    codes = codes_of_masks(torch.ones(1, 9, 2, 2, dtype=torch.bool), wide)
    assert (codes.dtype, codes.unique().tolist()) == (torch.int32, [511])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    encoder = create_encoder("aligned_xception_micro")
    decoder = create_decoder("deeplabv3plus", encoder, num_classes=2)
    labels = LabelSpace.overlapping(("a", "b"), ((9, 0, 0), (0, 9, 0)))
    return TrainedSegmenter(encoder, decoder, labels).eval()


def test_an_image_is_decided_by_its_sigmoids(model):
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    with torch.inference_mode():
        tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
        expected = model.forward_image(tensor).resized()[0].sigmoid().numpy()
    (block,) = Inference().iter_row_blocks(model, ArrayRaster(image), probabilities=True)
    np.testing.assert_allclose(block.probabilities_KHW, expected, atol=1e-6)
    assert (block.masks_KHW == (block.probabilities_KHW >= 0.5)).all()
    assert (block.label_HW == block.masks_KHW[0] + 2 * block.masks_KHW[1]).all()
    assert (model.predict(image) == block.label_HW).all()


def test_windows_and_mirrored_images_blend_probabilities(model):
    image = np.random.default_rng(1).integers(0, 256, (40, 56, 3), np.uint8)
    whole, mirrored = (
        next(Inference().iter_row_blocks(model, ArrayRaster(each), probabilities=True))
        for each in (image, np.ascontiguousarray(image[:, ::-1]))
    )
    (both,) = Inference(flip=True).iter_row_blocks(model, ArrayRaster(image), probabilities=True)
    mean = (whole.probabilities_KHW + mirrored.probabilities_KHW[..., ::-1]) / 2
    np.testing.assert_allclose(both.probabilities_KHW, mean, atol=1e-5)
    windows = Inference(window=[33, 33], blending="uniform")
    blocks = list(windows.iter_row_blocks(model, ArrayRaster(image), probabilities=True))
    blended = np.concatenate([block.probabilities_KHW for block in blocks], 1)
    masks = np.concatenate([block.masks_KHW for block in blocks], 1)
    assert blended.shape == (2, 40, 56)
    assert (masks == (blended >= 0.5)).mean() > 0.999  # but for rounding
    top = next(
        Inference().iter_row_blocks(model, ArrayRaster(image[:33, :33].copy()), probabilities=True)
    )
    np.testing.assert_allclose(blended[:, :4, :4], top.probabilities_KHW[:, :4, :4], atol=1e-5)


def test_codes_of_more_than_7_classes_that_overlap_have_all_bits():
    outputs = Outputs.multi_label([str(at) for at in range(9)])
    values = torch.randn(2, 9, 9, 9, generator=torch.Generator().manual_seed(0))
    logits = CoarseLogits(values, Resize((33, 33), (33, 33), True))
    found = argmax_labels(logits, outputs)
    present = logits.resized() >= 0
    expected = (present * 2 ** torch.arange(9).view(-1, 1, 1)).sum(1)
    assert found.max() > 255
    assert torch.equal(found.long(), expected)
