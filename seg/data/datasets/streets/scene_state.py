"""The state of a scene that every object is drawn with: dice, camera, light and canvas."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from seg.data.datasets.cityscapes import TRAIN_IDS
from seg.data.datasets.streets.camera import Camera, Floats
from seg.data.datasets.streets.canvas import Canvas, Color, Polygon
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.texture import Texture
from seg.data.datasets.streets.weather import Weather

_IDS = {name: index for index, name in enumerate(TRAIN_IDS.names)}
Point = tuple[float, float]

# cos and sin of 0, 22.5, 45 ... degrees, written out: libraries differ in the last bit of a sine.
_C = (1.0, 0.9238795, 0.7071068, 0.3826834, 0.0)
_COS = (*_C, *(-c for c in _C[3::-1]), *(-c for c in _C[1:]), *_C[3:0:-1])
CIRCLE: tuple[Point, ...] = tuple((_COS[k], _COS[(k + 12) % 16]) for k in range(16))


def train_id(name: str) -> int:
    """Return the train id of a class."""
    return _IDS[name]


def dim(color: Color, factor: float) -> Color:
    """Return a color made darker or lighter."""
    red, green, blue = color
    return min(255, int(red * factor)), min(255, int(green * factor)), min(255, int(blue * factor))


def mix(first: Color, second: Color, share: float) -> Color:
    """Return a color between `first` (share 0) and `second` (share 1)."""
    return (
        int(first[0] + (second[0] - first[0]) * share),
        int(first[1] + (second[1] - first[1]) * share),
        int(first[2] + (second[2] - first[2]) * share),
    )


@dataclass
class Lamp:
    """A light that brightens its surroundings in the image, in pixels."""

    column: float
    row: float
    radius: float
    strength: int
    ahead: float


@dataclass
class Stage:
    """One image in the making."""

    dice: Dice
    camera: Camera
    canvas: Canvas
    weather: Weather
    lamps: list[Lamp] = field(default_factory=list)

    def polygon(self, part: int, points: Sequence[tuple[float, float, float]]) -> None:
        """Fill a polygon whose corners are in metres."""
        self.canvas.fill(part, self.camera.project(points))

    def quads(self, part: int, quads: Floats) -> None:
        """Fill N x 4 x 3 corners in metres."""
        if len(quads):
            self.canvas.fill(part, *self.camera.project(quads))

    def strip(self, part: int, near: float, far: float, left: float, right: float) -> None:
        """Fill a level band along the road, bent with it."""
        self.canvas.fill(part, *self.band(near, far, left, right))

    def band(self, near: float, far: float, left: float, right: float) -> Polygon:
        """Return the quadrilaterals of a band in the image, pieces x 4 x 2.

        A straight road needs one piece.
        """
        steps = [near]
        while self.camera.bend and steps[-1] * 1.35 < far:
            steps.append(steps[-1] * 1.35)
        steps.append(far)
        pixels = self.camera.project([((left, 0.0, z), (right, 0.0, z)) for z in steps])
        return np.concatenate([pixels[:-1], pixels[1:, ::-1]], axis=1)

    def shadow(self, across: float, width: float, near: float, far: float, tall: float) -> None:
        """Darken the ground in the shadow of a box that stands on it, and below the box."""
        half = width / 2
        soft = self.band(near - 0.1, far + 0.1, across - half, across + half)
        side, away = self.weather.shadow
        if self.weather.shade < 240 and tall > 0:
            shift, deep = side * tall, away * tall
            left, right = across - half, across + half
            corners = [(left, near), (right, near), (right, far), (left, far)]
            moved = [(x + shift, max(1.0, z + deep)) for x, z in corners]
            points = self.camera.project([(x, 0.0, z) for x, z in corners + moved])
            self.canvas.shadow(self.weather.shade, _hull(points))
        self.canvas.shadow(min(self.weather.shade, 120), *soft)

    def round_shadow(self, across: float, ahead: float, radius: float, tall: float) -> None:
        """Darken the ground in the shadow of a crown `tall` metres up, and at its foot."""
        side, away = self.weather.shadow
        for x, z, reach in (
            (across, ahead, 0.3),
            (across + side * tall, max(2.0, ahead + away * tall), radius),
        ):
            spots = [(x + a * reach, 0.0, z + b * reach) for a, b in CIRCLE]
            if reach < radius or self.weather.shade < 240:
                self.canvas.shadow(min(self.weather.shade, 170), self.camera.project(spots))

    def lit(self, color: Color, normal: tuple[float, float, float]) -> Color:
        """Return the color of a face whose outward normal is (across, up, ahead)."""
        return dim(color, self.weather.brightness(normal))

    def board(self, across: float, ahead: float, *, turn: float = 1.0) -> "Board":
        """Return a board at a place; see `Board`."""
        return Board(self, across, ahead, turn)


class Board:
    """An upright plane that faces the camera; x to the right and y up, in metres from its foot.

    `turn` below 1 narrows what is drawn, as if the plane were turned away.
    """

    def __init__(self, stage: Stage, across: float, ahead: float, turn: float) -> None:
        self.stage = stage
        self.ahead = ahead
        self.scale = stage.camera.focal_px / max(ahead, 1.0)
        self.column = stage.camera.column(across, ahead)
        self.row = stage.camera.row(0.0, ahead)
        self.turn = turn

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        """Return the pixel (column, row) of a point."""
        return (
            math.floor(self.column + x * self.scale * self.turn + 0.5),
            math.floor(self.row - y * self.scale + 0.5),
        )

    def part(
        self, color: Color, label: int, *, glow: bool = False, texture: Texture = Texture.FLAT
    ) -> int:
        """Register a part at the board's distance."""
        return self.stage.canvas.part(color, label, self.ahead, glow=glow, texture=texture)

    def outline(self, points: Sequence[Point]) -> Polygon:
        """Return the pixels of points, N x 2."""
        left, low, floor = self.column + 0.5, self.row + 0.5, math.floor
        wide, high = self.scale * self.turn, self.scale
        pixels = [(floor(left + x * wide), floor(low - y * high)) for x, y in points]
        return np.array(pixels, np.int32)

    def poly(self, part: int, points: Sequence[Point]) -> None:
        """Fill a convex polygon."""
        self.stage.canvas.fill(part, self.outline(points))

    def rect(self, part: int, left: float, right: float, low: float, high: float) -> None:
        """Fill a rectangle."""
        self.poly(part, ((left, low), (right, low), (right, high), (left, high)))

    def disc(self, part: int, x: float, y: float, radius: float, wide: float = 1.0) -> None:
        """Fill a disc, or an ellipse `wide` times as wide as tall."""
        self.poly(part, self.round(x, y, radius, wide))

    def ring(self, part: int, x: float, y: float, radius: float, width: float) -> None:
        """Draw a ring of a width."""
        spots = self.round(x, y, radius)
        for start, end in zip(spots, [*spots[1:], spots[0]], strict=True):
            self.limb(part, start, end, width)

    @staticmethod
    def round(x: float, y: float, radius: float, wide: float = 1.0) -> list[Point]:
        """Return the points of a circle, or of an ellipse `wide` times as wide as tall."""
        return [(x + c * radius * wide, y + s * radius) for c, s in CIRCLE]

    def limb(self, part: int, start: Point, end: Point, width: float, tip: float = 0.0) -> None:
        """Draw a thick line from `start` to `end` that narrows to `tip`, if not 0."""
        along, up = end[0] - start[0], end[1] - start[1]
        length = math.sqrt(along * along + up * up) or 1.0
        side, rise = -up / length / 2, along / length / 2
        tip = tip or width
        foot, top = (side * width, rise * width), (side * tip, rise * tip)
        outline = (
            (start[0] + foot[0], start[1] + foot[1]),
            (end[0] + top[0], end[1] + top[1]),
            (end[0] - top[0], end[1] - top[1]),
            (start[0] - foot[0], start[1] - foot[1]),
        )
        self.poly(part, outline)


