"""Which bands of a file are its image."""

from collections.abc import Sequence

from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding
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
