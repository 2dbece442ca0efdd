"""`task=serve`, `serve_memory`: requests a second beside the servers of others, and memory."""

import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles

from PIL import Image

from seg.benchmarks.serving_processes import Engine, Server, free_port
from seg.benchmarks.timing import spread
from seg.data.datasets.streets import Streets
from seg.errors import ConfigError

log = logging.getLogger(__name__)
OURS, WITHOUT_HTTP = "seg.serve", "seg.serve's engine without HTTP"
FASTAPI, LITSERVE = "FastAPI, smp eager", "LitServe, smp eager"
NETWORKS = {
    "camvid_cpu": ("aligned_xception_micro", "feature_pyramid", "mobilenet_v2"),
    "xception65": ("aligned_xception65", "deeplabv3plus", "tu-xception65"),
}
"""Name -> our encoder and decoder, the peers' encoder."""
_SIZE, _IMAGES = (360, 480), 32
_QUALITY = 90
_TRAINING = (
    *("dataset=streets", "dataset.size=[144,192]", "dataset.train_length=2"),
    *("dataset.val_length=2", "augmentation.crop=[129,129]", "loader.batch_size=2"),
    *("loader.num_workers=0", "trainer.max_epochs=1", "trainer.accelerator=cpu"),
    "trainer.check_val_every_n_epoch=1",
)
_UNTRAINED = (  # whatever their labels are
    *("output_kind=logits", "num_images=2", "tolerance.agreement=0", "tolerance.miou_points=100"),
    "tolerance.relative_error=10",
    *("calibration.agreement=0", "calibration.num_images=4", "device=cpu"),
)


@dataclass(frozen=True)
class Served:
    """What a way answered.

    Attributes:
        rates: requests a second of each round.
        latencies_s: of all requests.
    """

    rates: tuple[float, ...]
    latencies_s: tuple[float, ...]

    def percentile_ms(self, percent: int) -> float:
        """Return the time below which so many of the answers came."""
        return 1e3 * quantiles(self.latencies_s, n=100, method="inclusive")[percent - 1]


def write_network(directory: Path, name: str, engine: str, precision: str) -> Path:
    """Train one of `NETWORKS` for a step, which is no training, and export it; the run directory.

    Raises:
        ConfigError: an unknown name, or a command fails.
    """
    if name not in NETWORKS:
        raise ConfigError(f"networks: {name!r}: unknown; allowed: {', '.join(NETWORKS)}")
    encoder, decoder, _ = NETWORKS[name]
    run_dir = directory / name
    parts = (f"encoder={encoder}", f"decoder={decoder}", f"hydra.run.dir={run_dir}")
    _run("seg.train", *parts, *_TRAINING)
    if engine != "torch":
        kind = (f"format={engine}", f"precision={precision}")
        _run("seg.export", f"checkpoint={run_dir}", *kind, *_UNTRAINED)
    return run_dir


