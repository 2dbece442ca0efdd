"""Further sections of the page that one known sweep ends with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from seg.reports.charts.lines import Line, line_chart
from seg.reports.charts.markup import element
from seg.reports.number_format import percent
from seg.sweeps.metric_text import is_share
from seg.sweeps.page import Section
from seg.sweeps.trials import Sweep
from seg.xception_paper.report import Section as Plain
from seg.xception_paper.report import write_claims

_COLORS = 6  # of runs beside each other, in the page's style


def _paper_sections(directory: Path, sweep: Sweep) -> list[Section]:
    return [_section(sweep, part) for part in write_claims(directory, sweep)]


# a word of the line that begins the sweep -> what makes its sections
_MAKERS: Mapping[str, Callable[[Path, Sweep], list[Section]]] = {
    "sweep=xception_paper": _paper_sections
}


def sections_for(directory: Path, sweep: Sweep) -> list[Section]:
    """What a sweep that is known by a word of its line has to say; else nothing."""
    words = [word for word in _MAKERS if word in sweep.line]
    return [section for word in words for section in _MAKERS[word](directory, sweep)]


def _section(sweep: Sweep, part: Plain) -> Section:
    body = [element("ul", *(element("li", each) for each in part.sentences))]
    if part.rows:
        body.append(_table(part.header, part.rows))
    if any(part.curves.values()):
        body.append(_curves(sweep, part))
    return Section(part.title, Markup().join(body))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in header)))
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", each) for each in rest))
        for first, *rest in rows
    ]
    table = element("table", head, element("tbody", *lines), class_="numbers")
    return element("div", table, class_="card scroll", tabindex="0", role="region")


def _curves(sweep: Sweep, part: Plain) -> Markup:
    share = is_share(sweep.monitor)
    return line_chart(
        [
            Line(name, points, f"run-{number % _COLORS + 1}")
            for number, (name, points) in enumerate(part.curves.items())
        ],
        title=f"{sweep.monitor} over the training, means over seeds",
        shown=lambda value: percent(value) if share else f"{value:.3g}",
        from_zero=sweep.maximize,
        cut=0.0,
    )
