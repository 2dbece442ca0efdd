"""The plan of a street: widths, lanes, junction, and its two sides."""

from dataclasses import dataclass

from seg.data.datasets.streets.rng import Dice

NEAR_M = 1.2
END_M = 150.0
LANE_M = 3.3


@dataclass(frozen=True)
class Side:
    """One side of the road; `sign` is -1 on the left and 1 on the right.

    Attributes:
        edge: where the road ends (across, metres).
        line: where the lots begin.
        verge: width of a grass strip along the curb, 0 = none.
        strip: width of a grass strip along the lots, 0 = none.
        grassy: whether the land behind `line` is grass.
    """

    sign: int
    edge: float
    line: float
    verge: float
    strip: float
    grassy: bool


@dataclass(frozen=True)
class Street:
    """Positions across are metres from the camera, which drives in the right-hand lane."""

    left: float
    right: float
    middle: float
    lines: tuple[float, ...]
    edge_lines: bool
    parking: bool
    tracks: float | None
    bed: str
    junction: tuple[float, float] | None
    crossings: tuple[float, ...]
    sides: tuple[Side, Side]

    @property
    def stretches(self) -> list[tuple[float, float]]:
        """Return where the road runs, (near, far) in metres, without the junction."""
        if self.junction is None:
            return [(NEAR_M, END_M)]
        return [(NEAR_M, self.junction[0]), (self.junction[1], END_M)]

    def in_junction(self, near: float, far: float) -> bool:
        """Return whether the stretch from `near` to `far` touches the junction."""
        return self.junction is not None and near < self.junction[1] and far > self.junction[0]


def draw_street(dice: Dice, *, tram: bool) -> Street:
    """Draw a random plan; `tram` asks for rails."""
    shift = dice.between(-0.3, 0.3)
    parking = dice.chance(0.5)
    middle = shift - LANE_M / 2
    right = shift + LANE_M / 2 + (2.3 if parking else 0.3)
    left = middle - LANE_M - (2.2 if dice.chance(0.3) else 0.3)
    lines = [middle]
    if parking:
        lines.append(shift + LANE_M / 2)
    tracks, bed = None, "road"
    if tram:
        bed = dice.pick(("road", "road", "grass", "gravel"))
        if bed == "road":
            tracks = middle - LANE_M / 2
        else:
            left = middle - LANE_M - 0.2
            tracks = left - 1.9
            left = tracks - 1.8
    junction, crossings = _junction(dice)
    sides = (_side(dice, -1, left), _side(dice, 1, right))
    return Street(
        left=left,
        right=right,
        middle=middle,
        lines=tuple(lines),
        edge_lines=dice.chance(0.3),
        parking=parking,
        tracks=tracks,
        bed=bed,
        junction=junction,
        crossings=crossings,
        sides=sides,
    )


def _junction(dice: Dice) -> tuple[tuple[float, float] | None, tuple[float, ...]]:
    """Draw where a road crosses, if one does, and where zebra crossings begin."""
    if dice.chance(0.45):
        start = dice.between(15.0, 34.0)
        crossings = (start - 4.6,) if dice.chance(0.75) else ()
        return (start, start + dice.between(6.5, 9.0)), crossings
    return None, (dice.between(8.0, 20.0),) if dice.chance(0.3) else ()


def _side(dice: Dice, sign: int, edge: float) -> Side:
    verge = dice.between(0.9, 1.8) if dice.chance(0.35) else 0.0
    strip = dice.between(0.8, 2.0) if dice.chance(0.35) else 0.0
    width = 0.3 + verge + dice.between(1.7, 3.2) + strip
    return Side(sign, edge, edge + sign * width, verge, strip, dice.chance(0.6))