def _hull(points: Polygon) -> Polygon:
    """Return the convex hull of whole pixels (monotone chain)."""
    ordered = sorted({(int(x), int(y)) for x, y in points})
    if len(ordered) < 3:
        return points
    lower = _chain(ordered)
    return np.array(lower[:-1] + _chain(ordered[::-1])[:-1], np.int32)


def _chain(ordered: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    chain: list[tuple[int, int]] = []
    for x, y in ordered:
        while len(chain) > 1 and (
            (chain[-1][0] - chain[-2][0]) * (y - chain[-2][1])
            <= (chain[-1][1] - chain[-2][1]) * (x - chain[-2][0])
        ):
            chain.pop()
        chain.append((x, y))
    return chain


@dataclass
class Actor:
    """Something that stands in the street: its place and how to draw it."""

    near: float
    far: float
    left: float
    right: float
    draw: Callable[[], None]

    def hides(self, other: "Actor") -> bool:
        """Return whether this one stands in front of `other`, seen from the road's middle."""
        if self.far <= other.near:
            return True
        if other.far <= self.near:
            return False
        return self._aside() <= other._aside()

    def _aside(self) -> float:
        return max(self.left, -self.right, 0.0)


def in_order(actors: Sequence[Actor]) -> list[Actor]:
    """Sort actors far to near.

    An insertion sort: `hides` is no total order, for which sorts differ by version.
    """
    ordered: list[Actor] = []
    for actor in sorted(actors, key=lambda one: -one.near):
        place = len(ordered)
        while place > 0 and ordered[place - 1].hides(actor):
            place -= 1
        ordered.insert(place, actor)
    return ordered
