"""Sigmoid outputs: what a network tells of each pixel where one class a pixel is not enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.errors import ConfigError, brief

Mode = Literal["exclusive", "binary", "multi_label", "regions"]
"""How classes share a pixel: see `Outputs`; `exclusive`: one class, by the greatest logit."""

SIGMOID_MODES = ("binary", "multi_label", "regions")
MOST_MASKS = 15  # bits of a label map of 16 bits, less 65535 for ignored pixels; 7 fit into 8 bits
_EVEN = 0.5


@dataclass(frozen=True)
class Outputs:
    """The outputs of a network that decides each of them by itself: a sigmoid and a threshold.

    The number of a pixel in a label map is a code. With `multi_label` it is a set of classes: bit k
    is class k. With `binary` and `regions` it is one class, as in exclusive labels; `binary` has
    one output, the second class, and each of `regions` is a union of classes (nnU-Net's
    region-based training).

    Attributes:
        mode: see above.
        names: of the K outputs.
        classes: for each output the train ids of the classes that are part of it.
        written: `regions` alone: the train id that each region writes into a label map; a later
            region overwrites an earlier one (nnU-Net's `regions_class_order`).
        thresholds: the probability from which on each output is present.
    """

    mode: Mode
    names: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]
    written: tuple[int, ...] = ()
    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.thresholds:
            object.__setattr__(self, "thresholds", (_EVEN,) * len(self.names))
        if self.mode not in SIGMOID_MODES or not self.names:
            raise ValueError(f"mode {self.mode!r} with {len(self.names)} outputs")
        if not len(self.names) == len(self.classes) == len(self.thresholds):
            raise ValueError(f"{len(self.classes)} sets of classes for {len(self.names)} outputs")
        if not all(0 < threshold < 1 for threshold in self.thresholds):
            raise ValueError(f"thresholds {list(self.thresholds)}; allowed: between 0 and 1")
        if self.mode == "multi_label" and len(self.names) > MOST_MASKS:
            raise ConfigError(
                f"{len(self.names)} classes that may overlap; up to {MOST_MASKS} are supported\n"
                "  select some by labels.keep, or merge some by labels.merge"
            )
        if len(self.written) != (len(self.names) if self.mode == "regions" else 0):
            raise ValueError(f"{len(self.written)} classes are written by {self.mode}")

    @classmethod
    def multi_label(cls, names: Sequence[str]) -> "Outputs":
        """Return the outputs of classes that may overlap, one a class."""
        return cls("multi_label", tuple(names), tuple((at,) for at in range(len(names))))

    def check(self, names: Sequence[str], ignore_index: int) -> None:
        """Check that the outputs fit the classes of labels.

        Raises:
            ValueError: they do not.
        """
        is_code = self.mode == "multi_label"
        if is_code and (self.names != tuple(names) or self.num_codes(0) > ignore_index):
            raise ValueError(f"outputs {self.names} of classes {names}, {ignore_index} is ignored")

    def members(self, num_classes: int) -> NDArray[np.bool_]:
        """Return of which outputs each code is part, codes x K; `num_classes`: of the labels."""
        table = np.zeros((self.num_codes(num_classes), len(self.names)), np.bool_)
        for output, classes in enumerate(self.classes):
            if self.mode == "multi_label":
                table[:, output] = np.arange(len(table)) >> output & 1
            else:
                table[list(classes), output] = True
        return table

    def colors(self, palette: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
        """Return the color of each output from those of the classes; of a region that it writes."""
        return tuple(palette[at] for at in self.stands_for)

    @property
    def stands_for(self) -> tuple[int, ...]:
        """Return the class of each output: itself, the foreground, or what a region writes."""
        return self.written or tuple(classes[0] for classes in self.classes)

    def num_codes(self, num_classes: int) -> int:
        """Return how many different codes label maps may hold, without the ignored one."""
        return 2 ** len(self.names) if self.mode == "multi_label" else num_classes

    @cached_property
    def background(self) -> int:
        """Return the code of pixels that belong to no output."""
        inside = {train_id for classes in self.classes for train_id in classes}
        return 0 if self.mode == "multi_label" else min(set(range(len(inside) + 1)) - inside)

    def with_thresholds(self, thresholds: Sequence[float]) -> "Outputs":
        """Return the outputs with other thresholds."""
        return replace(self, thresholds=tuple(thresholds))

    def is_compatible(self, other: "Outputs | None") -> bool:
        """Return whether both need the same network; thresholds may differ."""
        return other is not None and replace(other, thresholds=()) == replace(self, thresholds=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for checkpoints and JSON."""
        return {
            "mode": self.mode,
            "outputs": list(self.names),
            "output_classes": [list(classes) for classes in self.classes],
            "written": list(self.written),
            "thresholds": list(self.thresholds),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], num_classes: int) -> "Outputs | None":
        """Return the outputs of what `to_dict` returned; None where classes are exclusive.

        Raises:
            ValueError: it is not in that form.
        """
        if plain.get("mode", "exclusive") == "exclusive":
            return None
        keys = ("outputs", "output_classes", "written", "thresholds")
        names, classes, written, thresholds = (plain.get(key) for key in keys)
        for key, values in zip(keys, (names, classes, written, thresholds), strict=True):
            if not isinstance(values, list | tuple):
                raise ValueError(f"{key} of the classes is {brief(values)}; a list is expected")
        if not all(isinstance(name, str) for name in names or ()):
            raise ValueError("the name of an output is no text")
        if not all(isinstance(threshold, float) for threshold in thresholds or ()):
            raise ValueError("a threshold is no number")
        ids = [*(train_id for each in classes or () for train_id in each), *(written or ())]
        if not all(type(train_id) is int and 0 <= train_id < num_classes for train_id in ids):
            raise ValueError("an output holds what is no class")
        outputs = cls(
            mode=plain["mode"],
            names=tuple(names or ()),
            classes=tuple(tuple(each) for each in classes or ()),
            written=tuple(written or ()),
            thresholds=tuple(thresholds or ()),
        )
        if outputs.background >= num_classes:
            raise ValueError("every class is part of an output, none is the background")
        return outputs


