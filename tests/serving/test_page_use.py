"""How images come to the page, and who can use it."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.serving.page_driver import (
    CONTRAST,
    FOCUSED,
    UNNAMED,
    WAIT_MS,
    canvas,
    segment,
    wait_until_done,
)


@pytest.mark.slow
def test_images_are_pasted_dropped_and_taken_by_the_camera(page, street):
    content = list(street.read_bytes())
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
def test_a_camera_that_is_not_allowed_says_what_to_do(browser, compared):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () =>"
        " { throw new DOMException('no', 'NotAllowedError'); }"
    )
    page.goto(compared)
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_text("Allow it beside the address").wait_for()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("output", ["png", "coco", "labelme"])
def test_downloads_hold_the_prediction(page, street, street_label, output):
    segment(page, street)
    button = page.locator(f"[data-output={output}]").first
    with page.expect_download(timeout=WAIT_MS) as download:
        button.click()
    name = download.value.suggested_filename
    assert name.startswith("street_")
    path = download.value.path()
    if output == "png":
        assert name.endswith("_labels.png")
        assert (np.asarray(Image.open(path)) == street_label).mean() > 0.999
        return
    document = json.loads(Path(path).read_text())
    present = set(np.unique(street_label).tolist())
    if output == "coco":
        assert len({each["category_id"] for each in document["annotations"]}) == len(present)
        assert sum(each["area"] for each in document["annotations"]) == street_label.size
    else:
        assert (document["imageHeight"], document["imageWidth"]) == street_label.shape
        assert document["shapes"]


@pytest.mark.slow
def test_errors_are_told_and_a_good_image_follows(page, street, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(street.read_bytes()[:200])
    segment(page, broken)
    alert = page.locator(".panel .alert").first
    assert "damaged" in alert.inner_text() or "not an image" in alert.inner_text()
    assert alert.get_by_role("button", name="Try again").is_visible()
    segment(page, street)
    assert not alert.is_visible()
    assert page.locator("tbody tr").first.is_visible()


@pytest.mark.slow
def test_a_busy_server_is_asked_again_and_a_token_is_asked_for(browser, compared, street):
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
    page.goto(compared)
    page.set_input_files("#files", str(street))
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
def test_a_phone_shows_all_of_it_in_both_schemes(browser, compared, street, scheme):
    phone = {"width": 360, "height": 740}
    context = browser.new_context(viewport=phone, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    page.goto(compared)
    segment(page, street)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".stage").first.scroll_into_view_if_needed()
    box = page.locator(".stage").first.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "x 60, y 40" in page.locator(".readout").first.inner_text()
    low = page.evaluate(CONTRAST)
    assert low == []
    context.close()


@pytest.mark.slow
def test_keys_alone_lead_through_all_of_it(page, street):
    segment(page, street)
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
