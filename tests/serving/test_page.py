"""The page in a real browser, before a real server."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

import seg
from seg.models.weights.digests import DIGESTS_KEY
from tests.serving.conftest import serving

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
SIZE = (120, 80)
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def other_run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network with other weights of the last layer, so that predictions differ."""
    import torch

    path = tmp_path_factory.mktemp("other") / "other" / "changed.ckpt"
    path.parent.mkdir()
    checkpoint = torch.load(small_run / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint["seg"].pop(DIGESTS_KEY)  # of the weights that it had
    weights = checkpoint["state_dict"]
    name = [each for each in weights if each.endswith("bias")][-1]
    weights[name] = weights[name] + torch.linspace(0, 0.1, len(weights[name]))
    torch.save(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def address(small_run: Path, other_run: Path) -> Iterator[str]:
    with serving(f"checkpoint={small_run}", f"compare={other_run}") as address:
        yield address


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "street.png"
    columns = np.linspace(0, 255, SIZE[0], dtype=np.uint8)[None].repeat(SIZE[1], 0)
    rows = np.linspace(255, 0, SIZE[1], dtype=np.uint8)[:, None].repeat(SIZE[0], 1)
    Image.fromarray(np.stack((columns, rows, columns // 2), -1)).save(path)
    return path


@pytest.fixture(scope="module")
def labels(small_run: Path, image: Path) -> np.ndarray:
    return seg.load_model(small_run).predict(image)


@pytest.fixture
def page(browser, address) -> Iterator[object]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.get_by_text("classes,").wait_for()
    yield page
    context.close()
    assert errors == []
    local = re.compile(rf"({re.escape(address)}|data:|blob:)")
    assert [url for url in asked if not local.match(url)] == []


def segment(page, *paths: Path) -> None:
    page.set_input_files("#files", [str(path) for path in paths])
    wait_until_done(page)


def wait_until_done(page, count: int = 1) -> None:
    page.wait_for_function(
        """count => {
          const all = [...document.querySelectorAll(".thumbnail")];
          const ended = ["done", "failed"];
          return all.length >= count && all.every((e) => ended.includes(e.dataset.state));
        }""",
        arg=count,
        timeout=WAIT_MS,
    )


def canvas(page, name: str, panel: int = 0) -> np.ndarray:
    """The pixels of a canvas, H x W x 4."""
    width, height, values = page.evaluate(
        """([name, panel]) => {
          const canvas = document.querySelectorAll(`.panel canvas.${name}`)[panel];
          const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return [canvas.width, canvas.height, [...data]];
        }""",
        [name, panel],
    )
    return np.array(values, np.uint8).reshape(height, width, 4)


def point(page, x: int, y: int, panel: int = 0) -> str:
    """Move the mouse to a pixel; the text that names its class."""
    box = page.locator(".stage").nth(panel).bounding_box()
    page.mouse.move(
        box["x"] + (x + 0.5) / SIZE[0] * box["width"],
        box["y"] + (y + 0.5) / SIZE[1] * box["height"],
    )
    return page.locator(".readout").nth(panel).inner_text()


def pixels(stage) -> np.ndarray:
    """What a reader sees there."""
    return np.asarray(Image.open(BytesIO(stage.screenshot())).convert("RGB"))[8:368, 8:548]


def differ(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that differ by more than rounding."""
    return float((np.abs(a.astype(int) - b).max(-1) > 3).mean())


def view_of(address: str, image: Path, model: str | None = None) -> dict:
    query = {"output": "view"} if model is None else {"output": "view", "model": model}
    answer = httpx.post(
        f"{address}/v1/predict", params=query, files={"image": image.read_bytes()}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_and_its_files_are_served_with_types_and_hashes(address):
    answer = httpx.get(address)
    assert answer.headers["content-type"].startswith("text/html")
    names = re.findall(r'(?:src|href)="(page/[^"]+)"', answer.text)
    assert {name.rpartition(".")[2] for name in names} == {"svg", "css", "js"}
    for name in names:
        file = httpx.get(f"{address}/{name}")
        assert file.status_code == 200
        kept = httpx.get(f"{address}/{name}", headers={"If-None-Match": file.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")
    assert httpx.get(f"{address}/page/nothing.js").status_code == 404
    assert httpx.get(f"{address}/page/..%2Fapp.py").status_code == 404
    assert "style=" not in answer.text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=", answer.text)


@pytest.mark.slow
def test_overlay_hover_and_areas_are_those_of_the_prediction(page, address, image, labels):
    segment(page, image)
    view = view_of(address, image)
    names = [each["name"] for each in view["classes"]]
    colors = np.array([each["color"] for each in view["classes"]], np.uint8)
    painted = canvas(page, "paint")
    assert (painted[..., 3] == 255).all()
    equal = (painted[..., :3] == colors[labels]).all(-1)
    assert equal.mean() > 0.999  # batch norms are folded: rounding
    for x, y in ((3, 5), (60, 40), (118, 78)):
        if not equal[y, x]:
            continue
        text = point(page, x, y)
        assert text.startswith(f"{names[labels[y, x]]} ")
        assert f"x {x}, y {y}" in text
    rows = page.locator(".panel").first.locator("tbody tr")
    areas = {}
    for cells in rows.evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.innerText))"):
        areas[cells[0].strip()] = int(cells[1].replace(",", ""))
        assert float(cells[2].split()[0]) == pytest.approx(
            100 * areas[cells[0].strip()] / labels.size, abs=0.06
        )
    assert areas == {each["name"]: each["pixels"] for each in view["classes"] if each["pixels"]}
    counts = np.bincount(labels.ravel(), minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        assert areas.get(name, 0) == pytest.approx(count, abs=labels.size * 0.001)


@pytest.mark.slow
def test_the_probability_is_that_of_the_network(page, address, image):
    segment(page, image)
    view = view_of(address, image)
    probability = np.asarray(Image.open(BytesIO(b64decode(view["probability"]))))
    entropy = np.asarray(Image.open(BytesIO(b64decode(view["entropy"]))))
    for x, y in ((10, 10), (100, 30)):
        text = point(page, x, y)
        percent = int(re.search(r"(\d+) %", text)[1])
        assert percent == pytest.approx(100 * int(probability[y, x]) / 255, abs=0.51)
        assert float(text.rpartition("entropy ")[2]) == pytest.approx(
            entropy[y, x] / 255, abs=0.006
        )


@pytest.mark.slow
def test_views_opacity_and_legend_change_what_is_seen(page, image):
    segment(page, image)
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
def test_two_networks_are_compared(page, address, image):
    segment(page, image)
    models = [each["name"] for each in httpx.get(f"{address}/v1/models").json()]
    assert page.locator(".panel h2").all_inner_texts() == models
    ids = [
        np.asarray(Image.open(BytesIO(b64decode(view_of(address, image, name)["ids"]))))
        for name in models
    ]
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


@pytest.mark.slow
def test_images_are_pasted_dropped_and_taken_by_the_camera(page, image):
    content = list(image.read_bytes())
    for kind in ("paste", "drop"):
        page.evaluate(
            """([kind, content]) => {
              const transfer = new DataTransfer();
              const bytes = new Uint8Array(content);
              transfer.items.add(new File([bytes], `${kind}.png`, {type: "image/png"}));
              const options = {bubbles: true, cancelable: true};
              const event = kind === "paste"
                ? new ClipboardEvent("paste", {clipboardData: transfer, ...options})
                : new DragEvent("drop", {dataTransfer: transfer, ...options});
              document.body.dispatchEvent(event);
            }""",
            [kind, content],
        )
    wait_until_done(page, 2)
    page.get_by_role("button", name="Use the camera").click()
    capture = page.get_by_role("button", name="Capture")
    page.wait_for_selector(".capture:not([disabled])")
    capture.click()
    wait_until_done(page, 3)
    names = page.locator(".thumbnail span").all_inner_texts()
    assert names == ["paste.png", "drop.png", "camera-1.png"]
    assert page.locator(".thumbnail[aria-pressed=true]").inner_text() == "camera-1.png"
    assert (canvas(page, "paint")[..., 3] == 255).all()
    page.get_by_role("button", name="Remove camera-1.png").click()
    assert page.locator(".thumbnail[aria-pressed=true]").inner_text() == "drop.png"


@pytest.mark.slow
def test_a_camera_that_is_not_allowed_says_what_to_do(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () =>"
        " { throw new DOMException('no', 'NotAllowedError'); }"
    )
    page.goto(address)
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_text("Allow it beside the address").wait_for()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("output", ["png"])
def test_downloads_hold_the_prediction(page, image, labels, output):
    segment(page, image)
    button = page.locator(f"[data-output={output}]").first
    with page.expect_download(timeout=WAIT_MS) as download:
        button.click()
    name = download.value.suggested_filename
    assert name.startswith("street_")
    path = download.value.path()
    if output == "png":
        assert name.endswith("_labels.png")
        assert (np.asarray(Image.open(path)) == labels).mean() > 0.999
        return
    document = json.loads(Path(path).read_text())
    present = set(np.unique(labels).tolist())
    if output == "coco":
        assert len({each["category_id"] for each in document["annotations"]}) == len(present)
        assert sum(each["area"] for each in document["annotations"]) == labels.size
    else:
        assert (document["imageHeight"], document["imageWidth"]) == labels.shape
        assert document["shapes"]


@pytest.mark.slow
def test_errors_are_told_and_a_good_image_follows(page, image, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(image.read_bytes()[:200])
    segment(page, broken)
    alert = page.locator(".panel .alert").first
    assert "damaged" in alert.inner_text() or "not an image" in alert.inner_text()
    assert alert.get_by_role("button", name="Try again").is_visible()
    segment(page, image)
    assert not alert.is_visible()
    assert page.locator("tbody tr").first.is_visible()


@pytest.mark.slow
def test_a_busy_server_is_asked_again_and_a_token_is_asked_for(browser, address, image):
    context = browser.new_context()
    page = context.new_page()
    answers = iter([(401, {}), (429, {"Retry-After": "1"})])
    tokens = []

    def answer(route) -> None:
        tokens.append(route.request.headers.get("authorization"))
        status, headers = next(answers, (200, {}))
        if status == 200:
            route.continue_()
        else:
            route.fulfill(status=status, headers=headers, body='{"error": "no"}')

    page.route("**/v1/predict**", answer)
    page.goto(address)
    page.set_input_files("#files", str(image))
    page.locator("input[name=token]").fill("secret")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("asking again in 1 s").first.wait_for(timeout=WAIT_MS)
    wait_until_done(page)
    assert tokens[:3] == [None, "Bearer secret", "Bearer secret"]
    assert page.evaluate("sessionStorage.getItem('seg-token')") == "secret"
    assert page.locator("tbody tr").first.is_visible()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_both_schemes(browser, address, image, scheme):
    phone = {"width": 360, "height": 740}
    context = browser.new_context(viewport=phone, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    page.goto(address)
    segment(page, image)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".stage").first.scroll_into_view_if_needed()
    box = page.locator(".stage").first.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "x 60, y 40" in page.locator(".readout").first.inner_text()
    low = page.evaluate(CONTRAST)
    assert low == []
    context.close()


@pytest.mark.slow
def test_keys_alone_lead_through_all_of_it(page, image):
    segment(page, image)
    reached = []
    page.locator("#choose").focus()
    for _ in range(80):
        focused = SimpleNamespace(**page.evaluate(FOCUSED))
        reached.append(focused.name)
        assert focused.name, focused.html
        assert focused.outline, f"{focused.name}: focus is not seen"
        if focused.is_stage and "cursor" not in reached:
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Shift+ArrowUp")
            assert "x 70, y 39" in page.locator(".readout").first.inner_text()
            assert "x 70, y 39" in page.locator(".spoken").first.inner_text()
            page.keyboard.press("+")
            assert page.locator(".stage.zoomed").count() == 2
            page.keyboard.press("0")
            assert page.locator(".stage.zoomed").count() == 0
            reached.append("cursor")
        page.keyboard.press("Tab")
    for name in ("Choose images", "Use the camera", "Opacity", "Zoom in", "All", "None", "cursor"):
        assert any(name in each for each in reached), (name, reached)
    assert sum(each.startswith(("PNG of", "COCO of", "LabelMe of")) for each in reached) >= 6
    page.locator("input[value=overlay]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("input[value=labels]").is_checked()
    unnamed = page.evaluate(UNNAMED)
    assert unnamed == []


FOCUSED = """() => {
  const e = document.activeElement;
  const name = e.getAttribute("aria-label") ?? e.labels?.[0]?.innerText ?? e.innerText ?? "";
  const ring = e.matches(".segments input") ? e.nextElementSibling : e;
  return {name: e === document.body ? "end" : name.trim(), html: e.outerHTML.slice(0, 200),
    outline: e === document.body || getComputedStyle(ring).outlineStyle !== "none",
    is_stage: e.matches(".stage")};
}"""
UNNAMED = """() => {
  const named = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
    || [...(e.labels ?? [])].some((l) => l.innerText.trim()) || e.innerText?.trim();
  const all = document.querySelectorAll(
    "button, input:not([hidden]), progress, video, dialog, [tabindex='0']");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  return [...[...all].filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 120)),
    ...ids.filter((id, at) => ids.indexOf(id) !== at),
    ...[...document.querySelectorAll("img:not([alt])")].map((e) => e.outerHTML.slice(0, 120))];
}"""
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] > 200) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!text || !e.checkVisibility() || e.disabled || e.matches(":disabled *")) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${e.tagName} ${e.className} ${ratio.toFixed(2)}`);
  }
  return low;
}"""
