"""Vehicles in their lanes, at the curb, on rails and across the junction."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from seg.data.datasets.streets.cars import car, truck
from seg.data.datasets.streets.cycles import bicycle, motorcycle
from seg.data.datasets.streets.mesh import (
    AWAY,
    TO_LEFT,
    TO_RIGHT,
    TOWARD,
    Block,
    Pose,
    draw_blocks,
    footprint,
)
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.road_layout import LANE_M, Street
from seg.data.datasets.streets.scene_state import Actor, Lamp, Stage, train_id
from seg.data.datasets.streets.transit import bus, tram

Builder = Callable[[Dice, bool], list[Block]]
_BUILDERS: dict[str, Builder] = {"car": car, "truck": truck, "bus": bus, "train": tram}


@dataclass
class Lane:
    """A line of vehicles one behind the other; `free_from` is where the next may stand."""

    across: float
    pose: tuple[float, float]
    free_from: float
    gap: tuple[float, float]


@dataclass
class Traffic:
    """The vehicles of one scene."""

    stage: Stage
    street: Street
    occupied: list[tuple[float, float, float, float]] = field(default_factory=list)

    def actors(self, *, tram: bool) -> list[Actor]:
        """Plan all vehicles, nearest first in each lane."""
        dice, street = self.stage.dice, self.street
        first = dice.between(8.5, 18.0) if dice.chance(0.78) else dice.between(26.0, 45.0)
        own = Lane(street.middle + LANE_M / 2, AWAY, first, (4.0, 12.0))
        other = Lane(street.middle - LANE_M / 2, TOWARD, dice.between(7.5, 15.0), (3.0, 14.0))
        curb = Lane(street.right - 1.15, AWAY, dice.between(5.5, 9.0), (0.8, 4.0))
        far_curb = Lane(street.left + 1.15, TOWARD, dice.between(7.0, 12.0), (0.8, 4.0))
        actors: list[Actor] = []
        if tram and street.tracks is not None:
            actors.append(self._tram(street.tracks))
            if street.bed == "road":
                other.free_from = actors[-1].far + 6.0
        lanes = [own, other] + ([curb] if street.parking else [])
        wide_left = street.tracks is None and street.middle - street.left > LANE_M + 1.5
        lanes += [far_curb] if wide_left else []
        actors += self._large(lanes)
        actors += self._cycles(own, other)
        actors += self._cars(lanes)
        if street.junction and dice.chance(0.35):
            near = street.junction[0] + dice.between(0.8, 3.5)
            pose = dice.pick((TO_LEFT, TO_RIGHT))
            name = dice.weighted((("car", 4), ("bus", 1.5), ("truck", 1.5), ("train", 1)))
            actors.append(self._place(name, Pose(dice.between(-9.0, 9.0), near, *pose)))
        return actors

    def _tram(self, across: float) -> Actor:
        dice = self.stage.dice
        near = self.stage.camera.first_ahead(abs(across) - 1.2) * dice.between(0.9, 1.5) + 4.0
        body = self._place("train", Pose(across, near, *dice.pick((AWAY, TOWARD))))

        def draw() -> None:
            # The overhead wire is too thin for a class of its own, hence ignored.
            part = self.stage.canvas.part((44, 46, 50), 255, near)
            points = [(across, 4.75, z) for z in (4.0, 8.0, 14.0, 24.0, 40.0, 70.0)]
            self.stage.canvas.line(part, self.stage.camera.project(points))
            body.draw()

        return replace(body, draw=draw)

    def _large(self, lanes: list[Lane]) -> list[Actor]:
        """Plan buses and trucks, each in a lane of its own where there is one."""
        dice = self.stage.dice
        names = [name for name in ("bus", "truck") if dice.chance(0.5)]
        free = dice.shuffled([lane for lane in lanes if lane.free_from < 22.0])
        actors = []
        for name, lane in zip(dice.shuffled(names), free, strict=False):
            near = lane.free_from + dice.between(0.0, 4.0)
            actors.append(self._place(name, Pose(lane.across, near, *lane.pose)))
            lane.free_from = actors[-1].far + dice.between(*lane.gap)
        return actors

    def _cars(self, lanes: list[Lane]) -> list[Actor]:
        dice = self.stage.dice
        actors = []
        for lane in lanes:
            for _ in range(dice.whole(1, 4)):
                if lane.free_from > 70.0 or self.street.in_junction(
                    lane.free_from - 2, lane.free_from + 6
                ):
                    break
                across = lane.across + dice.between(-0.15, 0.15)
                actors.append(self._place("car", Pose(across, lane.free_from, *lane.pose)))
                lane.free_from = actors[-1].far + dice.between(*lane.gap)
        return actors

    def _place(self, name: str, pose: Pose) -> Actor:
        stage = self.stage
        blocks = _BUILDERS[name](stage.dice, stage.weather.dark)
        near, far, left, right = footprint(blocks, pose)
        tall = max(corner[2] for body in blocks[:3] for corner in body.left.corners)
        stage.shadow((left + right) / 2, right - left, near, far, tall)
        blocks = _far_first(blocks, pose)
        self.occupied.append((near, far, left, right))
        if stage.weather.dark and pose.cos < 0 and near < 40:
            for x in (left + 0.25, right - 0.25):
                column, row = stage.camera.column(x, near), stage.camera.row(0.75, near)
                radius = 0.5 * stage.camera.focal_px / near
                stage.lamps.append(Lamp(column, row, radius, 130, near))
        draw = partial(draw_blocks, stage, blocks, pose, train_id(name))
        return Actor(near, far, left, right, draw)

    def _cycles(self, own: Lane, other: Lane) -> list[Actor]:
        """Plan riders in the lanes or across the junction, in front of the vehicles."""
        dice = self.stage.dice
        actors = []
        draws = [d for d, share in ((bicycle, 0.6), (motorcycle, 0.6)) if dice.chance(share)]
        for draw in dice.shuffled(draws):
            crossing = [z for z in self.street.crossings if z > 5.5]
            turn = 0.0
            if crossing and dice.chance(0.5):
                turn = 1.0
                ahead = dice.pick(crossing) + dice.between(0.4, 2.6)
                across = dice.between(self.street.left + 1.0, self.street.right - 1.0)
            else:
                turn = dice.between(0.4, 0.75) if dice.chance(0.55) else 0.0
                lane = dice.pick((own, own, other))
                ahead = min(dice.between(5.2, 9.0), lane.free_from - 1.8)
                across = lane.across + dice.between(0.2, 1.1) * (1 if lane is own else -1)
            if ahead < 5.0 or self.blocked(across, ahead):
                continue
            actors.append(self.cycle(draw, across, ahead, ridden=True, turn=turn))
        return actors

    def cycle(
        self, draw: Callable[..., None], across: float, ahead: float, *, ridden: bool, turn: float
    ) -> Actor:
        """Plan a two-wheeler that `draw` draws."""
        stage, half = self.stage, max(0.3, 0.9 * turn)
        self.occupied.append((ahead - 0.3, ahead + 0.3, across - half, across + half))
        stage.shadow(across, 2 * half, ahead - 0.2, ahead + 0.2, 1.5 if ridden else 0.8)
        drawing = partial(draw, stage, across, ahead, ridden=ridden, turn=turn)
        return Actor(ahead - 0.2, ahead + 0.2, across - half, across + half, drawing)

    def blocked(self, across: float, ahead: float, room: float = 0.8) -> bool:
        """Return whether something stands within `room` metres of a place."""
        return any(
            near - room < ahead < far + room and left - room < across < right + room
            for near, far, left, right in self.occupied
        )


def _far_first(blocks: list[Block], pose: Pose) -> list[Block]:
    """Sort low blocks before high ones, far blocks before near ones of the same foot."""

    def place(body: Block) -> tuple[float, float]:
        spots = [pose.turned(a, c)[1] for face in body.ends for a, c, _ in face.corners]
        low = min(u for face in body.ends for _, _, u in face.corners)
        return (0.0 if low < 2.0 else 1.0, -(min(spots) + max(spots)))

    cabin_on_body = len(blocks) == 2
    return blocks if cabin_on_body else sorted(blocks, key=place)
