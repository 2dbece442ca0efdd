"""`python -m seg.benchmark TASK`: speed and memory beside the peers, in one run."""

import logging
from pathlib import Path
from typing import Any

from seg.app import app
from seg.config.commands import BenchmarkConfig

log = logging.getLogger(__name__)
Numbers = dict[str, dict[str, Any]]


@app("benchmark", BenchmarkConfig, verb="task")
def main(config: BenchmarkConfig, run_dir: Path) -> None:
    """Print the tables; write them to `benchmark.md` and the numbers to `benchmark.json`."""
    from seg.benchmarks.report import machine, write
    from seg.callbacks.quiet import quiet

    quiet()
    tables, numbers = {"data": _data, "loss": _loss, "depthwise": _depthwise}[config.task](config)
    text = "\n\n".join([f"{machine()}, {tables[0]}", *tables[1:]])
    log.info(text)
    write(run_dir, text, numbers)


def _data(config: BenchmarkConfig) -> tuple[list[str], Numbers]:
    from seg.benchmarks import data_speed
    from seg.benchmarks.timing import table

    results = data_speed.run(
        rounds=config.rounds,
        num_workers=config.num_workers,
        pictures=config.pictures,
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
    from seg.benchmarks import loss_cost
    from seg.inference.device import choose_device

    device = choose_device(config.device)
    costs = loss_cost.run(rounds=config.rounds, shape=config.logits, device=device)
    shape = " x ".join(map(str, config.logits))
    tables = [f"{device}, median of {config.rounds} rounds"]
    tables += [f"Loss and backward, {shape}\n\n{loss_cost.table(costs)}"]
    numbers: Numbers = {
        "seconds": {name: cost.time.seconds for name, cost in costs.items()},
        "peak_mib": {name: cost.peak_mib for name, cost in costs.items()},
    }
    return tables, numbers


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


if __name__ == "__main__":
    main()
