"""One scene: plans a street with its actors and renders it."""

import numpy as np
from numpy.typing import NDArray

from seg.data.datasets.streets.camera import Camera
from seg.data.datasets.streets.canvas import Canvas
from seg.data.datasets.streets.ground import draw_ground
from seg.data.datasets.streets.plots_of_land import backdrop, line_up
from seg.data.datasets.streets.render import develop
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.road_layout import draw_street
from seg.data.datasets.streets.scene_state import Actor, Lamp, Stage, in_order, train_id
from seg.data.datasets.streets.traffic import Traffic
from seg.data.datasets.streets.walkers import furnish
from seg.data.datasets.streets.weather import draw_weather


def render(dice: Dice, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render the image (H x W x 3) and the label map (H x W) that the dice decide."""
    tram = dice.chance(0.5)
    street = draw_street(dice, tram=tram)
    stage = Stage(
        dice=dice,
        camera=Camera(
            width_px=width,
            focal_px=(width + 2 * height) / 2 * dice.between(0.72, 0.98),
            center_px=width * dice.between(0.42, 0.56),
            horizon_px=float(int(height * dice.between(0.38, 0.48))),
            up_m=dice.between(1.4, 1.85),
            bend=0.0 if dice.chance(0.4) else dice.between(-0.0045, 0.0045),
        ),
        canvas=Canvas(height, width, train_id("sky")),
        weather=draw_weather(dice),
    )
    backdrop(stage)
    draw_ground(stage, street)
    actors: list[Actor] = line_up(stage, street)
    traffic = Traffic(stage, street)
    actors += traffic.actors(tram=tram)
    actors += furnish(stage, street, traffic)
    for actor in in_order(actors):
        actor.draw()
    _bonnet(stage)
    return develop(stage)


def _bonnet(stage: Stage) -> None:
    """Draw the camera's own car at the lower edge, in some scenes; it belongs to no class."""
    height, width = stage.canvas.parts_HW.shape
    if stage.weather.dark:
        stage.lamps.append(Lamp(width * 0.5, height * 0.86, height * 0.26, 80, 0.0))
    if not stage.dice.chance(0.15):
        return
    shine = stage.lit(stage.dice.vary((70, 74, 80), 30), (0.0, 1.0, 0.0))
    part = stage.canvas.part(shine, 255, 1.0)
    rise = (0.0, 0.028, 0.042, 0.048, 0.05, 0.048, 0.042, 0.028, 0.0)
    points = [(int(width * k / 8), int(height * (0.995 - up))) for k, up in enumerate(rise)]
    outline = np.array([*points, (width, height), (0, height)], np.int32)
    stage.canvas.fill(part, outline)