def merged_codes(train_ids: Sequence[int | None]) -> dict[int, int]:
    """Return the new code of each code of classes that may overlap.

    Args:
        train_ids: the new train id of each class; None: it is left out.
    """
    bits = [0 if train_id is None else 1 << train_id for train_id in train_ids]
    codes = dict.fromkeys(range(2 ** len(bits)), 0)
    for code in codes:
        for at, bit in enumerate(bits):
            codes[code] |= bit * (code >> at & 1)
    return codes


def mixed_colors(palette: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Return the color of each code of classes that may overlap: the mean of their colors."""
    members = np.arange(2 ** len(palette))[:, None] >> np.arange(len(palette)) & 1
    shares = members / np.maximum(members.sum(1, keepdims=True), 1)
    return np.asarray(np.rint(shares @ np.array(palette)), np.uint8)


def binary_outputs(names: Sequence[str]) -> Outputs:
    """Return the output of `labels.mode=binary`: the second of two classes.

    Raises:
        ConfigError: there are not two classes.
    """
    if len(names) != 2:
        raise ConfigError(
            f"labels.mode=binary: {len(names)} classes; two are needed, background and foreground\n"
            "  make them by labels.merge={background: [...], foreground: [...]}"
        )
    return Outputs("binary", (names[1],), ((1,),))


def region_outputs(
    names: Sequence[str], regions: Mapping[str, Sequence[str]], order: Sequence[str] = ()
) -> Outputs:
    """Return the outputs of `labels.regions`.

    Args:
        names: of the exclusive classes.
        regions: name -> the classes whose union it is; a later region overwrites an earlier one.
        order: the class that each region writes; empty: the one class of the region that no later
            region holds.

    Raises:
        ConfigError: unknown or repeated classes, no class left as background, or nothing says what
            a region writes.
    """
    ids = {name: train_id for train_id, name in enumerate(names)}
    for region, members in regions.items():
        if not members or len(set(members)) != len(members):
            raise ConfigError(f"labels.regions.{region}: give one or more classes, each once")
        _check_classes(f"labels.regions.{region}", members, ids)
    classes = [tuple(sorted(ids[name] for name in members)) for members in regions.values()]
    background = [name for name in names if not any(ids[name] in each for each in classes)]
    if len(background) != 1:
        listed = f"{', '.join(background)} are in no region" if background else "none is left"
        raise ConfigError(
            f"labels.regions: one class is the background, in no region; {listed}\n"
            "  add classes to a region, or merge or ignore them by labels.merge, labels.ignore"
        )
    if order:
        _check_classes("labels.region_order", order, ids)
        if len(order) != len(regions) or background[0] in order:
            raise ConfigError(
                f"labels.region_order={list(order)}: give for each of {len(regions)} regions, in"
                " their order, the class that it writes; not the background"
            )
        written = tuple(ids[name] for name in order)
    else:
        written = tuple(_written(at, list(regions), classes, names) for at in range(len(regions)))
    return Outputs("regions", tuple(regions), tuple(classes), written)


def _written(
    at: int, regions: Sequence[str], classes: Sequence[Sequence[int]], names: Sequence[str]
) -> int:
    """Return the one class of a region that no later region holds."""
    later = {train_id for each in classes[at + 1 :] for train_id in each}
    rest = [train_id for train_id in classes[at] if train_id not in later]
    if len(rest) != 1:
        listed = ", ".join(names[train_id] for train_id in rest) or "no class"
        raise ConfigError(
            f"labels.regions.{regions[at]}: writes one class into a label map, and {listed} are in"
            " no later region\n  say which: labels.region_order=[CLASS, ...], one for each of"
            f" {', '.join(regions)}"
        )
    return rest[0]


def _check_classes(key: str, names: Sequence[str], known: Mapping[str, int]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"{key}: no class {', '.join(map(repr, unknown))}; allowed: {', '.join(known)}"
        )
