"""The page in a real browser: it draws, its controls work, and nothing leaves it."""

import pytest

from seg.reports.page import write_report
from tests.reports.chromium import CONTRASTS, Tab, executable
from tests.reports.run_directory import write_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(executable() is None, reason="needs Chromium on the PATH"),
]
SPLIT = "getComputedStyle(document.querySelector('.stage')).getPropertyValue('--split')"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
SEEN = (
    "[...document.querySelector('.stage').querySelectorAll('img')]"
    ".filter((each) => getComputedStyle(each).visibility === 'visible')"
    ".map((each) => each.dataset.layer)"
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with Tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    hostile = ('"><script>alert(1)</script>', "<img src=http://127.0.0.1:9/x>", "a", "b")
    write_run(folder / "one", seed=1)
    write_run(folder / "two", seed=2, classes=hostile, name=hostile[0])
    found = {}
    for name, runs in {"one": ["one"], "hostile": ["two"], "both": ["one", "two"]}.items():
        write_report([folder / run for run in runs], folder / f"{name}.html")
        found[name] = (folder / f"{name}.html").as_uri()
    return found


def middle(tab, selector):
    place = f"document.querySelector({selector!r})"
    tab.value(f"{place}.scrollIntoView({{behavior: 'instant', block: 'center'}})")
    box = tab.value(f"{place}.getBoundingClientRect().toJSON()")
    return box, (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


@pytest.mark.parametrize("name", ["one", "hostile", "both"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_draws_and_asks_for_nothing(tab, addresses, name, scheme, width):
    tab.open(addresses[name], width=width, height=844, scheme=scheme, touch=width == 390)
    wide = tab.value("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1] == width
    assert tab.value("[...document.images].every((each) => each.complete && each.naturalWidth)")
    tab.value("scrollTo(0, document.body.scrollHeight)")
    asked = [
        parameters["request"]["url"]
        for method, parameters in tab.events
        if method == "Network.requestWillBeSent"
    ]
    assert [address for address in asked if not address.startswith("data:")] == [addresses[name]]
    told = [each for each in tab.events if each[0] in ("Runtime.exceptionThrown", "Log.entryAdded")]
    told += [each for each in tab.events if each[0] == "Runtime.consoleAPICalled"]
    assert told == []
    areas = tab.value(
        "[...document.querySelectorAll('svg')].filter((each) => each.checkVisibility())"
        ".map((each) => Math.min(each.clientWidth, each.clientHeight))"
    )
    assert areas and min(areas) > 8


def test_the_slider_follows_keys(tab, addresses):
    tab.open(addresses["one"])
    assert tab.value(SPLIT) == "50%"
    tab.value("document.querySelector('.compare input').focus()")
    for key, code, split in (
        ("ArrowRight", 39, "51%"),
        ("ArrowLeft", 37, "50%"),
        ("Home", 36, "0%"),
        ("End", 35, "100%"),
    ):
        tab.press(key, code)
        assert tab.value(SPLIT) == split


def test_the_slider_follows_the_mouse_on_the_picture(tab, addresses):
    tab.open(addresses["one"])
    box, (x, y) = middle(tab, ".stage")
    tab.drag((x, y), (box["x"] + 0.8 * box["width"], y))
    assert tab.value(SPLIT) == "80%"
    assert tab.value("document.querySelector('.compare input').value") == "80"
    shown = tab.value(
        "getComputedStyle(document.querySelector('.stage [data-layer=prediction]')).clipPath"
    )
    assert "80%" in shown


def test_the_slider_follows_a_finger(tab, addresses):
    tab.open(addresses["one"], width=390, height=844, touch=True)
    box, (x, y) = middle(tab, ".stage")
    tab.swipe((x, y), (box["x"] + 0.25 * box["width"], y))
    assert tab.value(SPLIT) == "25%"


def test_layers_are_chosen(tab, addresses):
    tab.open(addresses["one"])
    assert tab.value(SEEN) == ["image", "prediction"]
    for side, layer, seen in (
        ("right", "error", ["image", "error"]),
        ("left", "label", ["label", "error"]),
        ("right", "label", ["label"]),
    ):
        tab.value(f"document.querySelector('[data-side={side}][value={layer}]').click()")
        assert tab.value(SEEN) == seen
    tab.value("document.querySelector('[data-side=right]:checked').focus()")
    tab.press("ArrowRight", 39)
    assert tab.value(SEEN) == ["label", "prediction"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_until_one_chooses(tab, addresses, scheme):
    colors = {"light": "rgb(247, 246, 242)", "dark": "rgb(18, 20, 23)"}
    other = {"light": "dark", "dark": "light"}[scheme]
    tab.open(addresses["one"], scheme=scheme)
    assert tab.value(BACKGROUND) == colors[scheme]
    _, at = middle(tab, "[data-theme-button]")
    tab.drag(at, at)
    assert tab.value(BACKGROUND) == colors[other]
    tab.value("document.querySelector('[data-theme-button]').click()")
    assert tab.value(BACKGROUND) == colors[scheme]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(tab, addresses, scheme):
    """Contrast of at least 4.5, as WCAG 2 counts it, for every text that is not on a picture."""
    tab.open(addresses["one"], scheme=scheme)
    tab.value("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    weak = tab.value(CONTRASTS)
    assert weak == []
