"""Passes of several threads in one batch."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seg.serving.batching import batched
from tests.serving.networks import small_network


class _Counted:
    """A network that records its batches, and runs out of memory above a size."""

    def __init__(self, most=8):
        self._model, self._most = small_network(), most
        self.batches = []

    def forward_image(self, image_BCHW):
        return self._model.forward_image(self._counted(image_BCHW))

    def argmax_labels(self, image_BCHW):
        return self._model.argmax_labels(self._counted(image_BCHW))

    def _counted(self, image_BCHW):
        self.batches.append(tuple(image_BCHW.shape[::2]))
        if len(image_BCHW) > self._most:
            raise torch.OutOfMemoryError("batch")
        if image_BCHW.shape[3] == 13:
            raise ValueError("size 13")
        return image_BCHW

    def __getattr__(self, name):
        return getattr(self._model, name)


def _images(count, width=48):
    return list(torch.randint(0, 255, (count, 1, 3, 32, width), dtype=torch.uint8))


@pytest.mark.parametrize("most", [8, 1])
def test_images_of_one_size_share_a_pass(most):
    network = _Counted(most)
    model, images = batched(network, 4), _images(8) + _images(4, width=40)
    with ThreadPoolExecutor(12) as threads, torch.inference_mode():
        results = list(threads.map(model.forward_image, images))
    joined = list(network.batches)
    assert max(count for count, _ in joined) in range(2, 5)
    for image, result in zip(images, results, strict=True):
        with torch.inference_mode():
            alone = network.forward_image(image)
        torch.testing.assert_close(result.values, alone.values, rtol=1e-4, atol=1e-5)
        assert result.resize == alone.resize


def test_an_image_that_fails_fails_alone():
    model = batched(_Counted(), 4)
    with ThreadPoolExecutor(3) as threads:
        good = [threads.submit(model.argmax_labels, each) for each in _images(2)]
        bad = threads.submit(model.argmax_labels, _images(1, width=13)[0])
    assert [each.result().shape for each in good] == [(1, 32, 48)] * 2
    with pytest.raises(ValueError, match="size 13"):
        bad.result()


def test_what_else_a_network_has_stays():
    network = small_network()
    model = batched(network, 2)
    assert model.labels is network.labels
    assert model.output_stride == network.output_stride
