"""One engine for several threads, and sizes that never end."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

from seg.deployment.format_interface import Cores
from seg.deployment.loading import open_export, read_export

pytestmark = pytest.mark.slow
NAMES = ["onnx", "openvino", "pt2"]


def _images(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(40 + 3 * index % 17, 50 + 5 * index % 23) for index in range(count)]
    return [255 * torch.rand(1, 3, *size, generator=generator) for size in sizes]


@pytest.mark.parametrize("name", NAMES)
def test_passes_of_several_threads_do_not_mix(name, exports):
    export = read_export(exports(name), trust=True)
    one, four = open_export(export), open_export(export, cores=Cores(threads=1, passes=4))
    images = _images(48)
    with torch.inference_mode():
        expected = [one.forward_image(image).values for image in images]
    together = Barrier(4)

    def some(first: int) -> list[torch.Tensor]:
        together.wait()
        with torch.inference_mode():
            return [four.forward_image(image).values for image in images[first::4]]

    with ThreadPoolExecutor(4) as threads:
        for first, outputs in enumerate(threads.map(some, range(4))):
            for output, right in zip(outputs, expected[first::4], strict=True):
                torch.testing.assert_close(output, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_and_outputs_stay_what_they_are_in_later_passes(name, exports):
    engine = open_export(read_export(exports(name), trust=True))
    first, second = _images(2)
    before = first.clone()
    output = engine.forward_image(first).values
    copy = output.clone()
    engine.forward_image(second)
    engine.forward_image(second[..., :40, :50])
    assert torch.equal(first, before)
    assert torch.equal(output, copy)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_memory_ends_to_grow_with_new_sizes(name, exports):
    engine = open_export(read_export(exports(name)))

    def resident_mib(sizes: range) -> float:
        for size in sizes:
            engine.forward_image(torch.zeros(1, 3, size, 400 - size))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 2**20

    before = resident_mib(range(40, 80))
    assert resident_mib(range(80, 260)) < before + 40
