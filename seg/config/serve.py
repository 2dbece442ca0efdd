"""Schema of the configuration of `seg.serve`."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from seg.config.section import Section, Target

Count = Annotated[int, Field(ge=1)]


class LabelStudioOptions(Section):
    """Section `label_studio`: the Label Studio whose tasks are pre-labelled.

    Attributes:
        url: its address; images are read below its `/data/` alone.
        token: its access token; None: of the environment.
        root: directory of its local files; None: they are read from `url`.
        simplify_tolerance_px: how far the borders of polygons may move; 0: they are exact.
        min_area_px: smaller regions join a neighbor.
    """

    url: str | None
    token: str | None
    root: Path | None
    simplify_tolerance_px: Annotated[float, Field(ge=0)]
    min_area_px: Annotated[int, Field(ge=0)]

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://localhost")  # raises ValueError, as the port does
        is_web = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if not is_web or "@" in parts.netloc:
            raise ValueError("allowed: http://HOST:PORT or https://HOST, without a password")
        return url

    @field_validator("root")
    @classmethod
    def _check_root(cls, root: Path | None) -> Path | None:
        if root is not None and not root.is_dir():
            raise ValueError(f"{root}: no such directory; give LOCAL_FILES_DOCUMENT_ROOT's")
        return root


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
        upload_timeout_s: in which the body of a request has to arrive.
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
    upload_timeout_s: Annotated[float, Field(gt=0)]
    max_bytes: Count
    max_pixels: Count
    trust: bool
    plugins: list[str]
    label_studio: LabelStudioOptions
