"""Compiled loops against PyTorch and numpy."""

import copy
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from seg.errors import DataError
from seg.inference import fusion
from seg.inference.fusion import WindowLogits, argmax_labels, iter_tiles
from seg.kernels import numba_jit
from seg.kernels.resize import Resize
from seg.losses.cross_entropy import CrossEntropy, cross_entropy
from seg.metrics.joint_counts import pair_counts
from seg.models.coarse_logits import CoarseLogits
from seg.models.fused_convolution import FasterDepthwise, faster_depthwise

pytest.importorskip("numba")
from seg.kernels.cross_entropy import summed_cross_entropy, upsampled_cross_entropy


@pytest.fixture(autouse=True)
def _for_small_arrays_too(monkeypatch):
    monkeypatch.setattr(numba_jit, "_RESIZED_BYTES", 0)
    monkeypatch.setattr(numba_jit, "_PAIRS", range(2**31))


def coarse(classes, size, resize, images=2):
    generator = torch.Generator().manual_seed(classes)
    return CoarseLogits(torch.randn(images, classes, *size, generator=generator), resize)


def labelled(classes, size, resize, weighted):
    """Logits, labels of which some are ignored, and weights of classes or None."""
    generator = torch.Generator().manual_seed(1)
    label = torch.randint(0, classes, (2, *resize.cropped), generator=generator)
    label[:, :3] = 255
    weight = torch.rand(classes, generator=generator) if weighted else None
    return coarse(classes, size, resize), label, weight


CASES = [
    (5, (17, 21), Resize((65, 81), (61, 80), True)),
    (5, (17, 21), Resize((65, 81), (61, 80), False)),
    (1, (3, 40), Resize((9, 300), (9, 300), True)),
    (19, (40, 40), Resize((13, 13), (13, 13), False)),
    (3, (1, 9), Resize((5, 9), (5, 7), False)),
]


@pytest.mark.parametrize(("classes", "size", "resize"), CASES)
def test_labels_are_those_of_the_resized_logits(classes, size, resize):
    logits = coarse(classes, size, resize)
    exact = resize(logits.values.double())
    picked = exact.gather(1, argmax_labels(logits)[:, None].long())
    assert (exact.amax(1, keepdim=True) - picked).max() < 1e-5
    assert torch.equal(argmax_labels(logits), exact.argmax(1)) or (picked < exact.amax(1)).sum() < 3


@pytest.mark.slow
def test_many_classes_have_labels_losses_and_gradients_of_torch():
    logits = coarse(300, (9, 11), Resize((33, 41), (33, 40), True))
    exact = logits.resize(logits.values.double())
    found = argmax_labels(logits)
    assert found.dtype == torch.int32
    assert found.max() > 255
    assert (found == exact.argmax(1)).float().mean() > 0.999
    assert torch.equal(exact.gather(1, found[:, None].long()).float(), exact.amax(1, True).float())
    label = found.flip(2).contiguous()
    label[:, :3] = 65535
    values = logits.values.requires_grad_()
    expected_by = logits.values.detach().double().requires_grad_()
    losses = cross_entropy(CoarseLogits(values, logits.resize), label, 65535)
    assert losses.grad_fn.name() == "_UpsampledCrossEntropyBackward"
    losses.sum().backward()
    expected = functional.cross_entropy(
        logits.resize(expected_by), label.long(), ignore_index=65535, reduction="none"
    )
    expected.sum().backward()
    torch.testing.assert_close(losses.double(), expected, rtol=1e-5, atol=2e-6)
    gap = (values.grad - expected_by.grad).abs().max()
    assert gap <= 2e-6 * expected_by.grad.abs().max()
    label[0, 9, 9] = 300
    with pytest.raises(DataError, match=r"holds 300; allowed: 0\.\.299"):
        upsampled_cross_entropy(values, label, logits.resize, 65535)


def test_of_equal_logits_the_first_class_counts():
    values = torch.randint(0, 2, (1, 7, 9, 9)).float()
    logits = CoarseLogits(values, Resize((33, 33), (33, 33), True))
    assert torch.equal(argmax_labels(logits)[:, ::4, ::4], values.argmax(1).byte())
    assert not argmax_labels(CoarseLogits(torch.ones(1, 7, 9, 9), logits.resize)).any()


