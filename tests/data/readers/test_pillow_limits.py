"""Settings of the whole process while threads decode."""

import threading
import warnings

from PIL import Image

from seg.data.readers.pillow_limits import pillow_limits


def test_blocks_of_threads_that_overlap_leave_the_process_as_it_was():
    usual, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    limits = []

    def first():
        with pillow_limits(usual + 1):
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second():
        first_is_in.wait(10)
        with pillow_limits(usual + 2):
            second_is_in.set()
            first_is_out.wait(10)
            limits.append(Image.MAX_IMAGE_PIXELS)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert limits == [usual + 2]
    assert usual == Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters
