"""The map as one file, opened from the disk in a real headless Chromium that has no network; and what it saves."""

import base64
import gzip
import json
import shutil
import struct
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from test_live_map import decode
from test_taxonomy import random_tree

from hierex.charts import encode_map
from hierex.charts.live_map import map_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>{{STATE}}"
TREE = random_tree(80, 5)
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; .ci/run installs it"),
]


def packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content)).decode()


def write_page(path: Path, *, n: int = 9, changed: dict | None = None, highlight: tuple[int, ...] = ()) -> str:
    """A saved map of 80 items, of which 40 are drawn; returns its address."""
    xy = np.random.default_rng(1).normal(size=(80, 2)).astype(np.float32)
    titles, names = [f"{HOSTILE} {i}" for i in range(80)], [f"{node} {HOSTILE}" for node in range(len(TREE.lo))]
    content = encode_map(TREE, xy, titles, np.arange(80), names, most=40)
    state = {"map": decode(content)[0]["key"], "title": HOSTILE, "n": n, "changed": changed, "move": 0, "choice": 0}
    style = {"--st-background-color": "#ffffff", "--st-text-color": "#101010"}
    state |= {"highlight": highlight, "view": None, "style": style}
    page = map_page().replace("{{CONTENT}}", packed(content), 1)
    path.write_text(page.replace("{{STATE}}", packed(json.dumps(state).encode()), 1), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def context():
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context(offline=True, viewport={"width": 900, "height": 700})
        context.set_default_timeout(10_000)
        yield context
        browser.close()


@pytest.fixture
def opened(context, tmp_path):
    """Opens an address and sees to it that nothing was asked of any other machine and that no script went wrong."""
    wrong, pages = [], []

    def open_page(address: str) -> Page:
        page = context.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        page.on("request", lambda one: one.url.startswith(("file:", "data:", "blob:")) or wrong.append(one.url))
        page.goto(address)
        expect(page.locator("#summary")).to_contain_text("interests")
        return page

    yield open_page
    assert all(page.evaluate("window.hacked") is None for page in pages)
    assert not wrong
    for page in pages:
        page.close()


def save(page: Page, kind: str, folder: Path) -> Path:
    """Through the menu, with the keyboard."""
    page.locator("details.save summary").press("Enter")
    with page.expect_download() as waiting:
        page.locator(f"[data-does={kind}]").press("Enter")
    assert waiting.value.suggested_filename.endswith(f"-interests.{kind}")
    assert not set(waiting.value.suggested_filename) & set("<>/'{}= ")
    path = folder / f"saved.{kind}"
    waiting.value.save_as(path)
    return path


def drawing(page: Page, folder: Path) -> ElementTree.Element:
    return ElementTree.fromstring(save(page, "svg", folder).read_text(encoding="utf-8"))


def test_a_saved_map_has_its_slider_and_shows_titles_as_text(opened, tmp_path):
    page = opened(write_page(tmp_path / "map.html"))
    assert page.title() == f"{HOSTILE}: 9 interests"
    for n in (9, 10):
        circles = drawing(page, tmp_path).iter(f"{SVG}circle")
        fills = Counter(circle.get("fill") for circle in circles)
        assert (len(fills), fills.total()) == (n, 40)
        page.get_by_role("slider", name="Number of interests").press("ArrowRight")
    box = page.locator("canvas.points").bounding_box()
    for x in range(0, 900, 8):  # until it meets an item
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + x % box["height"])
        if page.locator(".hover").is_visible():
            break
    expect(page.locator(".hover b")).to_contain_text("</script><script>window.hacked=1")


def test_what_is_saved_says_what_it_shows_and_is_only_a_sample(opened, tmp_path):
    page = opened(write_page(tmp_path / "map.html"))
    note = "Showing 40 of 80 items, the same share of every interest"
    expect(page.locator(".note")).to_have_text(note)
    svg = drawing(page, tmp_path)
    assert svg.find(f"{SVG}title").text == f"{HOSTILE} · 9 interests · 80 items · {note}"
    assert {one.tag.removeprefix(SVG) for one in svg.iter()} == {"svg", "title", "rect", "circle", "text"}
    assert sum("</script>" in (one.text or "") for one in svg.iter(f"{SVG}text")) > 3
    picture = save(page, "png", tmp_path).read_bytes()
    width, height = page.locator(".frame").evaluate("frame => [frame.clientWidth, frame.clientHeight]")
    assert struct.unpack(">II", picture[16:24]) == (2 * width, 2 * (height + 30))  # twice as fine, and a line of text
    colors = page.evaluate(
        """async (data) => {
          const image = Object.assign(new Image(), { src: "data:image/png;base64," + data });
          await image.decode();
          const canvas = new OffscreenCanvas(image.width, image.height);
          const pen = canvas.getContext("2d");
          pen.drawImage(image, 0, 0);
          return new Set(new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer)).size;
        }""",
        base64.b64encode(picture).decode(),
    )
    assert colors > 20  # points and names, not an empty sheet


def test_a_map_saved_again_opens_as_it_was(opened, tmp_path):
    page = opened(write_page(tmp_path / "map.html", n=12))
    page.get_by_role("button", name="Zoom in").press("Enter")
    before = drawing(page, tmp_path)
    again = opened(save(page, "html", tmp_path).as_uri())
    expect(again.get_by_role("spinbutton")).to_have_value("12")
    assert ElementTree.tostring(drawing(again, tmp_path)) == ElementTree.tostring(before)


def test_the_hierarchy_chooses_with_mouse_and_keys(opened, tmp_path):
    page = opened(write_page(tmp_path / "map.html"))
    page.get_by_role("button", name="Hierarchy").click()
    rectangles = drawing(page, tmp_path).iter(f"{SVG}rect")
    whole = [one.get("fill-opacity") for one in rectangles if one.get("fill-opacity")]
    assert whole == ["1"] * 17  # nine interests and the eight nodes above them
    page.locator("canvas.tree").press("ArrowDown")
    page.locator("canvas.tree").press("Enter")
    dim = [one.get("fill-opacity") for one in drawing(page, tmp_path).iter(f"{SVG}rect")].count("0.2")
    assert 0 < dim < 16
    page.get_by_role("button", name="Map", exact=True).click()
    shown = [one.get("fill-opacity") for one in drawing(page, tmp_path).iter(f"{SVG}circle")]
    assert 0 < shown.count(None) < 40
    page.get_by_role("button", name="Hierarchy").click()
    page.locator("canvas.tree").click(position={"x": 20, "y": 20})  # all items
    assert "0.2" not in {one.get("fill-opacity") for one in drawing(page, tmp_path).iter(f"{SVG}rect")}


def test_a_merged_interest_has_its_name_once(opened, tmp_path):
    nodes = TREE.cut(4).tolist()
    changed = {"n": 4, "nodes": nodes, "colors": [nodes[0], nodes[1], nodes[0], nodes[3]], "names": list("ABAD")}
    page = opened(write_page(tmp_path / "map.html", n=4, changed=changed))
    names = Counter(one.text for one in drawing(page, tmp_path).iter(f"{SVG}text") if len(one.text) == 1)
    assert names == Counter("ABD")
