"""What training hands to a loss."""

import pytest
import torch
from torch.nn import functional

from seg.data.label_space import LabelSpace
from seg.inference.segmentation_model import TrainedSegmenter
from seg.losses.cross_entropy import CrossEntropy
from seg.losses.hard_pixel_mining import HardPixelMining
from seg.losses.lovasz import Lovasz
from seg.losses.weighted_sum import WeightedSum
from seg.models.auxiliary import AuxiliaryHeads
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder
from seg.training.segmentation_task import SegmentationTask

FACTS = {"num_classes": 3, "ignore_index": 255}
WEIGHTS = [0.2, 0.4]
LABELS = LabelSpace.identity(tuple("abc"), ((1, 2, 3),) * 3)


def task_of(loss, strides=(), **options):
    torch.manual_seed(0)
    encoder = create_encoder("aligned_xception_tiny")
    decoder = create_decoder(
        "deeplabv3plus", encoder, num_classes=3, aspp_channels=16, decoder_channels=16, dropout=0.0
    )
    model = TrainedSegmenter(encoder, decoder, LABELS)
    if strides:
        options["auxiliary"] = AuxiliaryHeads(
            encoder, num_classes=3, strides=strides, weights=WEIGHTS, channels=8, dropout=0.0
        )
    return SegmentationTask(model=model, loss=loss, labels=LABELS, config={}, **options)


def batch(size):
    generator = torch.Generator().manual_seed(1)
    label = torch.randint(0, 3, (2, *size), generator=generator).byte()
    label[:, :4] = 255
    image = torch.randint(0, 256, (2, 3, *size), generator=generator).byte()
    return {"image": image, "label": label}


@pytest.mark.parametrize("size", [(33, 49), (40, 56)])
@pytest.mark.parametrize("kind", [CrossEntropy, Lovasz])
def test_the_training_loss_is_the_loss_of_the_logits(kind, size):
    task = task_of(kind(**FACTS))
    found = task.supervised_loss(batch(size))
    found.backward()
    gradients = [parameter.grad.clone() for parameter in task.parameters()]
    task.zero_grad()
    expected = task.loss(task(batch(size)["image"]), batch(size)["label"])
    expected.backward()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    for gradient, parameter in zip(gradients, task.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-3, atol=1e-5)


def test_lean_losses_alone_are_given_coarse_logits():
    given = []
    for loss in (CrossEntropy(**FACTS), Lovasz(**FACTS)):
        loss.register_forward_pre_hook(lambda _, arguments: given.append(type(arguments[0])))
        task_of(loss).supervised_loss(batch((33, 49)))
    assert [kind.__name__ for kind in given] == ["CoarseLogits", "Tensor"]


@pytest.mark.parametrize("kind", [CrossEntropy, Lovasz])
def test_each_head_adds_its_weighted_loss(kind):
    task, plain = task_of(kind(**FACTS), strides=[4, 16]), task_of(kind(**FACTS))
    given = batch((33, 49))
    found = task.supervised_loss(given)
    features = task.model.encode(task.normalized(given["image"]))
    expected = plain.supervised_loss(given)
    for weight, head, index in zip(WEIGHTS, task.auxiliary.heads, (2, 4), strict=True):
        logits = functional.interpolate(
            head(features[index]), (33, 49), mode="bilinear", align_corners=True
        )
        expected = expected + weight * kind(**FACTS)(logits, given["label"])
    torch.testing.assert_close(found, expected)


def test_gradients_of_a_head_reach_the_encoder_up_to_its_map_and_every_part_trains():
    task = task_of(CrossEntropy(**FACTS), strides=[4, 16], optimizer=torch.optim.SGD)
    features = task.model.encode(task.normalized(batch((33, 49))["image"]))
    first, second = task.auxiliary(features, task.model.decode(features, (33, 49)).resize)
    assert reached(task, first.values.square().sum()) < reached(task, second.values.square().sum())
    trained = {
        id(parameter)
        for group in task.create_optimizer().param_groups
        for parameter in group["params"]
    }
    parts = (task.model, task.auxiliary)
    assert trained == {id(parameter) for part in parts for parameter in part.parameters()}


def reached(task, value):
    """Names of the encoder's parameters that a value depends on."""
    names, parameters = zip(*task.model.encoder.named_parameters(), strict=True)
    gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return {
        name
        for name, gradient in zip(names, gradients, strict=True)
        if gradient is not None and gradient.abs().sum() > 0
    }


def test_what_is_used_does_not_change_and_each_head_counts_its_own_steps():
    task = task_of(HardPixelMining(**FACTS, ramp_steps=9), strides=[4, 16])
    plain = task_of(HardPixelMining(**FACTS, ramp_steps=9))
    image = batch((33, 49))["image"]
    assert torch.equal(task.eval()(image), plain.eval()(image))
    task.train().supervised_loss(batch((33, 49)))
    assert [loss.step.item() for loss in (task.loss, *task.auxiliary_losses)] == [1, 1, 1]


def test_a_loss_of_torch_gets_labels_that_it_takes():
    plain = torch.nn.CrossEntropyLoss(ignore_index=255)
    task = task_of(plain, strides=(16, 8))
    task.supervised_loss(batch((33, 49))).backward()
    terms = [lambda **_: plain, CrossEntropy]
    summed = WeightedSum(terms=terms, weights=[1.0, 1.0], **FACTS)
    both = task_of(summed).supervised_loss(batch((33, 49)))
    torch.testing.assert_close(both, 2 * task_of(plain).supervised_loss(batch((33, 49))))
