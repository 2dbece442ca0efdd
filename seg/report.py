"""`python -m seg.report RUN_DIR`: one or several runs as a page to look at."""

import logging
from pathlib import Path

from seg.app import app
from seg.config.commands import ReportConfig

log = logging.getLogger(__name__)


@app("report", ReportConfig, leaves_a_run=False, verb="runs")
def main(config: ReportConfig, _: Path) -> None:
    """Write the page: into the run directory of a single run, else into the folder one is in."""
    from seg.reporting.energy import Tariff
    from seg.reporting.page import write_report
    from seg.reporting.run import find_runs

    told = {
        key: getattr(config, key)
        for key in ("watts", "gpu_watts", "price_per_hour")
        if getattr(config, key) is not None
    }
    runs = find_runs(config.runs)
    output = config.output or (runs[0] if len(runs) == 1 else Path()) / "report.html"
    write_report(runs, output, Tariff(**told))
    log.info("report: %s", output.resolve())


if __name__ == "__main__":
    main()
