"""Schema of the configuration of `seg.serve`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from seg.config.section import Section, Target

Count = Annotated[int, Field(ge=1)]


class ServeConfig(Section):
    """`conf/serve.yaml`.

    Attributes:
        compare: checkpoint of a second network, for comparison.
        name: of the network in addresses.
        token: that requests must have; None: of the environment.
        workers: images that are worked on at the same time; None: chosen for the machine.
        max_batch: images of one size that the network sees at once.
        max_queue: images that wait before others are refused.
        timeout_s: how long an image may wait and be worked on.
        max_bytes: of the body of a request.
        max_pixels: of an image.
    """

    checkpoint: Path
    compare: Path | None
    name: str | None
    host: str
    port: Annotated[int, Field(ge=0, lt=2**16)]
    token: str | None
    inference: Target
    engine: str
    device: Literal["auto", "cpu", "cuda"]
    threads: Count | None
    workers: Count | None
    max_batch: Count
    max_queue: Count
    timeout_s: Annotated[float, Field(gt=0)]
    max_bytes: Count
    max_pixels: Count
    trust: bool
    plugins: list[str]