def test_labels_do_not_depend_on_tiles_or_threads(monkeypatch):
    logits = coarse(19, (33, 65), Resize((129, 257), (129, 257), True))
    label = argmax_labels(logits)[1]
    monkeypatch.setitem(fusion._TILE_BYTES, "cpu", 2**14)
    pieces = list(iter_tiles([[WindowLogits.whole(logits, 1)]], slice(0, 129), 257))
    assert len(pieces) > 9
    for tile in pieces:
        assert torch.equal(tile.label_HW, label[tile.rows, tile.columns])
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert torch.equal(argmax_labels(logits)[1], label)
    finally:
        torch.set_num_threads(threads)


def test_pairs_are_those_of_numpy():
    generator = np.random.default_rng(0)
    label, prediction = generator.integers(0, 19, (2, 300, 401)).astype(np.uint8)
    label[:40] = 255
    counted = label != 255
    expected = np.bincount(19 * label[counted].astype(int) + prediction[counted], minlength=361)
    found = pair_counts(prediction, label, 19, 255)
    assert found.dtype == np.int64
    assert np.array_equal(found, expected.reshape(19, 19))
    prediction[200, 7] = 19
    with pytest.raises(DataError, match="prediction holds 19"):
        pair_counts(prediction, label, 19, 255)


def test_pairs_of_many_classes_are_those_of_numpy():
    generator = np.random.default_rng(0)
    label, prediction = generator.integers(0, 300, (2, 200, 301)).astype(np.uint16)
    label[:40] = 65535
    counted = label != 65535
    pairs = 300 * label[counted].astype(int) + prediction[counted]
    expected = np.bincount(pairs, minlength=90000).reshape(300, 300)
    assert np.array_equal(pair_counts(prediction, label, 300, 65535), expected)
    assert np.array_equal(pair_counts(prediction.astype(int), label, 300, 65535), expected)


