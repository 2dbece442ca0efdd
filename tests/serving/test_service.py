"""A served network: the same pixels as predictions, whatever else runs at the same time."""

import asyncio
import threading
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from seg.errors import DataError
from seg.inference.inference import Inference
from seg.serving.service import ExpiredError, OverloadError, Service, Services, UnknownModelError
from seg.serving.workers import Workers
from tests.serving.networks import small_network


@pytest.fixture
def open_service():
    """Opens a service; its workers end with the test."""
    opened = []

    def open_(*, count=2, max_queue=64, timeout_s=30.0, inference=None):
        workers = Workers(count, max_queue=max_queue)
        opened.append(workers)
        return Service(
            "small",
            small_network(),
            inference or Inference(),
            {},
            workers,
            max_pixels=10**6,
            timeout_s=timeout_s,
        )

    yield open_
    for each in opened:
        assert each.close(10)


def _png(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return pixels, file.getvalue()


def _label(_, segmentation):
    return segmentation.label_HW


def test_many_sizes_at_once_are_predicted_as_each_alone(open_service):
    service = open_service()
    images = [_png(30 + 7 * (n % 5), 40 + 5 * (n % 3), n) for n in range(20)]

    async def run_all():
        return await asyncio.gather(*(service.run(file, _label) for _, file in images))

    labels = asyncio.run(run_all())
    for (pixels, _), label_HW in zip(images, labels, strict=True):
        np.testing.assert_array_equal(label_HW, service.model.predict(pixels))


def test_bad_images_fail_alone(open_service):
    service = open_service()
    pixels, file = _png(40, 50)
    sources = [file, b"no image", file[:200], file, pixels]

    async def run_all():
        runs = (service.run(each, _label) for each in sources)
        return await asyncio.gather(*runs, return_exceptions=True)

    results = asyncio.run(run_all())
    assert [isinstance(each, DataError) for each in results] == [False, True, True, False, False]
    expected = service.model.predict(pixels)
    for each in (results[0], results[3], results[4]):
        np.testing.assert_array_equal(each, expected)


def test_probabilities_come_when_they_are_requested(open_service):
    service = open_service(inference=Inference(window=(33, 33)))
    pixels, file = _png(50, 60)
    without, both = (
        asyncio.run(service.run(file, lambda _, each: each, probabilities=wanted))
        for wanted in (False, True)
    )
    assert without.probabilities_KHW is None
    assert both.probabilities_KHW.shape == (4, 50, 60)
    np.testing.assert_array_equal(both.probabilities_KHW.argmax(0), both.label_HW)
    np.testing.assert_array_equal(without.label_HW, both.label_HW)
    assert without.label_HW.shape == pixels.shape[:2]


def test_too_many_probabilities_are_left_out_or_refused(open_service, monkeypatch):
    monkeypatch.setattr("seg.serving.service._MOST_PROBABILITIES", 4 * 50 * 60 - 1)
    service = open_service()
    pixels, file = _png(50, 60)
    wanted = {"probabilities": True}
    left = asyncio.run(service.run(file, lambda _, each: each, **wanted, may_omit=True))
    assert left.probabilities_KHW is None
    np.testing.assert_array_equal(left.label_HW, service.model.predict(pixels))
    with pytest.raises(DataError, match=r"60 x 50 px(.|\n)*allowed: 2999 px") as caught:
        asyncio.run(service.run(file, _label, **wanted))
    assert caught.value.fault == "too_large"
    fits = asyncio.run(service.run(_png(49, 60)[1], lambda _, each: each, **wanted))
    assert fits.probabilities_KHW.shape == (4, 49, 60)


def test_an_image_that_waits_too_long_is_given_up_and_not_worked_on(open_service):
    service = open_service(count=1, timeout_s=0.05)
    gate, worked_on = threading.Event(), []
    _, file = _png(20, 20)

    async def run_all():
        first = asyncio.ensure_future(service.run(file, lambda *_: gate.wait(30)))
        await asyncio.sleep(0.01)
        with pytest.raises(ExpiredError, match=r"waited for 0\.05 s"):
            await service.run(file, lambda *_: worked_on.append(1))
        gate.set()
        return await first  # it was being worked on: it is finished, however long that takes

    assert asyncio.run(run_all())
    assert worked_on == []
    assert service.workers.waiting == 0


def test_who_is_cancelled_leaves_the_queue_to_others(open_service):
    service = open_service(count=1, max_queue=1)
    gate = threading.Event()
    _, file = _png(20, 20)

    async def run_all():
        first = asyncio.ensure_future(service.run(file, lambda *_: gate.wait(30)))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(service.run(file, _label))
        await asyncio.sleep(0.01)
        with pytest.raises(OverloadError):
            await service.run(file, _label)
        second.cancel()
        await asyncio.sleep(0.01)
        third = asyncio.ensure_future(service.run(file, _label))
        await asyncio.sleep(0)
        gate.set()
        await first
        return await third

    assert asyncio.run(run_all()).shape == (20, 20)


def test_warming_up_makes_a_service_ready(open_service):
    service = open_service()
    assert not service.ready
    with torch.inference_mode():
        service.warm_up((33, 49))
    assert service.ready


def test_services_are_found_by_name(open_service):
    service = open_service()
    services = Services(service)
    assert services.find(None) is services.find("small") is service
    with pytest.raises(UnknownModelError, match="there is small"):
        services.find("other")
