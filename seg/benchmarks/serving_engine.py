"""The engine of `seg.serve` without HTTP: `python -m seg.benchmarks.serving_engine KEY=VALUE ...`.

A `Load` as JSON a line on stdin, an `Answered` a line on stdout.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from time import perf_counter

from seg.benchmarks.load_generator import Answered, Load
from seg.config.serve import ServeConfig
from seg.cpu import disable_malloc_trim, limit_openmp_spin
from seg.inference.image_source import ArrayRaster
from seg.serving.service import Segmentation, Service


async def ask(service: Service, load: Load) -> Answered:
    """Decode, segment and encode as the server does, in its worker threads."""
    from seg.serving.png import png
    from seg.visualization.grids import label_image

    def encode(_: ArrayRaster, segmentation: Segmentation) -> bytes:
        return png(label_image(segmentation.label_HW, service.model.labels))

    images = [Path(file).read_bytes() for file in load.files]
    numbers, latencies_s, started_at = count(), list[float](), perf_counter()

    async def client() -> None:
        for number in numbers:
            asked_at = perf_counter()
            if load.requests is not None and number >= load.requests:
                break
            if load.seconds is not None and asked_at - started_at >= load.seconds:
                break
            await service.run(images[number % len(images)], encode)
            latencies_s.append(perf_counter() - asked_at)

    await asyncio.gather(*(client() for _ in range(load.concurrency)))
    return Answered(perf_counter() - started_at, tuple(latencies_s))


def composed(overrides: Sequence[str]) -> ServeConfig:
    """Return the configuration that `seg.serve` has with these keys."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from seg.config.cli_overrides import quote_paths
    from seg.config.conf_dir import conf_dir
    from seg.config.schema import validate

    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("serve", quote_paths(list(overrides)))
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return validate(ServeConfig, {str(key): value for key, value in plain.items()})


async def _answer(service: Service) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        answered = await ask(service, Load(**json.loads(line)))
        sys.stdout.write(json.dumps(asdict(answered)) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Open the network, warm, and answer until stdin ends."""
    disable_malloc_trim()
    limit_openmp_spin()
    from seg.serving.opening import open_services

    services = open_services(composed(sys.argv[1:]))
    asyncio.run(_answer(services.default))


if __name__ == "__main__":
    main()
