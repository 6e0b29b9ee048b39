"""The app in a real headless Chromium: upload, build, slider, edit, preview; two people at once; hostile titles."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from hierex.synthetic import make_world

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SCRIPT = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><b>bold</b>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; .ci/run installs it"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A German catalogue with odd columns, a log in milliseconds, and one hostile title."""
    folder = tmp_path_factory.mktemp("files")
    world = make_world(n_items=260, n_users=130, n_interactions=2_600, seed=8)
    columns = list(world.items.columns)
    items = world.items.rename(columns={columns[0]: "Artikelnummer", columns[1]: "Bezeichnung"})
    items.loc[0, "Bezeichnung"] = SCRIPT
    items.to_csv(folder / "katalog.csv", index=False, sep=";")
    users, item, when = world.interactions.columns[:3]
    log = world.interactions.rename(columns={users: "Kunde", item: "Artikelnummer"})
    stamps = pd.to_datetime(log.pop(when), utc=True, format="mixed")
    log["Zeitpunkt"] = (stamps - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1ms")
    log.to_csv(folder / "klicks.tsv.gz", index=False, sep="\t")
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running app on an empty folder of workspaces."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HIEREX_WORKSPACES": str(tmp_path_factory.mktemp("served"))}
    command = [sys.executable, "-m", "hierex", "app", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            break
        except OSError:
            time.sleep(0.25)  # the server is starting
    yield url
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


requested: list[str] = []
"""Every address that the page asked for."""


@pytest.fixture(scope="module")
def page(browser, address):
    page = browser.new_page(viewport={"width": 1500, "height": 1100})
    page.set_default_timeout(30_000)
    page.on("request", lambda request: requested.append(request.url))
    page.goto(address)
    return page


def settled(page: Page) -> Page:
    """Waits until the script has run to its end."""
    page.wait_for_timeout(300)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=60_000)
    return page


def go_to(page: Page, name: str) -> Page:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(name)).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=60_000)
    return settled(page)


def no_errors(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_upload_to_report(page, files):
    expect(page.get_by_text("There is no workspace yet")).to_be_visible()
    page.get_by_label("Name of a new workspace").fill("Katalog")
    page.get_by_label("Name of a new workspace").press("Enter")
    page.get_by_role("button", name="Create").click()
    settled(page)
    go_to(page, "Logs")
    uploads = page.locator("input[type=file]")
    uploads.nth(0).set_input_files(files / "katalog.csv")
    settled(page)
    uploads.nth(1).set_input_files(files / "klicks.tsv.gz")
    settled(page)
    page.get_by_role("button", name="Check these files").click()
    expect(page.get_by_text("This is what would come in")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Use these logs").click()
    settled(page)
    expect(page.get_by_role("heading", name="Build", exact=True)).to_be_visible()
    no_errors(page)


def test_build_in_the_background_while_pages_answer(page):
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=20_000)
    for name in ("Evaluation", "Descriptions", "Logs"):
        began = time.monotonic()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(name)).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        assert time.monotonic() - began < 2.0, f"{name} took longer than two seconds while a job ran"
    expect(page.get_by_text("Built and up to date")).to_be_visible(timeout=240_000)
    no_errors(page)


def test_slider_moves_with_the_keyboard(page):
    go_to(page, "Granularity")
    slider = page.locator("[data-testid=stSlider] input[type=range]")
    before = int(slider.get_attribute("value"))
    slider.focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    expect(page.get_by_text(f"You are looking at {before + 1} interests")).to_be_visible()
    no_errors(page)


def test_hostile_titles_are_text(page):
    go_to(page, "Granularity")
    go_to(page, "Descriptions")
    go_to(page, "Preview")
    assert page.evaluate("window.hacked") is None
    no_errors(page)


def test_an_edit_is_saved_at_once_and_undone(page):
    go_to(page, "Descriptions")
    grid = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    expect(grid.locator("canvas").first).to_be_visible()
    page.wait_for_timeout(1_000)  # the grid draws itself on a canvas, which has no sign of being done
    box = grid.bounding_box()
    page.mouse.dblclick(box["x"] + 60, box["y"] + 55)
    expect(page.locator(".gdg-input")).to_be_visible()
    page.keyboard.press("Control+A")
    page.keyboard.type("Breads of the world", delay=20)
    expect(page.locator(".gdg-input")).to_have_value("Breads of the world")
    page.wait_for_timeout(300)  # no person presses Enter sooner
    page.keyboard.press("Enter")
    settled(page)
    expect(page.get_by_text("Last change: “Breads of the world”")).to_be_visible()
    page.reload()
    settled(page)
    expect(page.get_by_text("Last change: “Breads of the world”")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    settled(page)
    expect(page.get_by_text("Last change: “Breads of the world”")).to_have_count(0)
    no_errors(page)


def test_preview_from_history_to_items(page):
    go_to(page, "Preview")
    expect(page.get_by_role("heading", name="Which new interest comes next")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("Items in each"))).to_be_visible()
    expect(page.get_by_text("The same recommender, free to choose").first).to_be_visible()
    no_errors(page)


def test_nothing_is_asked_of_other_machines(address):
    own = (address, address.replace("http", "ws"), "data:", "blob:")
    foreign = {url for url in requested if not url.startswith(own)}
    assert requested
    assert not foreign


def test_two_people_at_once(page, browser, address):
    other = browser.new_page(viewport={"width": 1500, "height": 1100})
    other.set_default_timeout(30_000)
    other.goto(f"{address}/descriptions")
    go_to(page, "Evaluation")
    settled(other)
    expect(other.get_by_role("heading", name="Descriptions", exact=True)).to_be_visible()
    no_errors(other)
    no_errors(page)
    other.close()