def _run(command: str, *arguments: str) -> None:
    line = [sys.executable, "-m", command, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{command}: failed\n{done.stderr[-600:]}")


def write_images(directory: Path, camvid_root: Path | None) -> list[Path]:
    """Write JPEGs of 480 x 360: of CamVid's validation images, or of rendered streets."""
    if camvid_root is None:
        streets = Streets(split="test", size=_SIZE, test_length=_IMAGES)
        images = [Image.fromarray(streets[index].image) for index in range(_IMAGES)]
    else:
        files = sorted((camvid_root / "val").glob("*.png"))[:_IMAGES]
        images = [Image.open(file).convert("RGB") for file in files]
    if not images:
        raise ConfigError(f"camvid_root={camvid_root}: no images in val/")
    return _saved(directory, images)


def write_sizes(directory: Path, count: int) -> list[Path]:
    """Write JPEGs of so many sizes, between 200 x 240 and 440 x 560."""
    street = Image.fromarray(Streets(split="test", size=(440, 560), test_length=1)[0].image)
    sizes = [(240 + 53 * index % 321, 200 + 37 * index % 241) for index in range(count)]
    return _saved(directory, [street.crop((0, 0, *size)) for size in sizes])


def _saved(directory: Path, images: Sequence[Image.Image]) -> list[Path]:
    directory.mkdir(parents=True)
    files = [directory / f"{number}.jpg" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        image.save(file, quality=_QUALITY)
    return files


def processes(checkpoint: Path, peer_encoder: str, num_classes: int) -> dict[str, Server | Engine]:
    """Start our server, the peers' and the engine alone; what is not installed is left out."""
    overrides = (f"checkpoint={checkpoint}", "device=cpu")
    started: dict[str, Server | Engine] = {OURS: _our_server(overrides)}
    started[WITHOUT_HTTP] = Engine(WITHOUT_HTTP, overrides)
    for name, kind in ((FASTAPI, "fastapi"), (LITSERVE, "litserve")):
        if find_spec(kind) is None:
            log.info("%s: left out: %s is not installed", name, kind)
            continue
        port = free_port()
        module = ("-m", f"seg.benchmarks.{kind}_peer")
        line = (*module, str(port), peer_encoder, str(num_classes))
        started[name] = Server(name, line, port, "/predict")
    return started


def _our_server(overrides: Sequence[str]) -> Server:
    port = free_port()
    line = ("-m", "seg.serve", *overrides, f"port={port}")
    return Server(OURS, line, port, "/v1/predict", ready="/readyz", tuned=True)


def in_turn(
    ways: Mapping[str, Server | Engine],
    files: Sequence[Path],
    *,
    rounds: int,
    concurrency: int,
    seconds: float,
) -> dict[str, Served]:
    """Ask each way for some seconds a round, in turn, after a turn that is not timed."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    latencies_s: dict[str, list[float]] = {name: [] for name in ways}
    with ExitStack() as running:
        for way in ways.values():
            running.callback(way.close)
        for way in ways.values():
            way.wait()
            way.ask(files, concurrency, requests=2 * concurrency)
        for turn in range(rounds):
            for name, way in ways.items():
                answered = way.ask(files, concurrency, seconds=seconds)
                rates[name].append(len(answered.latencies_s) / answered.elapsed_s)
                latencies_s[name] += answered.latencies_s
                log.info("%s, round %d: %.1f requests/s", name, turn + 1, rates[name][-1])
    return {name: Served(tuple(rates[name]), tuple(latencies_s[name])) for name in ways}


def table(results: Mapping[str, Served]) -> str:
    """Format a Markdown table, with our rate over each."""
    heads = ("way", "requests/s", "spread", f"{OURS} over it", "p50 ms", "p95 ms")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    ours = median(results[OURS].rates)
    for name, each in results.items():
        rate = median(each.rates)
        lines.append(
            f"| {name} | {rate:.1f} | {spread(each.rates):.0%} | {ours / rate:.2f} |"
            f" {each.percentile_ms(50):.0f} | {each.percentile_ms(95):.0f} |"
        )
    return "\n".join(lines)


def memory(
    checkpoint: Path, files: Sequence[Path], *, requests: int, concurrency: int
) -> dict[int, float]:
    """Return the memory of our server in MiB by requests that it has answered, in ten steps."""
    step = max(1, requests // 10)
    resident: dict[int, float] = {}
    with closing(_our_server((f"checkpoint={checkpoint}", "device=cpu"))) as server:
        server.wait()
        for done in range(step, requests + 1, step):
            first = (done - step) % len(files)
            turned = [*files[first:], *files[:first]]
            server.ask(turned, concurrency, requests=step)
            resident[done] = server.resident_mib()
            log.info("%d requests: %.0f MiB", done, resident[done])
    return resident


def memory_table(resident: Mapping[int, float]) -> str:
    """Format a Markdown table; growth is over the first row."""
    first = next(iter(resident.values()))
    lines = ["| requests | MiB | over the first |", "|---|---|---|"]
    lines += [f"| {done} | {mib:.0f} | {mib / first:.3f} |" for done, mib in resident.items()]
    return "\n".join(lines)
