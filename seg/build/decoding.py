"""Configuration -> how image files are decoded."""

from seg.config.schema import ImagesTarget
from seg.data.readers.value_range import ImageDecoding


def decoding_of(config: ImagesTarget, section: str = "dataset") -> ImageDecoding:
    """What a dataset section declares about its image files; `section` names it in messages."""
    return ImageDecoding(config.value_range, config.bands, section)
