"""Bodies made of flat faces, turned and set into the street."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from seg.data.datasets.streets.camera import Floats
from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.scene_state import CIRCLE, Point, Stage, dim
from seg.data.datasets.streets.texture import Texture

Corner = tuple[float, float, float]


@dataclass
class Face:
    """Four corners, counter-clockwise from lower left as seen from outside, with what is on it."""

    corners: tuple[Corner, Corner, Corner, Corner]
    normal: Corner
    color: Color
    texture: Texture = Texture.FLAT
    decals: list[tuple[Sequence[Point], Color, bool]] = field(default_factory=list)

    def panel(
        self, s0: float, s1: float, t0: float, t1: float, color: Color, *, glow: bool = False
    ) -> None:
        """Add a rectangle in shares of the face."""
        self.shape(((s0, t0), (s1, t0), (s1, t1), (s0, t1)), color, glow)

    def shape(self, points: Sequence[Point], color: Color, glow: bool = False) -> None:
        """Add a polygon in shares of the face, from left to right and from bottom to top."""
        self.decals.append((points, color, glow))

    def disc(self, s: float, t: float, size: Point, color: Color, glow: bool = False) -> None:
        """Add an ellipse with half axes `size`, in shares of the face."""
        self.shape([(s + x * size[0], t + y * size[1]) for x, y in CIRCLE], color, glow)


class Block(NamedTuple):
    """The faces of one convex body above the ground."""

    rear: Face
    front: Face
    left: Face
    right: Face
    top: Face

    @property
    def sides(self) -> tuple[Face, Face]:
        """Return the left and the right face."""
        return self.left, self.right

    @property
    def ends(self) -> tuple[Face, Face]:
        """Return the rear and the front face."""
        return self.rear, self.front


def block(
    along: Point,
    across: Point,
    up: Point,
    color: Color,
    *,
    rear_in: float = 0.0,
    front_in: float = 0.0,
    side_in: float = 0.0,
    texture: Texture = Texture.FLAT,
) -> Block:
    """Build a box whose upper edges are pulled in by some metres.

    `along` is forward, `across` to the right.
    """
    (a0, a1), (c0, c1), (u0, u1) = along, across, up
    b0, b1, d0, d1 = a0 + rear_in, a1 - front_in, c0 + side_in, c1 - side_in
    lean = 0.35
    rear = ((a0, c0, u0), (a0, c1, u0), (b0, d1, u1), (b0, d0, u1))
    front = ((a1, c1, u0), (a1, c0, u0), (b1, d0, u1), (b1, d1, u1))
    left = ((a1, c0, u0), (a0, c0, u0), (b0, d0, u1), (b1, d0, u1))
    right = ((a0, c1, u0), (a1, c1, u0), (b1, d1, u1), (b0, d1, u1))
    top = ((b0, d0, u1), (b0, d1, u1), (b1, d1, u1), (b1, d0, u1))
    return Block(
        Face(rear, (-1.0, 0.0, lean if rear_in else 0.0), color, texture),
        Face(front, (1.0, 0.0, lean if front_in else 0.0), color, texture),
        Face(left, (0.0, -1.0, lean if side_in else 0.0), color, texture),
        Face(right, (0.0, 1.0, lean if side_in else 0.0), color, texture),
        Face(top, (0.0, 0.0, 1.0), color, texture),
    )


def sheared(body: Block, shift: float) -> Block:
    """Return the body with its upper edges moved forward by `shift`; decals stay."""

    def moved(face: Face) -> Face:
        low = min(corner[2] for corner in face.corners) if face is not body.top else -1.0
        a, b, c, d = ((x + shift, y, z) if z > low else (x, y, z) for x, y, z in face.corners)
        return replace(face, corners=(a, b, c, d))

    return Block(*map(moved, body))


@dataclass(frozen=True)
class Pose:
    """The place of a body: the middle of its width, its nearest point, its forward direction."""

    across: float
    near: float
    cos: float
    sin: float

    def turned(self, along: float, sideways: float) -> Point:
        """Return across and ahead of a point of the body, turned into its direction."""
        return sideways * self.cos + along * self.sin, along * self.cos - sideways * self.sin


AWAY, TOWARD, TO_RIGHT, TO_LEFT = (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)


def footprint(blocks: Sequence[Block], pose: Pose) -> tuple[float, float, float, float]:
    """Return (near, far, left, right) of the turned body; its nearest point is `pose.near`."""
    spots = [pose.turned(a, c) for body in blocks for face in body.ends for a, c, _ in face.corners]
    deep = [z for _, z in spots]
    wide = [x for x, _ in spots]
    middle = (min(wide) + max(wide)) / 2
    left, right = (x - middle + pose.across for x in (min(wide), max(wide)))
    return pose.near, pose.near + max(deep) - min(deep), left, right


def draw_blocks(stage: Stage, blocks: Sequence[Block], pose: Pose, label: int) -> None:
    """Draw the faces that look at the camera, block after block (sort them far to near)."""
    faces = [face for body in blocks for face in body]
    corners = _to_street(np.array([face.corners for face in faces], np.float64), pose)
    outlines = stage.camera.project(corners)
    visible = [
        (face, corners[number], outlines[number])
        for number, (face, outline) in enumerate(zip(faces, outlines.tolist(), strict=True))
        if _is_front_facing(outline)
    ]
    spots = [_spots(face, face_corners) for face, face_corners, _ in visible if face.decals]
    pixels = stage.camera.project(np.concatenate(spots)) if spots else outlines[0]
    start = 0
    for face, _, outline in visible:
        across, ahead = pose.turned(face.normal[0], face.normal[1])
        light = stage.weather.brightness((across, face.normal[2], ahead))
        part = stage.canvas.part(dim(face.color, light), label, pose.near, texture=face.texture)
        stage.canvas.fill(part, outline)
        for points, color, glow in face.decals:
            seen = color if glow else dim(color, light)
            part = stage.canvas.part(seen, label, pose.near, glow=glow)
            stage.canvas.fill(part, pixels[start : start + len(points)])
            start += len(points)


def _to_street(local: Floats, pose: Pose) -> Floats:
    """Place points (along, across, up), (..., 3), in the street: (across, up, ahead)."""
    world = np.empty_like(local)
    world[..., 0] = local[..., 1] * pose.cos + local[..., 0] * pose.sin
    world[..., 1] = local[..., 2]
    world[..., 2] = local[..., 0] * pose.cos - local[..., 1] * pose.sin
    world[..., 2] += pose.near - world[..., 2].min()
    world[..., 0] += pose.across - (world[..., 0].min() + world[..., 0].max()) / 2
    return world


def _spots(face: Face, corners: Floats) -> Floats:
    """Return the points of a face's decals in the street."""
    shares = np.array([point for points, _, _ in face.decals for point in points], np.float64)
    s, t = shares[:, :1], shares[:, 1:]
    low = corners[0] + (corners[1] - corners[0]) * s
    high = corners[3] + (corners[2] - corners[3]) * s
    spots: Floats = low + (high - low) * t
    return spots


def _is_front_facing(corners: list[list[int]]) -> bool:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    return (cx - ax) * (dy - by) - (cy - ay) * (dx - bx) < 0
