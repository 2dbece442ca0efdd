"""Chance for torchvision, which draws from one generator alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """What is drawn on the CPU meanwhile comes from this seed; what is drawn after it goes on."""
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(before)
