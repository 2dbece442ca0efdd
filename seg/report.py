"""Command `python -m seg.report RUN_DIR`: runs as a page; one as a directory for FiftyOne."""

import logging
from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import ReportConfig
    from seg.errors import ConfigError

log = logging.getLogger(__name__)


@app("report", ReportConfig, has_run_dir=False, positional="runs")
def main(config: ReportConfig, _: Path) -> None:
    """Write the page: into the directory of a single run, else into the current directory.

    A directory of a sweep gets the page of the sweep. With `export`, write the run's images,
    labels and predictions for a labelling tool instead.
    """
    from seg.reports.energy import Tariff
    from seg.reports.page import write_report
    from seg.reports.run_reader import find_runs
    from seg.sweeps.trials import is_sweep

    tariff = {
        key: getattr(config, key)
        for key in ("watts", "gpu_watts", "price_per_hour")
        if getattr(config, key) is not None
    }
    if isinstance(config.runs, str) and is_sweep(Path(config.runs).expanduser()):
        _sweep(config, Path(config.runs).expanduser())
        return
    runs = find_runs(config.runs)
    if config.export is not None:
        _export(config, runs)
        return
    output = config.output or (runs[0] if len(runs) == 1 else Path()) / "report.html"
    write_report(runs, output, Tariff(**tariff))
    log.info("report: %s", output.resolve())


def _sweep(config: ReportConfig, directory: Path) -> None:
    from seg.sweeps.page import write_page
    from seg.sweeps.trials import read_sweep
    from seg.xception_paper.report_sections import paper_sections

    if config.export is not None:
        raise ConfigError(f"runs: a sweep; export={config.export} takes a run, such as one of its")
    sweep, output = read_sweep(directory), config.output or directory / "report.html"
    write_page(directory, sweep, output, paper_sections(directory, sweep))
    log.info("report: %s", output.resolve())


def _export(config: ReportConfig, runs: list[Path]) -> None:
    from seg.reports.fiftyone import predict_split, write_fiftyone

    if len(runs) > 1:
        raise ConfigError(f"runs: {len(runs)} of them; export={config.export} takes one")
    if config.output is None:
        raise ConfigError("output: missing; give output=DIRECTORY")
    labels, entries = predict_split(runs[0], config.split, config.plugins)
    count = write_fiftyone(config.output, entries, labels)
    log.info("%d images: %s (python open_in_fiftyone.py)", count, config.output.resolve())


if __name__ == "__main__":
    main()
