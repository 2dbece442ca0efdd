"""Which bands of a file are its image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.data.readers.value_range import RGB_CHANNELS, ImageDecoding
from seg.errors import DataError


def chosen_bands(
    decoding: ImageDecoding, path: Location, count: int, names: Sequence[Sequence[str]] = ()
) -> list[int]:
    """Return the declared bands of a file of `count` bands, counted from 1.

    Args:
        decoding: that declares bands.
        path: the file, for messages.
        count: its bands.
        names: of the bands; several lists, the first one in which a name occurs once counts.

    Raises:
        DataError: the file lacks a band.
    """
    declared = decoding.bands or ()
    lowered = [[name.lower() for name in each] for each in names]
    chosen = []
    for band in declared:
        if isinstance(band, str):
            places = [each for each in lowered if each.count(band.lower()) == 1]
            if not places:
                known = next((each for each in names if any(each)), None)
                listed = f"its bands are {', '.join(map(repr, known))}" if known else "none has one"
                raise _lacking(
                    decoding, path, f"no band named {band!r}: {listed}", f"1 to {count}, or names"
                )
            chosen.append(places[0].index(band.lower()) + 1)
        elif band > count:
            what = f"{count} band{'s' if count > 1 else ''}"
            raise _lacking(decoding, path, what, f"1 to {count}")
        else:
            chosen.append(band)
    return chosen


def _lacking(decoding: ImageDecoding, path: Location, what: str, allowed: str) -> DataError:
    return DataError(
        f"{path}: image holds {what}, and {decoding.section}.bands={decoding.bands_text} is"
        f" declared\n  declare bands from {allowed}, which every image must have, or leave it out",
        fault="bands",
    )


def further_bands_error(decoding: ImageDecoding, path: Location, count: int) -> DataError:
    """Return the error for a file of other bands than grey and RGB, where none are declared."""
    some = "[1,2,3]" if count > 2 else "[1]"
    every = f"[{','.join(map(str, range(1, count + 1)))}]"
    return DataError(
        f"{path}: image holds {count} bands, and nothing says which of them are the image\n"
        f"  train with {decoding.section}.bands={every} for all of them, which checkpoints"
        f" remember,\n  or with {decoding.section}.bands={some} or others for these alone",
        fault="bands",
    )


def scaled_bands(
    values_HWC: NDArray[Any],
    names: Sequence[str],
    bits: int,
    path: Location,
    decoding: ImageDecoding,
) -> NDArray[Any]:
    """Return the declared bands among stored ones, or all where these are grey or RGB, scaled."""
    count = values_HWC.shape[2]
    if decoding.bands is not None:
        chosen = chosen_bands(decoding, path, count, (names,) if names else ())
        values_HWC = values_HWC[..., [band - 1 for band in chosen]]
    elif count not in (1, RGB_CHANNELS):
        raise further_bands_error(decoding, path, count)
    if values_HWC.dtype == np.bool_:
        values_HWC, bits = values_HWC.astype(np.uint8), 1
    scaled_HWC = decoding.scale(values_HWC, bits, path)
    return repeated_grey(scaled_HWC)


def repeated_grey(image_HWC: NDArray[Any]) -> NDArray[Any]:
    """Return an image of one band as red, green and blue, and a copy of others."""
    one = image_HWC.shape[2] == 1
    return np.repeat(image_HWC, RGB_CHANNELS, 2) if one else np.array(image_HWC, order="C")
