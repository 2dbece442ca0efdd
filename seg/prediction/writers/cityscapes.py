"""`cityscapes.zip`: for the test server of Cityscapes, and for cityscapesScripts."""

import re
from typing import ClassVar

from seg.data.datasets.cityscapes import OFFICIAL
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.server_archive import ServerArchive

_NAME = re.compile(r"(?:.*/)?([^/_]+_\d{6}_\d{6})[^/]*")  # csHelpers.py of cityscapesScripts


class CityscapesArchive(ServerArchive):
    """`CITY_SEQUENCE_FRAME_labelIds.png` of official ids for each image of such a name."""

    name = "cityscapes"
    file = "cityscapes.zip"
    owner = "Cityscapes'"
    ids: ClassVar = {name: id_ for id_, name, _, _ in OFFICIAL if id_ >= 0}

    def file_name(self, item: Item) -> str:
        """Return city, sequence and frame of an item's name, as the server expects them."""
        match = _NAME.fullmatch(item.name)
        if match is None:
            raise ConfigError(
                f"formats=cityscapes: {item.source}: is not named CITY_SEQUENCE_FRAME, each number "
                "of six digits, as in berlin_000000_000019_leftImg8bit.png\n"
                "  give the images of Cityscapes as input"
            )
        return f"{match[1]}_labelIds.png"


FORMAT = CityscapesArchive
