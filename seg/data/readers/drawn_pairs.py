"""Pairs of images whose labels are drawn from one annotation file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seg.data.readers.image_label_pairs import (
    NO_ANNOTATION,
    Pair,
    Pairing,
    UnmatchedFile,
    unmatched_error,
)
from seg.data.readers.listed_pairs import listed_pairs
from seg.data.readers.unannotated_frames import Unannotated, settle_unannotated


def pair_drawn(
    dataset: str,
    images: Mapping[str, tuple[Path, bool]],
    unannotated: Unannotated,
    *,
    annotations: Path,
    where: object,
) -> Pairing:
    """Return the listed images, each of which stands for its label, too.

    Args:
        dataset: its name, for messages.
        images: by the name of the sample, the file and whether it has an annotation.
        unannotated: what happens to images without annotation: `error`, `background`, `exclude`.
        annotations: an annotation file.
        where: the files or the directory that list the images, for messages.

    Raises:
        ConfigError: another choice.
        DataError: no listed image exists, or none has the annotation that it needs.
    """
    listed = [
        Pair(name, path, annotations if has_annotation else path)
        for name, (path, has_annotation) in images.items()
    ]
    settled = settle_unannotated(dataset, listed, unannotated)
    pairing = listed_pairs([replace(pair, label=pair.image) for pair in settled], annotations)
    lonely = [replace(each, path=each.sought or each.path) for each in pairing.unmatched]
    error, pairs = pairing.error, pairing.pairs
    if unannotated == "error":
        bare = [pair for pair in pairs if not images[pair.name][1]]
        missing = [
            UnmatchedFile(pair.image, "image", "label", fault=NO_ANNOTATION) for pair in bare
        ]
        if missing and error is None:
            error = unmatched_error(missing, f"{where}: {len(images)} listed images")
        lonely += missing
        pairs = tuple(pair for pair in pairs if images[pair.name][1])
    if error is not None and not pairs:
        raise error
    return Pairing(pairs, tuple(lonely), error)