@pytest.mark.parametrize(("classes", "size", "resize"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_gradients_are_those_of_torch(classes, size, resize, weighted):
    logits, label, weight = labelled(classes, size, resize, weighted)
    of_pixel = torch.rand(2, *resize.cropped, generator=torch.Generator().manual_seed(2))
    found_by, expected_by = logits.values.requires_grad_(), logits.values.detach().double()
    found = cross_entropy(CoarseLogits(found_by, resize), label, 255, weight)
    assert found.grad_fn.name() == "_UpsampledCrossEntropyBackward"
    found.backward(of_pixel)
    expected = functional.cross_entropy(
        resize(expected_by.requires_grad_()),
        label,
        None if weight is None else weight.double(),
        ignore_index=255,
        reduction="none",
    )
    expected.backward(of_pixel.double())
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=2e-6)
    gap = (found_by.grad - expected_by.grad).abs().max()
    assert gap <= 2e-6 * expected_by.grad.abs().max()


@pytest.mark.parametrize(("classes", "size", "resize"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_sum_and_its_gradient_are_those_of_the_losses(classes, size, resize, weighted):
    logits, label, weight = labelled(classes, size, resize, weighted)
    results = []
    for call in (summed_cross_entropy, upsampled_cross_entropy):
        values = logits.values.detach().requires_grad_()
        total = call(values, label, resize, 255, weight).sum()
        (0.5 * total).backward()
        results.append((total, values.grad))
    (found, found_grad), (expected, expected_grad) = results
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)
    assert (found_grad - expected_grad).abs().max() <= 2e-6 * expected_grad.abs().max()


def test_cross_entropy_finds_its_gradient_on_the_way():
    logits = coarse(5, (40, 21), Resize((157, 81), (157, 81), True))
    label = torch.randint(0, 5, (2, 157, 81)).byte()
    loss = CrossEntropy(num_classes=5, ignore_index=255)
    wanted = loss(CoarseLogits(logits.values.requires_grad_(), logits.resize), label)
    assert wanted.grad_fn.next_functions[0][0].name() == "_SummedCrossEntropyBackward"
    with torch.no_grad():
        torch.testing.assert_close(loss(logits, label), wanted.detach())
    label[1, 9, 9] = 7
    with pytest.raises(DataError, match=r"the label holds 7; allowed: 0\.\.4"):
        loss(logits, label)


def test_extreme_logits_stay_finite():
    logits = coarse(4, (5, 5), Resize((17, 17), (17, 17), True))
    values = (1e4 * logits.values).requires_grad_()
    label = torch.zeros(2, 17, 17, dtype=torch.uint8)
    losses = upsampled_cross_entropy(values, label, logits.resize, 255)
    losses.sum().backward()
    expected = functional.cross_entropy(logits.resize(values), label.long(), reduction="none")
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-2)
    assert torch.isfinite(values.grad).all()
    total = summed_cross_entropy(values, label, logits.resize, 255)
    (found,) = torch.autograd.grad(total, values)
    torch.testing.assert_close(found, values.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("losses", [upsampled_cross_entropy, summed_cross_entropy])
def test_losses_do_not_depend_on_threads(losses):
    def gradient():
        logits = coarse(5, (40, 21), Resize((157, 81), (157, 81), True))
        values = logits.values.requires_grad_()
        label = torch.arange(5).repeat(2 * 157 * 81)[: 2 * 157 * 81].view(2, 157, 81).byte()
        losses(values, label, logits.resize, 255).sum().backward()
        return values.grad

    threads, first = torch.get_num_threads(), gradient()
    torch.set_num_threads(3)
    try:
        assert torch.equal(gradient(), first)
    finally:
        torch.set_num_threads(threads)


def test_labels_that_are_no_class_are_refused():
    logits = coarse(5, (5, 5), Resize((17, 17), (17, 17), True))
    label = torch.full((2, 17, 17), 5, dtype=torch.uint8)
    with pytest.raises(DataError, match=r"holds 5; allowed: 0\.\.4"):
        upsampled_cross_entropy(logits.values, label, logits.resize, 255)


@pytest.mark.parametrize("stride", [1, 2, (1, 2)])
@pytest.mark.parametrize("dilation", [1, 3, (4, 12)])
@pytest.mark.parametrize("bias", [False, True])
def test_depthwise_convolutions_are_those_of_torch(stride, dilation, bias):
    conv = nn.Conv2d(
        20, 20, 3, stride, dilation, dilation=dilation, groups=20, bias=bias
    ).requires_grad_(False)
    image = torch.randn(2, 20, 13, 18).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = conv(image)
        found = FasterDepthwise(conv)(image)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_bfloat16_map_is_summed_in_float32():
    conv = nn.Conv2d(20, 20, 3, padding=12, dilation=12, groups=20).requires_grad_(False)
    reference = copy.deepcopy(conv).double()
    fast = FasterDepthwise(conv).to(torch.bfloat16)
    image = torch.randn(2, 20, 13, 18).contiguous(memory_format=torch.channels_last).bfloat16()
    with torch.inference_mode():
        found = fast(image)
        expected = reference(image.double())
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=torch.channels_last)
    # rounded once: oneDNN's weights are bfloat16 too, and lose another bit
    assert (found.double() - expected).abs().max() <= 2**-8 * expected.abs().max() * 1.01


def test_which_convolutions_are_replaced():
    dilated = nn.Conv2d(8, 8, 3, padding=12, dilation=12, groups=8)
    assert isinstance(faster_depthwise(dilated), FasterDepthwise)
    near = nn.Conv2d(8, 8, 3, padding=4, dilation=4, groups=8)
    for kept in (near, nn.Conv2d(8, 8, 3, dilation=12)):
        assert faster_depthwise(kept) is None
    replaced = faster_depthwise(dilated)
    image = torch.randn(1, 8, 30, 30, requires_grad=True)
    replaced(image).sum().backward()  # PyTorch's own, where gradients are wanted
    assert image.grad is not None
    assert dilated.weight.grad is not None


def _count_in_fork(queue):
    queue.put(int(pair_counts(*np.zeros((2, 600, 600), np.uint8), 2, 255).sum()))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_have_threads_of_their_own():
    pair_counts(*np.zeros((2, 600, 600), np.uint8), 2, 255)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_count_in_fork, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == 360_000
    child.join()


def test_commands_start_without_the_compiler():
    code = (
        "import sys, seg.inference.fusion, seg.losses.cross_entropy;"
        " assert 'numba' not in sys.modules;"
        " from seg.kernels.numba_jit import numba_available; assert numba_available()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
