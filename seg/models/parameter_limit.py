"""A limit on the parameters of networks that a file describes, before they fill the memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules import module as registration

from seg.errors import DataError


class TooManyParametersError(DataError):
    """Layers of more values than the file that describes them can fill."""


@contextmanager
def parameters_limited(most: int) -> Iterator[None]:
    """Limit the values of the layers that are built inside, in parameters and buffers together.

    PyTorch's layers register a parameter before they fill it, and memory that nobody has written
    to costs nothing: the limit acts before the memory is used.

    Args:
        most: number of values.

    Raises:
        TooManyParametersError: at the layer that goes beyond.
    """
    total = 0

    def count(module: nn.Module, name: str, value: Any) -> None:
        nonlocal total
        total += 0 if value is None else value.numel()
        if total > most:
            raise TooManyParametersError(f"more than {most:,} values, far more than it holds")

    hooks = [
        registration.register_module_parameter_registration_hook(count),
        registration.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
