"""The last step: from the painted parts to the image, with light, fog, sky, rain and grain."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from seg.data.datasets.streets.canvas import SKY_AHEAD_M
from seg.data.datasets.streets.scene_state import Lamp, Stage
from seg.data.datasets.streets.texture import TEXELS_PER_M, TILE, smooth, tiles, wallpaper

_Ints = NDArray[np.int32]
_Shorts = NDArray[np.int16]


def develop(stage: Stage) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the image (H x W x 3) and its label map (H x W).

    Sixteen bits suffice: a color (8 bits) times a brightness (128 = 1, below 256) fits unsigned,
    a difference of colors times a share of haze (128 = all) fits signed. Until the end the image
    is 3 x H x W, so that the innermost loops run along rows.
    """
    canvas = stage.canvas
    parts = canvas.parts_HW
    label = np.array(canvas.labels, np.uint8)[parts]
    light, fog = _light(stage)
    lit = np.take(_tinted_colors(stage), parts, axis=1)
    lit *= light
    lit >>= 7
    np.minimum(lit, 255, out=lit)
    image: _Shorts = lit.view(np.int16)
    haze = np.array(stage.weather.haze, np.int16)
    image += (haze[:, None, None] - image) * fog >> 7
    _sky(stage, image)
    for lamp in stage.lamps:
        if _uncovered(stage, lamp):
            _halo(lamp, image)
    if stage.weather.kind == "rain":
        _wet(stage, image, label)
        _drops(stage, image)
    return _expose(stage, image), label


def _tinted_colors(stage: Stage) -> NDArray[np.uint16]:
    """Return the colors of the parts in the light's color; glowing parts keep theirs at night."""
    colors = np.array(stage.canvas.colors, np.int32)
    tinted = colors * np.array(stage.weather.tint, np.int32) >> 8
    if stage.weather.dark:
        glows = np.array(stage.canvas.glows, np.bool_)
        tinted[glows] = colors[glows]
    return np.ascontiguousarray(np.minimum(tinted, 255).T, np.uint16)


@cache
def _texel_plane(height: int, width: int) -> _Ints:
    """Return positions in a tile, repeated far enough to start anywhere in it."""
    rows = np.arange(height + TILE, dtype=np.int32) % TILE
    columns = np.arange(width + TILE, dtype=np.int32) % TILE
    return rows[:, None] * TILE + columns[None, :]


def _light(stage: Stage) -> tuple[NDArray[np.uint16], _Shorts]:
    """Return brightness (128 = 1) and share of haze (128 = all) of every pixel."""
    canvas, camera = stage.canvas, stage.camera
    parts = canvas.parts_HW
    height, width = parts.shape
    texels = np.take(np.array(canvas.textures, np.int32) * (TILE * TILE), parts)
    fog = np.take(_fog_table(stage, np.array(canvas.aheads, np.float64)), parts)
    first = max(0, int(camera.horizon_px) + 2)
    ahead = (
        camera.focal_px
        * camera.up_m
        / (np.arange(first, height, dtype=np.float64) - camera.horizon_px)
    )
    below = np.take(np.array(canvas.ground, np.bool_), parts[first:])
    row, column = stage.dice.whole(0, TILE - 1), stage.dice.whole(0, TILE - 1)
    screen = _texel_plane(height, width)[row : row + height, column : column + width]
    texels[:first] += screen[:first]
    texels[first:] += np.where(below, _ground_texels(stage, ahead), screen[first:])
    np.copyto(fog[first:], _fog_table(stage, ahead)[:, None], where=below)
    relief = np.take(tiles().reshape(-1), texels)
    fade = np.minimum(128, np.floor(128 * 11.0 / ahead)).astype(np.int16)[:, None]
    np.copyto(relief[first:], relief[first:] * fade >> 7, where=below)
    relief += 256
    shade = canvas.shade_HW[first:].view(np.int16) >> 2  # 64 = none: the product fits 16 bits
    np.copyto(relief[first:], relief[first:] * shade >> 6, where=below)
    relief >>= 1
    return relief.view(np.uint16), fog


def _ground_texels(stage: Stage, ahead: NDArray[np.float64]) -> _Ints:
    """Return the texel of each pixel below the horizon, looked up in metres on the ground."""
    camera = stage.camera
    columns = np.arange(stage.canvas.parts_HW.shape[1], dtype=np.float64) - camera.center_px
    scale = ahead * (TEXELS_PER_M / camera.focal_px)
    shift = camera.bend * ahead * ahead * TEXELS_PER_M
    # +2^20 keeps it positive, so that casting rounds down
    across = columns[None, :] * scale[:, None] + (1048576.0 - shift)[:, None]
    u = across.astype(np.int32) & (TILE - 1)
    v = np.floor(ahead * TEXELS_PER_M).astype(np.int32) & (TILE - 1)
    return v[:, None] * TILE + u


def _fog_table(stage: Stage, ahead: NDArray[np.float64]) -> _Shorts:
    """Return the share of haze, 128 = all, half of it at the visibility.

    A fraction stands for the exponential, whose last bit differs between machines.
    """
    ratio = np.minimum(ahead, 4000.0) / stage.weather.visibility_m
    ratio = ratio * (0.4 + 0.6 * ratio)
    return np.floor(128 * (ratio / (1.0 + ratio))).astype(np.int16)


