"""What training hands to a loss."""

import pytest
import torch

from seg.data.labels import LabelSpace
from seg.inference.trained import TrainedSegmenter
from seg.losses.cross_entropy import CrossEntropy
from seg.losses.lovasz import Lovasz
from seg.models.decoders import create_decoder
from seg.models.encoders import create_encoder
from seg.task import SegmentationTask

FACTS = {"num_classes": 3, "ignore_index": 255}
LABELS = LabelSpace.identity(tuple("abc"), ((1, 2, 3),) * 3)


def task_of(loss, **options):
    torch.manual_seed(0)
    encoder = create_encoder("aligned_xception_tiny")
    decoder = create_decoder(
        "deeplabv3plus", encoder, num_classes=3, aspp_channels=16, decoder_channels=16, dropout=0.0
    )
    model = TrainedSegmenter(encoder, decoder, LABELS)
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
