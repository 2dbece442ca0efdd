"""What the page shows of an image, in a real browser before a real server."""

import re
from itertools import combinations

import httpx
import numpy as np
import pytest

from tests.serving.page_driver import canvas, decode, differ, pixels, point, segment, view_of


def test_the_page_and_its_files_are_served_with_types_and_hashes(served):
    answer = httpx.get(served)
    assert answer.headers["content-type"].startswith("text/html")
    names = re.findall(r'(?:src|href)="(page/[^"]+)"', answer.text)
    assert {name.rpartition(".")[2] for name in names} == {"svg", "css", "js"}
    for name in names:
        file = httpx.get(f"{served}/{name}")
        assert file.status_code == 200
        kept = httpx.get(f"{served}/{name}", headers={"If-None-Match": file.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")
    assert httpx.get(f"{served}/page/nothing.js").status_code == 404
    assert httpx.get(f"{served}/page/..%2Fapp.py").status_code == 404
    assert "style=" not in answer.text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=", answer.text)


@pytest.mark.slow
def test_overlay_hover_and_areas_are_those_of_the_prediction(page, compared, street, street_label):
    segment(page, street)
    view = view_of(compared, street)
    names = [each["name"] for each in view["classes"]]
    colors = np.array([each["color"] for each in view["classes"]], np.uint8)
    painted = canvas(page, "paint")
    assert (painted[..., 3] == 255).all()
    equal = (painted[..., :3] == colors[street_label]).all(-1)
    assert equal.mean() > 0.999  # batch norms are folded: rounding
    for x, y in ((3, 5), (60, 40), (118, 78)):
        if not equal[y, x]:
            continue
        text = point(page, x, y)
        assert text.startswith(f"{names[street_label[y, x]]} ")
        assert f"x {x}, y {y}" in text
    rows = page.locator(".panel").first.locator("tbody tr")
    areas = {}
    for cells in rows.evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.innerText))"):
        areas[cells[0].strip()] = int(cells[1].replace(",", ""))
        assert float(cells[2].split()[0]) == pytest.approx(
            100 * areas[cells[0].strip()] / street_label.size, abs=0.06
        )
    assert areas == {each["name"]: each["pixels"] for each in view["classes"] if each["pixels"]}
    counts = np.bincount(street_label.ravel(), minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        assert areas.get(name, 0) == pytest.approx(count, abs=street_label.size * 0.001)


@pytest.mark.slow
def test_the_probability_is_that_of_the_network(page, compared, street):
    segment(page, street)
    view = view_of(compared, street)
    probability = decode(view["probability"])
    entropy = decode(view["entropy"])
    for x, y in ((10, 10), (100, 30)):
        text = point(page, x, y)
        percent = int(re.search(r"(\d+) %", text)[1])
        assert percent == pytest.approx(100 * int(probability[y, x]) / 255, abs=0.51)
        assert float(text.rpartition("entropy ")[2]) == pytest.approx(
            entropy[y, x] / 255, abs=0.006
        )


@pytest.mark.slow
def test_views_opacity_and_legend_change_what_is_seen(page, street):
    segment(page, street)
    stage = page.locator(".stage").first
    page.mouse.move(1, 1)
    seen = {}
    for name in ("Overlay", "Labels", "Entropy", "Image"):
        page.get_by_text(name, exact=True).click()
        page.mouse.move(1, 1)
        seen[name] = pixels(stage)
    assert all(differ(seen[a], seen[b]) > 0.1 for a, b in combinations(seen, 2))
    page.get_by_text("Overlay", exact=True).click()
    page.locator("#opacity").fill("0")
    page.mouse.move(1, 1)
    assert differ(pixels(stage), seen["Image"]) < 0.03
    page.locator("#opacity").fill("100")
    page.mouse.move(1, 1)
    assert differ(pixels(stage), seen["Labels"]) < 0.03
    assert page.locator("#opacity-value").inner_text() == "100 %"
    box = page.locator("tbody input").first
    name = box.get_attribute("data-name")
    before = canvas(page, "paint")
    box.uncheck()
    after = canvas(page, "paint")
    assert (after[..., 3] == 0).any()
    changed = (before != after).any(-1)
    assert (after[changed] == 0).all()
    assert int(page.locator("tbody tr td").first.inner_text().replace(",", "")) == changed.sum()
    others = page.locator(f'tbody input[data-name="{name}"]')
    assert [each.is_checked() for each in others.all()] == [False] * others.count()
    page.get_by_role("button", name="None").first.click()
    assert (canvas(page, "paint")[..., 3] == 0).all()
    page.get_by_role("button", name="All").first.click()
    assert (canvas(page, "paint") == before).all()


@pytest.mark.slow
def test_two_networks_are_compared(page, compared, street):
    segment(page, street)
    models = [each["name"] for each in httpx.get(f"{compared}/v1/models").json()]
    assert page.locator(".panel h2").all_inner_texts() == models
    ids = [decode(view_of(compared, street, name)["ids"]) for name in models]
    agree = ids[0] == ids[1]
    assert 0 < agree.mean() < 1
    assert f"{100 * agree.mean():.1f} %" in page.locator("#agreement").inner_text()
    page.get_by_text("Differences", exact=True).click()
    for panel in (0, 1):
        painted = canvas(page, "paint", panel)
        assert ((painted[..., 3] == 255) == ~agree).all()
    y, x = np.argwhere(~agree)[0]
    first = point(page, int(x), int(y))
    second = page.locator(".readout").nth(1).inner_text()
    assert first.partition(" · ")[2].split(" · ")[0] == second.partition(" · ")[2].split(" · ")[0]
    assert re.match(r"[^\d]+", first)[0] != re.match(r"[^\d]+", second)[0]
