"""What is drawn stands where the numbers say."""

from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.ticker import MaxNLocator

from seg.reports.charts.axis import around, label, ticks
from seg.reports.charts.bars import Bar, Row, bar_chart
from seg.reports.charts.heat_map import heat_map, most_confused
from seg.reports.charts.lines import Line, line_chart, smoothed
from seg.reports.charts.markup import element
from seg.reports.charts.reliability import reliability_diagram
from tests.reports.drawn_charts import of_class, parsed, points


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.83), (0.2, 7.3), (-3, 900), (9, 4549)])
def test_ticks_are_those_of_matplotlib(low, high):
    theirs = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    theirs = [each for each in theirs if low - 1e-9 <= each <= high + 1e-9]
    assert np.allclose(ticks(low, high, 5), theirs)
    bottom, top = around(low, high)
    assert bottom <= low and top >= high


def test_equal_bounds_and_labels():
    assert len(ticks(0.5, 0.5)) > 1
    assert [label(each, [0, 0.25, 0.5]) for each in (0, 0.25, 0.5)] == ["0.00", "0.25", "0.50"]
    assert label(2000, [0, 1000, 2000]) == "2,000"
    assert label(20000, [0, 10000, 20000]) == "20k"


def test_a_curve_goes_through_its_points():
    data = [(9.0, 2.0), (19.0, 1.0), (39.0, 0.5)]
    chart = parsed(line_chart([Line("train", data, "train")], title="Loss", format_value=str))
    (drawn,) = [each for each in of_class(chart, "line") if each.tag == "path"]
    assert np.allclose(points(drawn), [(900 / 39, 0), (1900 / 39, 50), (100, 75)], atol=1e-3)


def test_outliers_do_not_flatten_a_curve():
    data = [(float(step), 1.0) for step in range(400)] + [(400.0, 1e6)]
    chart = parsed(line_chart([Line("train", data, "train")], title="Loss", format_value=str))
    (drawn,) = [each for each in of_class(chart, "line") if each.tag == "path"]
    assert points(drawn)[0][1] < 60


def test_the_running_mean_has_no_lag():
    values = np.random.default_rng(0).random(80)
    found = np.array(smoothed(list(enumerate(values)), share=0.025))
    assert np.array_equal(found[:, 0], np.arange(80))
    assert np.allclose(found[2:-2, 1], np.convolve(values, np.ones(5) / 5, "valid"))
    assert np.isclose(found[0, 1], values[:3].mean())
    assert np.isclose(found[-2, 1], values[-4:].mean())


def test_bars_and_intervals_have_their_lengths():
    rows = [Row("car", [Bar(0.62, (0.5, 0.7))], (1, 2, 3)), Row("none", [Bar(None)])]
    chart = parsed(bar_chart(rows, "IoU"))
    (bar,) = chart.iter("rect")
    assert float(bar.get("width")) == 62 and bar.get("style") == "fill:#010203"
    (whisker,) = of_class(chart, "whisker")
    assert np.allclose(points(whisker), [(50, 5), (70, 5)])
    assert "95 % interval 50.0" in bar[0].text


def test_the_matrix_shows_shares_of_rows():
    confusion = [[90, 10, 0], [5, 15, 0], [0, 0, 0]]
    chart = parsed(heat_map(confusion, ("a", "b", "c"), ((1, 1, 1),) * 3))
    cells = of_class(chart, "cell")
    assert np.allclose(
        [float(cell.get("fill-opacity")) ** (1 / 0.6) for cell in cells],
        [0.9, 0.1, 0.25, 0.75],
        atol=1e-3,
    )
    numbers = [each.text for each in of_class(chart, "number")]
    assert numbers == ["90", "10", "25", "75"]
    assert "a → b: 10.0 %, 10 pixels" in [cell[0].text for cell in cells]
    assert most_confused(confusion, ("a", "b", "c")) == [("a", "b", 0.1, 10), ("b", "a", 0.25, 5)]


def test_a_large_matrix_stays_small():
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 10, (150, 150)) + 10_000 * np.eye(150, dtype=int)
    chart = heat_map(confusion.tolist(), [f"class {place}" for place in range(150)])
    assert len(chart) < 200_000


def test_the_diagram_shows_accuracy_and_the_gap():
    diagram = reliability_diagram([0, 0.5, 1], [0, 8], [None, 0.9], [None, 0.7])
    root = parsed(diagram)
    (bar,), (gap,) = of_class(root, "accuracy"), of_class(root, "gap")
    assert np.isclose(float(bar.get("height")), 70) and np.isclose(float(bar.get("y")), 30)
    assert np.isclose(float(gap.get("height")), 20) and np.isclose(float(gap.get("y")), 10)
    assert "over" in gap.get("class")


def test_attributes_and_texts_are_escaped():
    drawn = element("text", "<b>&", title='"><x>', stroke_width=1.23456)
    root = ElementTree.fromstring(drawn)
    assert root.text == "<b>&" and root.get("title") == '"><x>'
    assert root.get("stroke-width") == "1.2346"
