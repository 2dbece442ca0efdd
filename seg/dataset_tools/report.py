"""The report of a verification: `verify.json` and a summary of a few lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seg.data.readers.image_label_pairs import NO_ANNOTATION, NO_ANNOTATION_REMEDY
from seg.data.wrappers.excluded import Finding, Verification
from seg.io.atomic import write_json

_MAX_FAULT_KINDS, _MAX_NOTE_KINDS = 7, 5
_FILES, _VALUES = 3, 6
_CUT = 100  # characters
# The message differs from file to file.
_DESCRIBED = ("annotation", "bands", "image_kind", "transparent")
REMEDIES = {
    "no_partner": "complete or repeat the download; an image and its label share a name",
    NO_ANNOTATION: NO_ANNOTATION_REMEDY,
    "missing": "complete the download",
    "unreadable": "check permissions, links and the connection",
    "empty": "copy or download it again",
    "damaged": "copy or download it again",
    "not_a_picture": "download it again; `git lfs pull` for pointers",
    "too_large": "cut it into tiles",
    "animated": "save the frame to use on its own",
    "transparent": "flatten it onto a background; of TIFF and JPEG 2000, dataset.bands leaves alpha"
    " out",
    "annotation": "correct it in the annotation tool and export again",
    "value_range": "declare dataset.value_range; the notes name the range of all images",
    "bands": "dataset.bands takes bands that every image has, of TIFF and JPEG 2000 files; or write"
    " images of one or three bands",
    "image_kind": "convert it to RGB, 8 bits a channel",
    "label_kind": "save class ids as a single-channel or palette PNG",
    "lossy_label": "export the labels again, as PNG",
    "orientation": "turn the label's pixels and save it without the EXIF tag",
    "unturned_label": "turn the label upright, or remove the image's EXIF orientation",
    "size_mismatch": "give the label the size of its image (nearest neighbour)",
    "unknown_values": "check that the file holds class ids of this dataset, not colors",
    "unknown_colors": "export the masks without smooth edges (anti-aliasing), resizing and JPEG;"
    " or add the colors to dataset.classes",
    "class_without_pixels": "take it out of the class file, ignore it (labels.ignore=[NAME]), or"
    " give it the value that the labels have",
    "duplicate": "leave these copies out, so that evaluation sees new images",
    "near_duplicate": "leave these copies out, so that evaluation sees new images",
    "reader_killed": "check memory, or the size of the image",
    "reader_failed": "look at the message in the report",
}
"""Remedy of each kind of fault."""


class Report(Verification):
    """The findings of a verification."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as it is written."""
        return self.model_dump(mode="json")

    def write(self, path: Path) -> None:
        """Write `verify.json`; `seg.data.wrappers.excluded.read_quarantine` reads it."""
        write_json(path, self.to_dict())

    def summary(self, written: str | Path = "verify.json") -> str:
        """Return at most 25 lines: faults by kind with remedies, notes by kind, how to train now.

        `written` is the path of the report.
        """
        samples = ", ".join(f"{split} {count}" for split, count in self.counts.items())
        lines = [f"verified {sum(self.counts.values())} samples: {samples}"]
        if self.faults:
            lines.append(f"faults: {self._excluded_text()}")
            lines += _finding_lines(self.faults, _MAX_FAULT_KINDS, remedies=True)
        else:
            lines.append("faults: none")
        if self.notes:
            lines.append("notes (they keep no sample out)")
            lines += _finding_lines(self.notes, _MAX_NOTE_KINDS, remedies=False)
        if any(self.quarantine.values()) or self.lonely:
            sound = ", ".join(f"{split} {count}" for split, count in self.sound.items())
            lines.append(f"train on the sound rest ({sound}): dataset.exclude={written}")
        return "\n".join(lines)

    def _excluded_text(self) -> str:
        """Describe how many samples and files are left out."""
        parts = [f"{split} {len(names)}" for split, names in self.quarantine.items() if names]
        phrases = [f"{sum(map(len, self.quarantine.values()))} samples ({', '.join(parts)})"]
        if not parts:
            phrases = []
        if self.lonely:
            phrases.append(f"{len(self.lonely)} files without a partner")
        return " and ".join(phrases) or f"{len(self.faults)}, of no sample alone"


def _finding_lines(findings: Sequence[Finding], most: int, *, remedies: bool) -> list[str]:
    """Return findings by kind with examples and remedies."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    ordered = sorted(kinds.items(), key=_rank)
    if remedies and len(ordered) > most:
        most, remedies = 2 * most, False
    lines = []
    for kind, each in ordered[:most]:
        examples = "; ".join(map(_example, each[:_FILES]))
        more = "; ..." if len(each) > _FILES else ""
        lines.append(f"  {kind} {len(each)}: {examples}{more}")
        if remedies and kind in REMEDIES:
            lines.append(f"    {REMEDIES[kind]}")
    if len(ordered) > most:
        rest = ", ".join(f"{kind} {len(each)}" for kind, each in ordered[most:])
        lines.append(f"  and {_cut(rest)}")
    return lines


def _rank(kind: tuple[str, list[Finding]]) -> tuple[bool, int, bool]:
    """Return the sort key of a kind: value ranges first, then by frequency."""
    name, findings = kind
    return name != "value_range", -len(findings), not findings[0].values


def _example(finding: Finding) -> str:
    if not finding.file or finding.kind in ("duplicate", "near_duplicate"):
        return _cut(finding.message.splitlines()[0])
    place = "/".join(Path(finding.file).parts[-2:])
    if finding.kind in _DESCRIBED:
        return _cut(finding.message.splitlines()[0].replace(finding.file, place))
    if not finding.values:
        return _cut(place)
    values = [f"{value} ({count} pixels)" for value, count in finding.values.items()]
    more = ", ..." if len(values) > _VALUES else ""
    return f"{_cut(place)} has {', '.join(values[:_VALUES])}{more}"


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[: _CUT - 3]}..."
