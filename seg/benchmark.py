"""`python -m seg.benchmark task=data`: speed beside the peers, in one run."""

import logging
from pathlib import Path

from seg.app import app
from seg.config.schema import BenchmarkConfig

log = logging.getLogger(__name__)


@app("benchmark", BenchmarkConfig, verb="task")
def main(config: BenchmarkConfig, run_dir: Path) -> None:
    """Print the tables; write them to `benchmark.md` and the seconds to `benchmark.json`."""
    from seg.benchmarks import data_speed
    from seg.benchmarks.report import machine, write
    from seg.benchmarks.timing import table
    from seg.callbacks.quiet import quiet

    quiet()
    results = data_speed.run(
        rounds=config.rounds,
        num_workers=config.num_workers,
        pictures=config.pictures,
        camvid_root=config.camvid_root,
    )
    text = [f"{machine()}, {config.num_workers} workers, median of {config.rounds} rounds"]
    text += [f"{case}\n\n{table(timings)}" for case, timings in results.items()]
    log.info("\n\n".join(text))
    write(run_dir, "\n\n".join(text), results)


if __name__ == "__main__":
    main()
