"""The sections of a sweep's page that hold it against the claims of the Xception paper."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from seg.reports.charts.lines import Line, line_chart
from seg.reports.charts.markup import element
from seg.reports.number_format import percent
from seg.reports.scores import is_percentage
from seg.sweeps.page import Section
from seg.sweeps.trials import Sweep
from seg.xception_paper.report import ClaimsPart, write_claims

_OPTION = "sweep=xception_paper"
_COLORS = 6  # of runs beside each other, in the page's style


def paper_sections(directory: Path, sweep: Sweep) -> list[Section]:
    """Write `claims.json` and `claims.md` of the paper's own sweep and return their sections.

    Raises:
        DataError: see `write_claims`.
    """
    if _OPTION not in sweep.line:
        return []
    return [_section(sweep, part) for part in write_claims(directory, sweep)]


def _section(sweep: Sweep, part: ClaimsPart) -> Section:
    """Return a part of the claims as a section: sentences, table, curves."""
    body = [element("ul", *(element("li", each) for each in part.sentences))]
    if part.rows:
        body.append(_table(part.header, part.rows))
    if any(part.curves.values()):
        share = is_percentage(sweep.monitor)
        curves = line_chart(
            [
                Line(name, points, f"run-{number % _COLORS + 1}")
                for number, (name, points) in enumerate(part.curves.items())
            ],
            title=f"{sweep.monitor} over the training, means over seeds",
            format_value=lambda value: percent(value) if share else f"{value:.3g}",
            from_zero=sweep.maximize,
            cut=0.0,
        )
        body.append(curves)
    return Section(part.title, Markup().join(body))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in header)))
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", each) for each in rest))
        for first, *rest in rows
    ]
    table = element("table", head, element("tbody", *lines), class_="numbers")
    return element("div", table, class_="card scroll", tabindex="0", role="region")
