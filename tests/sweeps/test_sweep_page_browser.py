"""The page of a sweep in a real browser: it draws, tells of lines, and nothing leaves it."""

import pytest

from seg.sweeps.finalize import close_sweep
from tests.reports.chromium import CONTRASTS, Tab, executable
from tests.sweeps.sweep_directory import write_seeds, write_wide

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="needs Chromium on the PATH"),
]
SAID = "document.querySelector('.said').textContent"
POINTED_AT = (
    "document.querySelector('.best-one').dispatchEvent("
    "new PointerEvent('pointerover', {bubbles: true}))"
)
LAST_AXIS = (
    "[...document.querySelectorAll('.best-one .line')].map((each) => {"
    "const end = each.getPointAtLength(each.getTotalLength()); return [end.x, end.y]})[0]"
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with Tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps")
    found = {"wide": folder / "wide", "seeds": folder / "seeds"}
    write_wide(found["wide"])
    write_seeds(found["seeds"])
    for directory in found.values():
        close_sweep(directory)
    return found


def address(directories, name):
    return (directories[name] / "report.html").as_uri()


@pytest.mark.parametrize("name", ["wide", "seeds"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_draws_and_asks_for_nothing(tab, directories, name, scheme, width):
    page = address(directories, name)
    tab.open(page, width=width, height=844, scheme=scheme, touch=width == 390)
    wide = tab.value("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1] == width
    tab.value("scrollTo(0, document.body.scrollHeight)")
    asked = [
        parameters["request"]["url"]
        for method, parameters in tab.events
        if method == "Network.requestWillBeSent"
    ]
    assert [each for each in asked if not each.startswith("data:")] == [page]
    kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
    assert [each for each in tab.events if each[0] in kinds] == []
    areas = tab.value(
        "[...document.querySelectorAll('svg')].filter((each) => each.checkVisibility())"
        ".map((each) => Math.min(each.clientWidth, each.clientHeight))"
    )
    assert areas and min(areas) > 8
    tab.value("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert tab.value(CONTRASTS) == []


def test_a_line_that_is_pointed_at_tells_its_trial(tab, directories):
    sweep = write_wide(directories["wide"].parent / "again")
    best = sweep.best_trial()
    tab.open(address(directories, "wide"))
    assert tab.value(SAID).startswith("Point at a line")
    tab.value(POINTED_AT)
    said = tab.value(SAID)
    assert said.startswith(f"trial {best.number}: mIoU {100 * best.value:.2f} %")
    assert f"optimizer.lr={best.choices['optimizer.lr']}" in said
    assert tab.value(LAST_AXIS) == [100, 0]
    assert tab.value("document.querySelectorAll('.strand').length") == 22
