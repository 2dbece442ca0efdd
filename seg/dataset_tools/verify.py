"""Verification of a dataset: every sample is read strictly, faults are reported by sample."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from seg.data.class_pixels import classes_of_codes
from seg.data.label_space import LabelSpace
from seg.data.readers.image_label_pairs import UnmatchedFile
from seg.data.readers.value_range import PLAIN
from seg.data.sample import SegmentationDataset
from seg.data.wrappers.excluded import Finding, LonelyFile, file_key, plain_text
from seg.dataset_tools.duplicates import Appearance, equal_groups, near_twins
from seg.dataset_tools.parallel_checks import inspect_all
from seg.dataset_tools.report import Report
from seg.dataset_tools.sample_checks import Inspection
from seg.dataset_tools.value_ranges import Extent, describe_ranges, find_mixed_types
from seg.dataset_tools.video_leakage import shared_sequences
from seg.errors import first_of

Inspected = Mapping[str, Sequence[Inspection]]

_USUAL_LABEL_KINDS = ("8-bit", "RGB")
_MAX_EXAMPLES = 3


def verify(
    splits: Mapping[str, SegmentationDataset],
    unmatched: Mapping[str, Sequence[UnmatchedFile]],
    *,
    num_workers: int,
    on_sample: Callable[[], None] | None = None,
    near_duplicates: bool = True,
    labels: Mapping[str, LabelSpace] | None = None,
) -> Report:
    """Verify splits of one dataset.

    Samples with a fault are excluded. Of an image that is in two splits the copy in the split
    that is trained on is excluded (train before val before test), so that evaluation sets stay
    as they are.

    Args:
        splits: the datasets by their `split`, made tolerantly.
        unmatched: of each split the files without partners that were tolerated.
        num_workers: processes that read; 0: this one.
        on_sample: called after each sample.
        near_duplicates: whether to find images that are nearly the same too.
        labels: of each split the classes that its own are mapped to (`LabelSpace.remapped`);
            None: its own.

    Raises:
        ConfigError: the processes could not be started.
        ValueError: a dataset has another name than its `split`.
    """
    if misnamed := [name for name, dataset in splits.items() if dataset.split != name]:
        raise ValueError(f"datasets stand under names that are not their split: {misnamed}")
    # Unsplit data is listed whole for each split: a file counts at its first one.
    lonely: dict[tuple[str, str], tuple[str, UnmatchedFile]] = {}
    for split, files in unmatched.items():
        for file in files:
            lonely.setdefault((file_key(file.path), file.kind), (split, file))
    inspections = inspect_all(list(splits.values()), num_workers=num_workers, on_sample=on_sample)
    inspected = dict(zip(splits, inspections, strict=True))
    faults = [fault for each in inspected.values() for one in each for fault in one.faults]
    notes = [note for each in inspected.values() for one in each for note in one.notes]
    faults += [_unmatched_finding(split, file) for split, file in lonely.values()]
    for low, high in combinations(sorted(splits, key=_rank), 2):
        faults += _across(inspected, low, high, near=near_duplicates)
    for split, each in inspected.items():
        notes += _within(split, each) + _label_kinds(split, each)
        own = splits[split].labels
        absent = _classes_without_pixels(split, each, own, (labels or {}).get(split, own))
        (faults if split == "train" else notes).extend(absent)
        extents = [one.extent for one in each if one.extent is not None]
        notes += describe_ranges(split, extents, getattr(splits[split], "decoding", PLAIN))
        named = {one.name: one.extent for one in each if one.extent is not None}
        faults += find_mixed_types(split, named, _first_extent(inspected))
    notes += _sequences(inspected)
    return _report(inspected, lonely.values(), faults, notes)


def _first_extent(inspected: Inspected) -> Extent | None:
    """Return the values of the first sound image of the training split, or of the first one."""
    first = min(inspected, key=_rank, default="")
    sound = (one.extent for one in inspected.get(first, ()) if not one.faults)
    return next((each for each in sound if each is not None), None)


def _report(
    inspected: Inspected,
    lonely: Iterable[tuple[str, UnmatchedFile]],
    faults: Sequence[Finding],
    notes: Sequence[Finding],
) -> Report:
    faulty = {(fault.split, fault.sample) for fault in faults}
    indices = {
        split: [i for i, one in enumerate(each) if (split, plain_text(one.name)) in faulty]
        for split, each in inspected.items()
    }
    return Report(
        counts={split: len(each) for split, each in inspected.items()},
        sound={split: len(each) - len(indices[split]) for split, each in inspected.items()},
        label_kinds={split: _kinds(each) for split, each in inspected.items()},
        faults=tuple(faults),
        notes=tuple(notes),
        quarantine={
            split: tuple(plain_text(each[i].name) for i in indices[split])
            for split, each in inspected.items()
        },
        indices={split: tuple(some) for split, some in indices.items()},
        lonely=tuple(
            LonelyFile(split=split, path=file_key(each.path), kind=each.kind, lacks=each.lacks)
            for split, each in lonely
        ),
    )


def _rank(split: str) -> int:
    """Return the position of a split in train, val, test."""
    order = ("train", "val", "test")
    return next((i for i, start in enumerate(order) if split.startswith(start)), len(order))


def _finding(split: str, kind: str, message: str, *, sample: str = "", file: str = "") -> Finding:
    sample, file, message = (plain_text(each) for each in (sample, file, message))
    return Finding(split=split, sample=sample, file=file, kind=kind, message=message)


def _unmatched_finding(split: str, unmatched: UnmatchedFile) -> Finding:
    where = "" if unmatched.sought is None else f" (there is no {unmatched.sought})"
    message = f"{unmatched.path}: this {unmatched.kind} has no {unmatched.lacks}{where}"
    return _finding(split, unmatched.fault, message, file=str(unmatched.path))


def _looks(inspections: Sequence[Inspection]) -> list[tuple[Inspection, Appearance]]:
    """Return the samples whose image could be read, with their appearance."""
    return [(one, one.look) for one in inspections if one.look is not None]


def _across(inspected: Inspected, low: str, high: str, *, near: bool) -> list[Finding]:
    """Find samples of split `low` whose image is in split `high` too."""
    first, second = _looks(inspected[low]), _looks(inspected[high])
    if not first or not second:
        return []
    owners: dict[bytes, tuple[Inspection, Appearance]] = {}
    for one, look in second:
        owners.setdefault(look.digest, (one, look))
    faults, others = [], []
    for one, look in first:
        if look.digest in owners:
            twin, twin_look = owners[look.digest]
            same = _same_label(look, twin_look)
            message = f"{low}/{one.name} has the pixels of {high}/{twin.name}{same}"
            faults.append(_finding(low, "duplicate", message, sample=one.name))
        else:
            others.append((one, look))
    if not near or not others:
        return faults
    icons_NHW, others_MHW = (np.stack([look.icon for _, look in x]) for x in (others, second))
    for twin_of in near_twins(icons_NHW, others_MHW):
        one, twin = others[twin_of.index][0], second[twin_of.twin][0]
        more = f" and {twin_of.count - 1} more" if twin_of.count > 1 else ""
        message = f"{low}/{one.name} is nearly {high}/{twin.name} ({twin_of.detail:.2f}){more}"
        faults.append(_finding(low, "near_duplicate", message, sample=one.name))
    return faults


def _same_label(first: Appearance, second: Appearance) -> str:
    """Return a remark if the labels of two equal images differ."""
    both = first.label_digest is not None and second.label_digest is not None
    return ", and another label" if both and first.label_digest != second.label_digest else ""


def _within(split: str, inspections: Sequence[Inspection]) -> list[Finding]:
    """Find images that are several times in one split."""
    looks = _looks(inspections)
    notes = []
    for group in equal_groups([look.digest for _, look in looks]):
        (first, first_look), *rest = (looks[i] for i in group)
        listed = first_of([one.name for one, _ in rest], _MAX_EXAMPLES)
        differing = any(_same_label(first_look, look) for _, look in rest)
        labels = "; their labels differ" if differing else ""
        message = f"{split}/{first.name} has the pixels of {listed}{labels}"
        notes.append(_finding(split, "duplicate", message, sample=first.name))
    return notes


def _kinds(inspections: Sequence[Inspection]) -> dict[str, int]:
    """Count how the label files store values."""
    return dict(Counter(one.label_kind for one in inspections if one.label_kind is not None))


def _label_kinds(split: str, inspections: Sequence[Inspection]) -> list[Finding]:
    """Note label files of unusual kinds that are read all the same."""
    notes = []
    for kind in _kinds(inspections):
        having = [one.name for one in inspections if one.label_kind == kind and not one.faults]
        if having and kind not in _USUAL_LABEL_KINDS:
            listed = first_of(having, _MAX_EXAMPLES)
            message = f"{len(having)} labels of {split} are {kind} files: {listed}"
            notes.append(_finding(split, f"{kind.lower()}_label", message))
    return notes


def _classes_without_pixels(
    split: str, inspections: Sequence[Inspection], own: LabelSpace, labels: LabelSpace
) -> list[Finding]:
    """Find classes that no label contains; none if a label could not be read."""
    present: set[int] = set()
    for one in inspections:
        if one.classes is None:
            return []
        present |= one.classes
    made_into = dict(labels.values)
    codes = {made_into[value] for value, code in own.values if code in present}
    present = classes_of_codes(codes, labels)
    absent = [name for id_, name in enumerate(labels.names) if id_ not in present]
    if not absent:
        return []
    listed = first_of(absent, _MAX_EXAMPLES)
    message = f"{len(absent)} of {labels.num_classes} classes have no pixel in {split}: {listed}"
    return [_finding(split, "class_without_pixels", message)]


def _sequences(inspected: Inspected) -> list[Finding]:
    """Note videos whose frames are divided between splits."""
    described = {}
    for split, inspections in inspected.items():
        looks = _looks(inspections)
        if looks:
            icons_NHW = np.stack([look.icon for _, look in looks])
            described[split] = ([one.name for one, _ in looks], icons_NHW)
    notes = []
    for prefix, counts in shared_sequences(described).items():
        parts = ", ".join(f"{split} {count}" for split, count in counts.items())
        message = (
            f"frames of one video, {prefix!r}, are in several splits: {parts}\n"
            "  scores on them say little of other places"
        )
        notes.append(_finding(next(iter(counts)), "shared_sequence", message))
    return notes
