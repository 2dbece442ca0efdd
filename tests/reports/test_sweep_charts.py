"""Parallel coordinates and the search stand where the numbers say."""

import numpy as np
import pytest

from seg.reports.charts.axis import around
from seg.reports.charts.lines import Line, line_chart
from seg.reports.charts.parallel import Strand, parallel_coordinates
from seg.reports.charts.scales import choice_scale, number_scale
from seg.reports.charts.search import Mark, search_chart
from tests.reports.drawn_charts import of_class, parsed, points


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [([0.001, 0.01, 0.1], True), ([1.0, 30.0], False), ([1.0, 32.0], True), ([-1.0, 900.0], False)],
)
def test_numbers_over_more_than_one_and_a_half_decades_are_logarithmic(values, logarithmic):
    scale = number_scale("lr", values)
    drawn = np.log10(values) if logarithmic else np.array(values)
    assert scale.logarithmic == logarithmic
    assert np.allclose(scale.places, (drawn - drawn[0]) / (drawn[-1] - drawn[0]))


def test_ticks_of_few_numbers_are_the_numbers_and_of_many_round_ones():
    assert [text for _, text in number_scale("lr", [1e-4, 1e-2, 1e-3]).ticks] == [
        *("0.0001", "0.001", "0.01"),
    ]
    many = number_scale("lr", (10 ** np.linspace(-4.2, -0.8, 20)).tolist())
    places = {text: place for place, text in many.ticks}
    assert np.isclose(places["0.01"], 2.2 / 3.4) and np.isclose(places["0.001"], 1.2 / 3.4)
    assert min(np.diff([place for place, _ in many.ticks])) >= 0.06


def test_what_has_no_number_stands_below():
    scale = number_scale("gamma", [1.0, None, 2.0])
    assert scale.places[1] == 0.0 < scale.places[0] < scale.places[2] == 1.0
    assert scale.ticks[0] == (0.0, "\u2013")
    assert number_scale("gamma", [3.0, 3.0]).places == [0.5, 0.5]


def test_choices_have_equal_distances_from_the_top():
    scale = choice_scale("encoder", ["a", "b", "c", "a"])
    assert list(scale.places) == [1.0, 0.5, 0.0, 1.0]
    assert choice_scale("encoder", ["a", "a"]).places == [0.5, 0.5]


def test_strands_go_through_their_places_the_best_on_top():
    scales = [choice_scale("encoder", ["a", "b"]), number_scale("val/miou", [0.8, 0.2])]
    strands = [Strand("trial 0", 1.0, best=True), Strand("trial <1>", 0.0)]
    chart = parsed(parallel_coordinates(scales, strands, "title", "hint"))
    first, last = of_class(chart, "strand")
    assert (first.get("data-said"), last.get("data-said")) == ("trial <1>", "trial 0")
    assert points(of_class(last, "line")[0]) == [(0, 0), (100, 0)]
    assert points(of_class(first, "line")[0]) == [(0, 100), (100, 100)]


@pytest.mark.parametrize(("maximize", "last"), [(True, 5.0), (False, 1.0)])
def test_the_best_so_far_goes_in_steps_past_what_has_no_result(maximize, last):
    values = [2.0, None, 9.0, last, 3.0]
    states = ["finished", "failed", "pruned", "finished", "finished"]
    marks = [Mark(n, v, s) for n, (v, s) in enumerate(zip(values, states, strict=True))]
    chart = parsed(search_chart(marks, title="by trial", format_value=str, maximize=maximize))
    (line,) = [each for each in of_class(chart, "line") if each.tag == "path"]
    bottom, top = around(min(2.0, last), 9.0)
    corners = [(0, 2), (3, 2), (3, last), (4, last), (4, last), (4, last)]
    drawn = [(20 * x + 10, 100 * (top - y) / (top - bottom)) for x, y in corners]
    assert np.allclose(points(line), drawn, atol=1e-3)
    dots = of_class(chart, "dot")
    assert [each[0].text for each in dots][1:3] == [
        *("trial 1, failed: no value", "trial 2, pruned: 9.0"),
    ]


def test_shaded_lines_are_told_by_tooltips_alone():
    lines = [
        Line("trial 1", [(0.0, 0.2), (9.0, 0.4)], "a", shade=0.25),
        Line("best", [(0.0, 1.0)], "b"),
    ]
    chart = parsed(line_chart(lines, title="curves", format_value=str))
    (shaded,) = of_class(chart, "shaded")
    assert shaded.get("style") == "--shade:25%" and shaded[0].text == "trial 1"
    assert [each[0].tail for each in chart.iter("li")] == ["best"]


def test_rare_peaks_stay_inside_where_nothing_is_cut():
    data = [(float(step), 0.1) for step in range(400)] + [(400.0, 0.9)]
    top = [
        min(y for _, y in points(of_class(parsed(markup), "line")[-1]))
        for markup in (
            line_chart([Line("a", data, "a")], title="t", format_value=str, cut=cut)
            for cut in (0.0, 0.02)
        )
    ]
    assert top[0] > 0 and top[1] == 0
