"""People on foot, and riders with their bicycles and motorcycles."""

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.rng import Dice
from seg.data.datasets.streets.scene_state import Board, Point, Stage, dim, train_id

SKINS: tuple[Color, ...] = ((232, 190, 160), (206, 158, 126), (160, 112, 82), (98, 66, 48))
HAIRS: tuple[Color, ...] = ((34, 26, 22), (82, 56, 36), (176, 140, 84), (130, 126, 122))
CLOTHES: tuple[Color, ...] = (
    (36, 40, 56), (30, 30, 32), (92, 94, 100), (150, 40, 44), (56, 86, 140), (188, 182, 168),
    (66, 92, 66), (196, 150, 60), (222, 222, 220), (120, 80, 110), (206, 96, 60), (90, 70, 52),
)  # fmt: skip
TROUSERS: tuple[Color, ...] = (
    (40, 50, 78), (30, 30, 34), (84, 78, 70), (120, 116, 108), (58, 66, 92),
)  # fmt: skip


class Outfit:
    """The colors one person wears; each part is painted with its dark and its light side."""

    def __init__(self, dice: Dice) -> None:
        self.skin = dice.vary(dice.pick(SKINS), 10)
        self.hair = dice.vary(dice.pick(HAIRS), 10)
        self.jacket = dice.vary(dice.pick(CLOTHES), 16)
        self.trousers = dice.vary(dice.pick(TROUSERS), 14)
        self.shoes = dice.vary((44, 38, 34), 18)


def person(stage: Stage, across: float, ahead: float) -> None:
    """Draw someone who walks or stands, seen from the front, the back or the side."""
    dice = stage.dice
    board = stage.board(across, ahead)
    tall = dice.between(1.5, 1.9) if not dice.chance(0.12) else dice.between(1.05, 1.35)
    figure = Figure(board, Outfit(dice), train_id("person"), tall)
    stride = dice.between(0.02, 0.22) * tall
    broad = dice.between(0.13, 0.155) * tall
    facing = dice.sign()
    figure.leg((-0.03 * tall, 0.5 * tall), (-stride - 0.02, 0.0), facing)
    figure.leg((0.03 * tall, 0.5 * tall), (stride + 0.02, 0.0), facing)
    swing = stride * dice.between(0.3, 1.2)
    figure.arm((broad * 0.85, 0.8 * tall), (broad * 0.9 + swing * 0.6, 0.47 * tall))
    figure.torso((0.0, 0.47 * tall), (0.0, 0.83 * tall), broad, dice.between(0.75, 1.05))
    if dice.chance(0.25):
        figure.skirt(0.5 * tall, dice.between(0.28, 0.38) * tall, broad)
    figure.arm((-broad * 0.85, 0.8 * tall), (-broad * 0.9 - swing * 0.6, 0.47 * tall))
    figure.head((0.0, 0.915 * tall), 0.07 * tall, facing if stride > 0.15 else 0)
    if dice.chance(0.3):
        bag = figure.paint(dice.vary(dice.pick(CLOTHES), 10))
        side = dice.sign() * broad
        board.rect(bag, side - 0.09 * tall, side + 0.07 * tall, 0.38 * tall, 0.56 * tall)
    if stage.weather.kind == "rain" and dice.chance(0.55):
        figure.umbrella(tall, dice.vary(dice.pick(CLOTHES), 20))


class Figure:
    """Limbs, torso and head on a board, all of one label."""

    def __init__(self, board: Board, outfit: Outfit, label: int, tall: float) -> None:
        self.board, self.outfit, self.label, self.tall = board, outfit, label, tall
        light = board.stage.weather
        self.left_light = light.brightness((-0.8, 0.1, -0.6))
        self.right_light = light.brightness((0.8, 0.1, -0.6))

    def paint(self, color: Color, factor: float = 1.0) -> int:
        """Register a part of the figure in a color under its light."""
        lit = dim(color, factor * (self.left_light + self.right_light) / 2)
        return self.board.part(lit, self.label)

    def leg(self, hip: Point, foot: Point, facing: int) -> None:
        """Draw a leg from hip to foot with its shoe."""
        thick = 0.082 * self.tall
        knee = ((hip[0] + foot[0]) / 2 + 0.03 * facing, (hip[1] + foot[1]) / 2)
        cloth = self.paint(self.outfit.trousers, 0.96)
        self.board.limb(cloth, hip, knee, thick * 1.15, thick)
        self.board.limb(cloth, knee, (foot[0], foot[1] + 0.05), thick, thick * 0.72)
        heel, toe = (foot[0] - 0.04, foot[1] + 0.035), (foot[0] + 0.1 * facing, foot[1] + 0.035)
        self.board.limb(self.paint(self.outfit.shoes), heel, toe, 0.075)

    def arm(self, shoulder: Point, hand: Point) -> None:
        """Draw an arm with its hand."""
        thick = 0.058 * self.tall
        self.board.limb(self.paint(self.outfit.jacket, 0.86), shoulder, hand, thick, thick * 0.8)
        self.board.disc(self.paint(self.outfit.skin), hand[0], hand[1], thick * 0.5)

    def torso(self, hip: Point, neck: Point, broad: float, waist: float) -> None:
        """Draw two halves, each lit from its own side."""
        jacket = self.outfit.jacket
        lean = neck[0] - hip[0]
        chest = hip[0] + lean * 0.85
        for side, light in ((-1, self.left_light), (1, self.right_light)):
            part = self.board.part(dim(jacket, light), self.label)
            belt = (hip[0] + side * broad * waist, hip[1])
            armpit = (chest + side * broad, hip[1] + (neck[1] - hip[1]) * 0.86)
            shoulder = (neck[0] + side * broad * 0.45, neck[1])
            self.board.poly(part, (hip, belt, armpit, shoulder, neck))

    def skirt(self, top: float, low: float, broad: float) -> None:
        """Draw a skirt."""
        cloth, hem = self.paint(self.outfit.jacket, 0.9), broad * 1.25
        self.board.poly(cloth, ((-broad, top), (broad, top), (hem, low), (-hem, low)))

    def head(self, center: Point, radius: float, facing: int, helmet: Color | None = None) -> None:
        """Draw neck, hair or helmet, and face."""
        x, y = center
        skin, hair = self.outfit.skin, helmet or self.outfit.hair
        neck = radius * 0.4
        self.board.rect(self.paint(skin, 0.8), x - neck, x + neck, y - radius * 1.6, y)
        self.board.disc(self.paint(hair), x, y + radius * 0.12, radius * 1.08, 0.88)
        x, y = x + facing * radius * 0.3, y - radius * 0.25
        self.board.disc(self.paint(skin), x, y, radius * 0.78, 0.86)

    def umbrella(self, tall: float, color: Color) -> None:
        """Draw an open umbrella above the head."""
        top = tall * 1.22
        part, shaded = self.paint(color), self.paint(color, 0.7)
        self.board.limb(self.paint((40, 40, 40)), (0.1, 0.6 * tall), (0.1, top), 0.03)
        upper, lower = top - 0.1, top - 0.3
        left, right = [(-0.5, lower), (-0.36, upper), (-0.1, top)], [(0.46, upper), (0.62, lower)]
        self.board.poly(part, [*left, (0.2, top), *right])
        self.board.poly(shaded, [(0.1, top), *right, (0.2, lower)])
