"""Light and air: time of day, sun, clouds, fog, rain."""

import math
from dataclasses import dataclass

from seg.data.datasets.streets.canvas import Color
from seg.data.datasets.streets.rng import Dice


@dataclass(frozen=True)
class Weather:
    """The light of a scene.

    Attributes:
        kind: sun, clouds, overcast, rain, fog, dusk or night.
        zenith, haze: colors of the sky above and at the horizon; distant things fade to `haze`.
        clouds: share of the sky under cloud, 0..256.
        cloud: color of the clouds.
        sun: unit vector to the light (across, up, ahead).
        ambient, direct: brightness from the whole sky and from the light.
        shade: brightness of the ground in a shadow, 256 = none.
        visibility_m: distance at which half of a thing's contrast is gone.
        tint: gain of red, green and blue, 256 = 1.
    """

    kind: str
    zenith: Color
    haze: Color
    clouds: int
    cloud: Color
    sun: tuple[float, float, float]
    ambient: float
    direct: float
    shade: int
    visibility_m: float
    tint: Color

    @property
    def dark(self) -> bool:
        """Return whether lamps are lit."""
        return self.kind in ("night", "dusk")

    @property
    def shadow(self) -> tuple[float, float]:
        """Return how far a shadow reaches aside and ahead, metres for each metre of height."""
        across, up, ahead = self.sun
        return -across / up, -ahead / up

    def brightness(self, normal: tuple[float, float, float]) -> float:
        """Return the brightness of a face by its outward normal."""
        toward = normal[0] * self.sun[0] + normal[1] * self.sun[1] + normal[2] * self.sun[2]
        return self.ambient + 0.1 * normal[1] + self.direct * max(0.0, toward)


_KINDS = (
    ("sun", 0.32), ("clouds", 0.2), ("overcast", 0.14), ("rain", 0.1),
    ("fog", 0.07), ("dusk", 0.08), ("night", 0.09),
)  # fmt: skip
_Look = tuple[Color, Color, Color, Color, int, float, float, int, float]
# zenith, haze, cloud color, tint,
# clouds, ambient, direct, shade, visibility
_LOOKS: dict[str, _Look] = {
    "sun": ((76, 130, 198), (190, 212, 230), (244, 246, 250), (262, 256, 246),
        70, 0.6, 0.52, 138, 420),
    "clouds": ((96, 140, 190), (206, 216, 224), (232, 234, 238), (256, 256, 254),
        150, 0.66, 0.4, 168, 340),
    "overcast": ((158, 166, 176), (208, 212, 216), (186, 192, 200), (240, 244, 250),
        200, 0.84, 0.1, 256, 240),
    "rain": ((112, 120, 130), (164, 170, 176), (128, 134, 142), (206, 214, 226),
        220, 0.74, 0.08, 256, 110),
    "fog": ((186, 190, 194), (198, 202, 206), (198, 202, 206), (240, 244, 248),
        0, 0.84, 0.06, 256, 38),
    "dusk": ((74, 82, 124), (236, 176, 132), (196, 136, 128), (220, 188, 180),
        110, 0.6, 0.4, 190, 260),
    "night": ((10, 14, 30), (38, 40, 54), (30, 32, 44), (104, 112, 140),
        60, 0.62, 0.1, 240, 300),
}  # fmt: skip


def draw_weather(dice: Dice) -> Weather:
    """Draw a random time of day and sky."""
    kind = dice.weighted(_KINDS)
    zenith, haze, cloud, tint, clouds, ambient, direct, shade, visibility = _LOOKS[kind]
    exposure = dice.between(0.88, 1.1)
    red, green, blue = (int(gain * exposure) for gain in tint)
    return Weather(
        kind=kind,
        zenith=dice.vary(zenith, 10),
        haze=dice.vary(haze, 8),
        clouds=int(clouds * dice.between(0.5, 1.15)),
        cloud=dice.vary(cloud, 8),
        sun=_sun(dice),
        ambient=ambient,
        direct=direct,
        shade=shade,
        visibility_m=visibility * dice.between(0.8, 1.3),
        tint=(red, green, blue),
    )


def _sun(dice: Dice) -> tuple[float, float, float]:
    across = dice.sign() * dice.between(0.3, 1.0)
    up = dice.between(0.55, 1.2)
    ahead = dice.between(-0.9, 0.5)
    length = math.sqrt(across * across + up * up + ahead * ahead)
    return across / length, up / length, ahead / length
