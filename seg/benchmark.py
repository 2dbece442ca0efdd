"""Command `python -m seg.benchmark TASK`: speed and memory beside the peers, in one run."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import BenchmarkConfig

if TYPE_CHECKING:
    from seg.benchmarks.interleaved import Measured, Way
    from seg.benchmarks.models import Workload

log = logging.getLogger(__name__)
Numbers = dict[str, dict[str, Any]]


@app("benchmark", BenchmarkConfig, positional="task")
def main(config: BenchmarkConfig, run_dir: Path) -> None:
    """Print the tables; write them to `benchmark.md` and the numbers to `benchmark.json`."""
    from seg.benchmarks.writer import machine, write
    from seg.training.callbacks.silence_warnings import quiet

    quiet()
    tasks = {
        "data": _data,
        "loss": _loss,
        "depthwise": _depthwise,
        "inference": _inference,
        "training": _training,
        "evaluation": _evaluation,
        "startup": _startup,
        "memory": _memory,
        "serve": _serve,
        "serve_memory": _serve_memory,
    }
    tables, numbers = tasks[config.task](config)
    if times := numbers.get("seconds"):
        from seg.benchmarks.plots import write_bars
        from seg.benchmarks.timing import Timing

        write_bars(run_dir / "benchmark.png", {name: Timing(each) for name, each in times.items()})
    if config.task == "memory":
        from seg.benchmarks.plots import write_curves

        write_curves(run_dir / "benchmark.png", numbers["peak_mib"])
    text = "\n\n".join([f"{machine()}, {tables[0]}", *tables[1:]])
    log.info(text)
    write(run_dir, text, numbers)


def _data(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import data_speed
    from seg.benchmarks.timing import table

    results = data_speed.run(
        rounds=config.rounds,
        num_workers=config.num_workers,
        num_images=config.num_images,
        camvid_root=config.camvid_root,
    )
    tables = [f"{config.num_workers} workers, median of {config.rounds} rounds"]
    tables += [f"{case}\n\n{table(timings)}" for case, timings in results.items()]
    numbers: Numbers = {
        case: {name: timing.seconds for name, timing in timings.items()}
        for case, timings in results.items()
    }
    return tables, numbers


def _loss(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import loss_speed, training_speed
    from seg.inference.device import choose_device

    device = choose_device(config.device)
    results = _in_turn(config, loss_speed.ways(config.logits, device))
    shape = " x ".join(map(str, config.logits))
    text = training_speed.table(results, unit="ms")
    tables = [
        f"{device}, median of {config.rounds} rounds",
        f"Loss and backward, {shape}\n\n{text}",
    ]
    return tables, _numbers(results)


def _depthwise(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import depthwise
    from seg.inference.device import choose_device

    device = choose_device(config.device)
    results = depthwise.run(rounds=config.rounds, images=config.images, device=device)
    step = {name: f"{1e3 * s:.1f} ms" for name, s in depthwise.totals(results).items()}
    tables = [f"{device}, median of {config.rounds} rounds", depthwise.table(results)]
    tables += [f"A training step: cuDNN {step['cuDNN']}, the fastest of each {step['fastest']}"]
    numbers: Numbers = {
        str(layer): {name: timing.seconds for name, timing in timings.items()}
        for layer, timings in results.items()
    }
    return tables, numbers


def _inference(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import inference_speed
    from seg.benchmarks.layers import measure_machine

    job = _job(config, batch=1, size=(512, 1024))
    ways = inference_speed.ways(job, engines=config.exports, compiled=config.compile)
    results = _in_turn(config, ways)
    best = measure_machine(job.device)
    rates = ", ".join(f"{kind} {rate / 1e9:.0f}" for kind, rate in best.to_dict()["flops"].items())
    tables = [
        f"{_describe_setup(config, job)}; at best {rates} GFLOP/s, "
        f"{best.bytes_a_second / 1e9:.1f} GB/s"
    ]
    tables += [f"Image to label map\n\n{inference_speed.table(results, best)}"]
    tables += [f"Milliseconds by kind of layer\n\n{inference_speed.layer_table(results)}"]
    return tables, _numbers(results) | {"machine": best.to_dict()}


def _training(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import training_speed

    job = _job(config, batch=4, size=(512, 512))
    results = _in_turn(config, training_speed.ways(job, compiled=config.compile))
    tables = [_describe_setup(config, job), f"A training step\n\n{training_speed.table(results)}"]
    return tables, _numbers(results) | {"job": job.to_dict()}


def _evaluation(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import evaluation_speed, training_speed

    job = _job(config, batch=1, size=(1024, 2048))
    results = _in_turn(config, evaluation_speed.ways(job.size, job.device))
    text = training_speed.table(results, unit="ms")
    return [_describe_setup(config, job), f"Coarse logits to confusion matrix\n\n{text}"], _numbers(
        results
    )


def _startup(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import startup

    timings = startup.run(rounds=config.rounds)
    text = f"Start of a process\n\n{startup.table(timings)}"
    seconds: dict[str, Any] = {name: timing.seconds for name, timing in timings.items()}
    return [f"median of {config.rounds} rounds", text], {"startup_s": seconds}


def _memory(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import memory_scaling

    peaks = memory_scaling.run(
        config.checkpoint, sides=config.image_sizes, lengths=config.dataset_sizes
    )
    tables = ["once each", f"Memory at the peak of a command\n\n{memory_scaling.table(peaks)}"]
    return tables, {"peak_mib": {name: dict(each) for name, each in peaks.items()}}


def _serve(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import serving_speed
    from seg.build.models import read_trained
    from seg.io.atomic import scratch_directory

    tables = [f"{config.concurrency} connections, median of {config.rounds} rounds"]
    numbers: Numbers = {}
    with scratch_directory() as directory:
        files = serving_speed.write_images(directory / "images", config.camvid_root)
        for name in config.networks if config.checkpoint is None else ["checkpoint"]:
            checkpoint, peer, engine = config.checkpoint, config.peer_encoder, "its engine"
            if checkpoint is None:
                made = serving_speed.write_network(directory, name, config.engine, config.precision)
                checkpoint, peer = made, serving_speed.NETWORKS[name][2]
                engine = f"{config.engine} {config.precision}"
            num_classes = read_trained(checkpoint).labels.num_outputs
            results = serving_speed.in_turn(
                serving_speed.processes(checkpoint, peer, num_classes),
                files,
                rounds=config.rounds,
                concurrency=config.concurrency,
                seconds=config.seconds,
            )
            tables += [f"{name}, {engine}, against {peer}"]
            tables += [serving_speed.table(results)]
            numbers[name] = {way: asdict(each) for way, each in results.items()}
            log.info("%s\n\n%s", *tables[-2:])
    return tables, numbers


def _serve_memory(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import serving_speed
    from seg.io.atomic import scratch_directory

    with scratch_directory() as directory:
        files = serving_speed.write_sizes(directory / "images", config.num_sizes)
        checkpoint = config.checkpoint or serving_speed.write_network(
            directory, config.networks[0], config.engine, config.precision
        )
        resident = serving_speed.memory(
            checkpoint, files, requests=config.requests, concurrency=config.concurrency
        )
    sizes = f"{config.num_sizes} sizes, {config.concurrency} connections"
    text = f"Memory of the server\n\n{serving_speed.memory_table(resident)}"
    return [sizes, text], {"resident_mib": {str(done): mib for done, mib in resident.items()}}


def _job(config: BenchmarkConfig, *, batch: int, size: tuple[int, int]) -> "Workload":
    from seg.benchmarks.models import Workload
    from seg.inference.device import choose_device

    return Workload(
        config.batch or batch,
        config.size or size,
        config.encoder_name,
        config.decoder_name,
        config.output_stride,
        config.peer_encoder,
        choose_device(config.device),
    )


def _in_turn(config: BenchmarkConfig, ways: "Mapping[str, Way]") -> "dict[str, Measured]":
    from seg.benchmarks.interleaved import in_turn, select
    from seg.inference.device import choose_device

    rows = select(ways, config.variants)
    return in_turn(rows, rounds=config.rounds, device=choose_device(config.device))


def _describe_setup(config: BenchmarkConfig, job: "Workload") -> str:
    size = "x".join(map(str, (job.batch, 3, *job.size)))
    return f"{job.device}, {size}, {config.encoder_name}, median of {config.rounds} rounds"


def _numbers(results: "Mapping[str, Measured]") -> Numbers:
    return {
        "seconds": {name: way.time.seconds for name, way in results.items()},
        "peak_mib": {name: way.peak_mib for name, way in results.items()},
        "parameters": {name: way.parameters for name, way in results.items()},
        "layers": {
            name: {kind: asdict(each) for kind, each in way.layers.kinds.items()}
            for name, way in results.items()
            if way.layers is not None
        },
    }


if __name__ == "__main__":
    main()
