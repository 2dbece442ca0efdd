"""Walls and fences between the sidewalk and the gardens."""

import numpy as np

from seg.data.datasets.streets.camera import Floats
from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.scene_state import Stage, dim, train_id
from seg.data.datasets.streets.texture import Texture

STONES: tuple[tuple[Color, Texture], ...] = (
    ((150, 146, 138), Texture.CONCRETE), ((142, 92, 72), Texture.BRICK),
    ((168, 156, 132), Texture.BRICK), ((120, 120, 118), Texture.CONCRETE),
    ((186, 178, 164), Texture.CONCRETE), ((128, 112, 96), Texture.BRICK),
)  # fmt: skip
RAILS: tuple[Color, ...] = (
    (52, 56, 56), (120, 124, 124), (126, 92, 60), (176, 168, 152),
    (70, 94, 76), (210, 208, 200), (96, 72, 52),
)  # fmt: skip
SPRAYS: tuple[Color, ...] = ((180, 60, 90), (60, 110, 170), (210, 180, 60), (40, 40, 44))


def upright(across: float, near: float, far: float, low: float, high: float) -> Floats:
    """Return the four corners of a wall's face along the road, 4 x 3, metres."""
    return np.array(
        [(across, low, near), (across, high, near), (across, high, far), (across, low, far)],
        np.float64,
    )


def wall(stage: Stage, across: float, near: float, far: float) -> None:
    """Draw a solid wall with a coping, pillars or panel joints; it has no windows."""
    dice, label = stage.dice, train_id("wall")
    tall = dice.between(1.9, 3.2)
    color, texture = dice.pick(STONES)
    color = dice.vary(color, 14)
    out = across + (0.4 if across > 0 else -0.4)
    side = stage.lit(color, (-1.0 if across > 0 else 1.0, 0.0, 0.0))
    end = stage.canvas.part(stage.lit(color, (0.0, 0.0, -1.0)), label, near, texture=texture)
    stage.polygon(end, ((across, 0, near), (out, 0, near), (out, tall, near), (across, tall, near)))
    start = near
    while start < far:  # pieces, so that fog follows the distance
        stop = min(far, start * 1.3 + 0.5)
        part = stage.canvas.part(side, label, (start + stop) / 2, texture=texture)
        stage.quads(part, upright(across, start, stop, 0.0, tall)[None])
        start = stop
    _joints(stage, (across, near, far), tall, side, texture)
    coping = stage.canvas.part(dim(side, 1.22), label, near)
    stage.quads(coping, upright(across, near, far, tall - 0.16, tall)[None])
    if dice.chance(0.3):
        _graffiti(stage, across, near, far, tall)


def _joints(
    stage: Stage, run: tuple[float, float, float], tall: float, color: Color, texture: Texture
) -> None:
    """Draw light pillars, or dark joints above a dark foot."""
    across, near, far = run
    pillars = stage.dice.chance(0.5)
    step = stage.dice.pick((2.5, 3.0, 4.0))
    spots = [near + step * k for k in range(1, int((far - near) / step) + 1)]
    tone = dim(color, 1.14 if pillars else 0.66)
    part = stage.canvas.part(tone, train_id("wall"), near, texture=texture)
    wide = 0.34 if pillars else 0.07
    if spots:
        joints = [upright(across, z - wide, min(z, far), 0.0, tall) for z in spots]
        stage.quads(part, np.stack(joints))
    if not pillars:
        stage.quads(part, upright(across, near, far, 0.0, 0.22)[None])


def _graffiti(stage: Stage, across: float, near: float, far: float, tall: float) -> None:
    dice = stage.dice
    for _ in range(3):
        color = dice.vary(dice.pick(SPRAYS), 20)
        z = dice.between(near, far - 1.5)
        low = dice.between(0.3, tall * 0.4)
        part = stage.canvas.part(dim(color, 0.8), train_id("wall"), near, texture=Texture.LEAVES)
        face = upright(across, z, z + dice.between(0.6, 1.8), low, low + tall * 0.4)
        stage.quads(part, face[None])


def fence(stage: Stage, across: float, near: float, far: float) -> None:
    """Draw rails and pickets; the space between them is labelled fence too, as in Cityscapes."""
    dice, label = stage.dice, train_id("fence")
    tall = dice.between(1.3, 2.3)
    color = stage.lit(dice.vary(dice.pick(RAILS), 12), (-1.0 if across > 0 else 1.0, 0.0, -0.4))
    kind = dice.weighted((("pickets", 4), ("boards", 3), ("mesh", 3)))
    start = near
    while start < far - 0.01:
        end = min(far, start * 1.25 + 0.8)
        face = upright(across, start, end, 0.05, tall)
        stage.canvas.relabel(label, stage.camera.project(face))
        part = stage.canvas.part(color, label, (start + end) / 2)
        for quads in _pieces(stage, kind, across, (start, end), tall):
            stage.quads(part, quads)
        start = end


def _pieces(
    stage: Stage, kind: str, across: float, span: tuple[float, float], tall: float
) -> tuple[Floats, Floats]:
    """Return the corners of rails and of pickets, N x 4 x 3 each."""
    start, end = span
    thick = 0.07 if kind != "mesh" else 0.03
    rails = (0.25, tall - 0.3) if kind != "mesh" else tuple(tall * k / 7 for k in range(1, 8))
    step = {"pickets": 0.26, "boards": 0.3, "mesh": 0.3}[kind]
    step = max(step, 4.2 * start * start / (abs(across) * stage.camera.focal_px))
    share = {"pickets": 0.42, "boards": 0.86, "mesh": 0.16}[kind]
    pickets = [upright(across, start, min(start + 0.12, end), 0.0, tall + 0.12)]
    for number in range(1, int((end - start) / step) + 1):
        z = start + number * step
        pickets.append(upright(across, z, min(z + step * share, end), 0.0, tall))
    return np.stack([upright(across, start, end, y, y + thick) for y in rails]), np.stack(pickets)
