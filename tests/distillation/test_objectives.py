"""What distillation minimises, against the papers' formulas in float64."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from seg.data.label_space import LabelSpace
from seg.distillation.channel_wise_kd import ChannelWiseKD
from seg.distillation.feature_kd import FeatureKD
from seg.distillation.forward_hooks import forward_pass
from seg.distillation.logit_kd import LogitKD
from seg.errors import ConfigError
from tests.distillation.networks import LABELS, pictures, segmenter

IGNORED = LABELS.ignore_index
STRIDE = 4


def passes(student, teacher, *, shape=(2, 33, 17)):
    """Both forward passes over the same pictures, and labels a fifth of which are ignored."""
    image = pictures(*shape)
    generator = torch.Generator().manual_seed(1)
    label = torch.randint(0, 3, shape, dtype=torch.uint8, generator=generator)
    label[torch.rand(shape, generator=generator) < 0.2] = IGNORED
    return forward_pass(student, image), forward_pass(teacher, image), label


def double(tensor):
    return tensor.detach().double().numpy()


def objectives(student, teacher):
    facts = {"student": student, "teacher": teacher}
    return [
        LogitKD(weight=1, temperature=3.0, **facts),
        ChannelWiseKD(weight=1, temperature=3.0, **facts),
        FeatureKD(weight=1, strides=[STRIDE], **facts),
    ]


@pytest.fixture
def pair():
    return segmenter(2, STRIDE, seed=1), segmenter(STRIDE, seed=2, width=6)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_labels(pair, temperature):
    student, teacher, label = passes(*pair)
    facts = {"student": pair[0], "teacher": pair[1]}
    found = LogitKD(weight=1, temperature=temperature, **facts)(student, teacher, label)
    log_s = log_softmax(double(student.logits) / temperature, axis=1)
    log_t = log_softmax(double(teacher.logits) / temperature, axis=1)
    divergence = (np.exp(log_t) * (log_t - log_s)).sum(1)
    counted = label[:, ::STRIDE, ::STRIDE].numpy() != IGNORED
    assert 0 < counted.sum() < counted.size
    assert found.item() == pytest.approx(temperature**2 * divergence[counted].mean(), rel=1e-5)


def test_soft_labels_are_torch_kl_div_over_the_counted_pixels(pair):
    student, teacher, label = passes(*pair)
    found = objectives(*pair)[0](student, teacher, label)
    counted = label[:, ::STRIDE, ::STRIDE] != IGNORED
    own, others = (
        (each.logits.double() / 3).permute(0, 2, 3, 1)[counted] for each in (student, teacher)
    )
    expected = 9 * torch.nn.functional.kl_div(
        own.log_softmax(1), others.softmax(1), reduction="batchmean"
    )
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_channel_wise(pair, temperature):
    student, teacher, label = passes(*pair)
    facts = {"student": pair[0], "teacher": pair[1]}
    found = ChannelWiseKD(weight=1, temperature=temperature, **facts)(student, teacher, label)
    counted = label[:, ::STRIDE, ::STRIDE].numpy() != IGNORED
    divergences = []
    for sample in range(len(label)):
        for channel in range(3):
            log_s, log_t = (
                log_softmax(double(each.logits)[sample, channel][counted[sample]] / temperature)
                for each in (student, teacher)
            )
            divergences.append((np.exp(log_t) * (log_t - log_s)).sum())
    assert found.item() == pytest.approx(temperature**2 * np.mean(divergences), rel=1e-4)


def test_feature_maps(pair):
    student, teacher, label = passes(*pair)
    objective = objectives(*pair)[2]
    adaptor = objective.adaptors[0]
    adapted = np.einsum("oc,bchw->bohw", double(adaptor.weight)[..., 0, 0], double(student.maps[2]))
    adapted += double(adaptor.bias)[:, None, None]
    counted = label[:, ::STRIDE, ::STRIDE].numpy() != IGNORED
    square = ((adapted - double(teacher.maps[1])) ** 2).mean(1)
    assert adaptor.weight.shape == (6, 4, 1, 1)
    assert objective(student, teacher, label).item() == pytest.approx(square[counted].mean())


def test_a_teacher_of_another_grid_is_compared_place_by_place():
    """Networks that give one value a pixel's colour agree wherever they are asked."""
    student, teacher = segmenter(2), segmenter(4)
    teacher.load_state_dict(student.state_dict())
    flat = pictures(2, 1, 1).expand(-1, -1, 31, 18)
    label = torch.zeros(2, 31, 18, dtype=torch.uint8)
    both = forward_pass(student.eval(), flat), forward_pass(teacher.eval(), flat)
    assert both[0].grid != both[1].grid
    objective = LogitKD(weight=1, temperature=1, student=student, teacher=teacher)
    # what is padded is ignored, and differs: it lies beyond the last row and column
    assert objective(*both, label[:, :28, :16]).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("index", range(3))
def test_all_pixels_ignored(pair, index):
    student, teacher, label = passes(*pair)
    objective = objectives(*pair)[index]
    loss = objective(student, teacher, torch.full_like(label, IGNORED))
    loss.backward()
    assert loss.item() == 0
    for parameter in (*pair[0].parameters(), *objective.parameters()):
        assert parameter.grad is None or not parameter.grad.any()


@pytest.mark.parametrize("index", range(2))
def test_nothing_to_learn_from_oneself(pair, index):
    network = pair[0].eval()
    student, teacher, label = passes(network, network)
    assert objectives(network, network)[index](student, teacher, label).item() == pytest.approx(
        0, abs=1e-6
    )


@pytest.mark.parametrize("index", range(3))
def test_half_precision(pair, index):
    with torch.autocast("cpu", torch.bfloat16):
        student, teacher, label = passes(*pair)
        loss = objectives(*pair)[index](student, teacher, label)
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in pair[0].parameters())


@pytest.mark.parametrize("kind", [LogitKD, ChannelWiseKD])
def test_other_classes_are_refused_with_both_sides(kind):
    others = LabelSpace.identity(("a", "z"), ((0, 0, 0), (9, 9, 9)))
    facts = {"student": segmenter(4), "teacher": segmenter(4, labels=others)}
    with pytest.raises(ConfigError, match=r"2: a, z\n.*3: a, b, c\n(.|\n)*distillation=features"):
        kind(weight=1, temperature=1, **facts)
    FeatureKD(weight=1, strides=[4], **facts)


def test_a_stride_that_one_side_lacks_is_refused_with_both_sides():
    with pytest.raises(ConfigError, match=r"stride 8.*\n  student: 4\n  teacher: 4, 8"):
        FeatureKD(weight=1, strides=[8], student=segmenter(4), teacher=segmenter(4, 8))


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"temperature": -1.0}])
def test_wrong_numbers(pair, wrong):
    given = {"weight": 1.0, "temperature": 1.0, **wrong}
    with pytest.raises(ConfigError, match="allowed: above 0"):
        LogitKD(**given, student=pair[0], teacher=pair[1])