def _sky(stage: Stage, image: _Shorts) -> None:
    """Paint a gradient with clouds wherever a part at the sky's distance is visible."""
    weather, horizon = stage.weather, max(2, int(stage.camera.horizon_px))
    is_sky = np.take(np.array(stage.canvas.aheads) == SKY_AHEAD_M, stage.canvas.parts_HW)
    height = is_sky.shape[0]
    rows, columns = np.nonzero(is_sky)
    rise = np.minimum(np.arange(height, dtype=np.int32) * 256 // horizon, 256)
    rise = rise * rise >> 8
    zenith, haze, cloud = (
        np.array(color, np.int32)[:, None]
        for color in (weather.zenith, weather.haze, weather.cloud)
    )
    sky = (zenith + ((haze - zenith) * rise >> 8)).astype(np.int16)[:, rows]
    sky += (cloud.astype(np.int16) - sky) * _clouds(stage, rows, columns) >> 7
    image[:, rows, columns] = sky
    if weather.sun[2] > 0.12 and weather.kind in ("sun", "dusk"):
        column = stage.camera.center_px + stage.camera.focal_px * weather.sun[0] / weather.sun[2]
        row = horizon * (1.0 - min(0.9, weather.sun[1]))
        _halo(Lamp(column, row, height * 0.3, 170, 0.0), image)


@cache
def _cloud_field() -> _Ints:
    field = smooth(26, 200, 50) + smooth(9, 90, 51) + smooth(2, 40, 52)
    return field.astype(np.int32).reshape(-1)


def _clouds(stage: Stage, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> _Shorts:
    """Return the share of cloud, 128 = all, flatter than wide and torn at the edges."""
    height = stage.canvas.parts_HW.shape[0]
    row, column = stage.dice.whole(0, TILE - 1), stage.dice.whole(0, TILE - 1)
    v = (rows * (2 * TILE) // height + row) & (TILE - 1)
    u = (columns * TILE // height + column) & (TILE - 1)
    field = np.take(_cloud_field(), v * TILE + u)
    return np.clip(field + stage.weather.clouds * 2 - 220, 0, 115).astype(np.int16)


def _uncovered(stage: Stage, lamp: Lamp) -> bool:
    """Return whether nothing nearer stands in front of the lamp."""
    parts = stage.canvas.parts_HW
    row, column = int(lamp.row), int(lamp.column)
    if not (0 <= row < parts.shape[0] and 0 <= column < parts.shape[1]):
        return True
    part = int(parts[row, column])
    return stage.canvas.ground[part] or stage.canvas.aheads[part] > lamp.ahead - 1.5


def _halo(lamp: Lamp, image: _Shorts) -> None:
    """Add the glow of a lamp, falling with the square of the distance."""
    height, width = image.shape[1:]
    x, y, radius = int(lamp.column), int(lamp.row), max(2, min(int(lamp.radius), height))
    left, right = max(0, x - 2 * radius), min(width, x + 2 * radius)
    top, bottom = max(0, y - 2 * radius), min(height, y + 2 * radius)
    if left >= right or top >= bottom:
        return
    rows = np.arange(top, bottom, dtype=np.int32)[:, None] - y
    columns = np.arange(left, right, dtype=np.int32)[None, :] - x
    away = (rows * rows + columns * columns) // max(1, radius * radius // 64)
    rim = lamp.strength * 16 // 272
    glow = np.maximum(0, lamp.strength * 16 // (16 + away) - rim).astype(np.int16)
    warm = np.array((64, 56, 42), np.int16)[:, None, None]
    image[:, top:bottom, left:right] += glow * warm >> 7


def _wet(stage: Stage, image: _Shorts, label: NDArray[np.uint8]) -> None:
    """Mirror what stands behind it in the wet ground."""
    horizon = int(stage.camera.horizon_px)
    height = image.shape[1]
    rows = np.arange(min(height, horizon + 2), height)
    mirrored = np.maximum(0, 2 * horizon - rows)
    wet = label[rows] <= 1
    blend = (image[:, mirrored] - image[:, rows]) * 35 >> 7
    image[:, rows] += np.where(wet, blend, 0).astype(np.int16)


def _drops(stage: Stage, image: _Shorts) -> None:
    """Draw thin streaks of rain."""
    height, width = image.shape[1:]
    dice = stage.dice
    for _ in range(max(20, width // 4)):
        x, y = dice.whole(0, width - 1), dice.whole(0, height - 1)
        image[:, y : y + dice.whole(3, max(4, height // 20)), x] += 16


def _expose(stage: Stage, image: _Shorts) -> NDArray[np.uint8]:
    """Apply the lens' softness and the sensor's grain; return uint8, H x W x 3."""
    height, width = image.shape[1:]
    soft = image * 6
    soft[..., 1:-1] += image[..., :-2]
    soft[..., 1:-1] += image[..., 2:]
    soft[..., [0, -1]] += image[..., [0, -1]] * 2
    soft >>= 3
    row, column = stage.dice.whole(0, TILE - 1), stage.dice.whole(0, TILE - 1)
    grain = wallpaper(0, 10 if stage.weather.dark else 5, 60, height, width)
    soft += grain[row : row + height, column : column + width]
    np.maximum(soft, 0, out=soft)
    np.minimum(soft, 255, out=soft)
    exposed = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        exposed[..., channel] = soft[channel]
    return exposed
