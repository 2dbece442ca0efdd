"""The names of the Xceptions among the encoders."""

from seg.models.encoders import encoder_names
from seg.models.encoders.xception_base import XceptionPyramid
from seg.models.registry import ENCODERS

TINY = "aligned_xception_tiny"
XCEPTIONS = [
    name
    for name in encoder_names()
    if issubclass(getattr(ENCODERS.factory(name), "func", ENCODERS.factory(name)), XceptionPyramid)
]
