"""The app in a real headless Chromium: upload, build, slider, edit, preview; two people at once; hostile titles."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect, sync_playwright

ROOT = Path(__file__).parents[1]
PAGES = ("Logs", "Granularity", "Descriptions", "What comes next", "Preview", "Evaluation")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PATIENCE = 60_000
"""Milliseconds that a page is given on a busy machine; no measure of speed, a person would have gone by then."""
ANSWERED = 15.0
"""Seconds in which a page answers while a job runs: a page that waits for the job would take longer than that."""
SCRIPT = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><b>bold</b>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; .ci/run installs it"),
]


POLISH = {
    "Chleb na zakwasie": "żytni razowy pszenny foremka wyrastanie bochenek skórka mąka",
    "Kiszenie warzyw": "ogórki kapusta słoik solanka czosnek koper buraki fermentacja",
    "Wędrówki górskie": "szlak szczyt plecak schronisko Tatry przełęcz buty mapa",
    "Kajaki na rzece": "wiosło spływ nurt kamizelka jezioro biwak brzeg kapok",
    "Szydełko i druty": "włóczka sweter czapka oczka wzór chusta kordonek motek",
    "Naprawa rowerów": "łańcuch dętka przerzutka hamulec piasta szprycha siodełko korba",
    "Ogród w skrzyniach": "pomidory sadzonki kompost nasiona podlewanie ziemia grządka ściółka",
    "Gra na gitarze": "akord struny kapodaster melodia rytm solówka strojenie kostka",
}


def write_polish_logs(folder: Path) -> None:
    """A catalogue and a log in Polish with odd columns, days before months, and one hostile title."""
    rng = np.random.default_rng(8)
    kinds = rng.integers(0, len(POLISH), 260)
    titles = [
        f"{list(POLISH)[kind]}: {' i '.join(rng.choice(list(POLISH.values())[kind].split(), 3, replace=False))}"
        for kind in kinds
    ]
    items = pd.DataFrame({"Kod": [f"T-{n:04}" for n in range(260)], "Nazwa towaru": titles, "Cena": "9,99 zł"})
    items.loc[0, "Nazwa towaru"] = SCRIPT
    items.to_csv(folder / "katalog.csv", index=False, sep=";")
    rows = []
    for person in range(130):
        kind, day = rng.integers(len(POLISH)), pd.Timestamp("2026-01-01") + pd.Timedelta(rng.integers(90), "D")
        for _ in range(20):
            kind = (kind + (rng.random() < 0.3)) % len(POLISH)  # interests follow each other in a ring
            day += pd.Timedelta(rng.integers(5, 3_000), "min")
            item = items["Kod"].iloc[rng.choice(np.flatnonzero(kinds == kind))]
            rows.append((f"klient {person}", item, f"{day:%d.%m.%Y %H:%M}"))
    log = pd.DataFrame(rows, columns=["Klient", "Kod", "Kiedy"])
    log.to_csv(folder / "klikniecia.tsv.gz", index=False, sep="\t")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_polish_logs(folder)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory, files):
    """A running app on an empty folder of workspaces."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HIEREX_WORKSPACES": str(tmp_path_factory.mktemp("served")), "HIEREX_FILES": str(files)}
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
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


requested: list[str] = []
"""Every address that the page asked for."""


@pytest.fixture(scope="module")
def page(browser, address):
    page = browser.new_page(viewport={"width": 1500, "height": 1100})
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: requested.append(request.url))
    page.goto(address)
    return page


KEPT_IN_BROWSER = "name => document.cookie.split('; ').includes(`hierex_author=${encodeURIComponent(name)}`)"
AT_REST = """() => {
    const app = document.querySelector("[data-testid=stApp]");
    const busy = !app || app.dataset.testScriptState !== "notRunning" || document.querySelector("[data-stale=true]");
    if (busy) window.restSince = undefined;
    else window.restSince ??= performance.now();
    return !busy && performance.now() - window.restSince > 300;
}"""
"""The script has ended and nothing of an earlier run is left on the screen, for 300 milliseconds on end."""


def settled(page: Page) -> Page:
    """Waits until the page has come to rest: before that a click can be lost, or find the same button twice."""
    page.wait_for_timeout(300)  # what was just done has to reach the script
    page.evaluate("window.restSince = undefined")
    page.wait_for_function(AT_REST)
    return page


def press(page: Page, name: str) -> None:
    settled(page)
    page.get_by_role("button", name=name, exact=True).click()
    settled(page)


def go_to(page: Page, name: str) -> Page:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(name)).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    return settled(page)


def no_errors(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)


def create_workspace(page: Page, name: str) -> None:
    box = page.get_by_label("Name of a new workspace")
    box.fill(name)
    box.press("Enter")
    expect(page.get_by_role("combobox", name="Workspace", exact=True)).to_have_value(name)
    settled(page)


def rewrite_name(page: Page, row: int, name: str) -> None:
    """Types a name into the table of descriptions, where rows start at 0."""
    grid = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    grid.scroll_into_view_if_needed()
    expect(grid.locator("canvas").first).to_be_visible()
    page.wait_for_timeout(1_000)  # the grid draws itself on a canvas, which has no sign of being done
    box = grid.bounding_box()
    place = box["x"] + 110, box["y"] + 55 + 35 * row  # the boxes to tick are wider in a wide window
    page.mouse.move(*place, steps=5)
    page.mouse.dblclick(*place, delay=50)
    expect(page.locator(".gdg-input")).to_be_visible()
    page.keyboard.press("Control+A")
    page.keyboard.type(name, delay=20)
    expect(page.locator(".gdg-input")).to_have_value(name)
    page.wait_for_timeout(300)  # no person presses Enter sooner
    page.keyboard.press("Enter")
    settled(page)


def pick_first_row(page: Page, table: Locator, sign: Locator) -> None:
    """Ticks the first row of a table until there is the sign of it: a click is lost where the table is drawn anew."""
    for _ in range(3):
        expect(table).to_be_visible()
        table.scroll_into_view_if_needed()
        page.wait_for_timeout(1_000)  # the table draws itself on a canvas, which has no sign of being done
        box = table.bounding_box()
        page.mouse.click(box["x"] + 18, box["y"] + 52)
        settled(page)
        page.wait_for_timeout(2_000)
        if sign.count():
            return
    raise AssertionError("three clicks on the first row ticked nothing")


def look_closer(page: Page) -> Locator:
    box = page.get_by_test_id("stMain").get_by_test_id("stSelectbox").last
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # its list closes when the page still scrolls
    return box


def test_upload_to_report(page, files):
    expect(page.get_by_text("There is no workspace yet")).to_be_visible()
    create_workspace(page, "Katalog")
    go_to(page, "Logs")
    uploads = page.locator("input[type=file]")
    uploads.nth(0).set_input_files(files / "katalog.csv")
    settled(page)
    uploads.nth(1).set_input_files(files / "klikniecia.tsv.gz")
    settled(page)
    press(page, "Check these files")
    expect(page.get_by_text("This is what would come in")).to_be_visible()
    press(page, "Change files or columns")
    expect(page.get_by_text("Still chosen: katalog.csv")).to_be_visible()
    press(page, "Check these files")
    expect(page.get_by_text("This is what would come in")).to_be_visible()
    press(page, "Use these logs")
    expect(page.get_by_role("heading", name="Build", exact=True)).to_be_visible()
    expect(page.get_by_text("Check these files")).to_have_count(0)
    no_errors(page)


def pages_answer(page: Page, names: tuple[str, ...]) -> None:
    """Each page shows its heading and comes to rest without waiting for what is being built."""
    for name in names:
        began = time.monotonic()
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(name)).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.locator("[data-stale=true]")).to_have_count(0)
        assert time.monotonic() - began < ANSWERED, f"{name} took longer than {ANSWERED} seconds while a job ran"


def test_build_in_the_background_while_pages_answer(page):
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    pages_answer(page, ("Evaluation", "Descriptions", "Logs"))
    expect(page.get_by_text("The build is done")).to_be_visible(timeout=400_000)
    no_errors(page)


def build_again(page: Page, seed: str) -> None:
    go_to(page, "Logs")
    page.get_by_text("More choices").click()
    page.get_by_role("spinbutton", name="Random start").fill(seed)
    page.get_by_role("spinbutton", name="Random start").press("Enter")
    settled(page)
    page.get_by_role("button", name="Build again").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()


def test_while_it_is_built_again_every_page_answers(page):
    for name in PAGES:
        go_to(page, name)
    build_again(page, "7")
    pages_answer(page, PAGES)
    expect(page.get_by_text("The build is done")).to_be_visible(timeout=300_000)
    page.get_by_test_id("stSidebar").get_by_role("button", name="Close", exact=True).click()  # a message has one, too
    settled(page)
    expect(page.get_by_text("The build is done")).to_have_count(0)
    no_errors(page)


def test_a_build_can_be_stopped(page):
    build_again(page, "8")
    stop, stopped = page.get_by_role("button", name="Stop"), page.get_by_text("Stopped. What was finished is kept.")
    for _ in range(5):  # the side bar is drawn anew every second, and a click at that moment is lost
        if stop.count() and not stopped.count():
            with contextlib.suppress(TimeoutError):
                stop.click(timeout=2_000)
        page.wait_for_timeout(1_000)
    expect(stopped).to_be_visible()
    no_errors(page)


def test_slider_moves_with_the_keyboard(page):
    go_to(page, "Granularity")
    number = page.get_by_role("spinbutton", name="Number of interests")
    expect(number).not_to_have_value("")
    before = int(number.input_value())
    page.get_by_role("slider", name="Number of interests").focus()
    page.keyboard.press("ArrowRight")
    expect(number).to_have_value(str(before + 1))
    expect(page.get_by_text(f"You are looking at {before + 1} interests")).to_be_visible()
    no_errors(page)


def test_a_line_around_the_map_lists_the_items_inside(page):
    go_to(page, "Granularity")
    press(page, "Draw around")
    area = page.locator("canvas.points").bounding_box()
    left, top = area["x"] + 3, area["y"] + 3
    right, bottom = left + area["width"] - 6, top + area["height"] - 6
    page.mouse.move(left, bottom)
    page.mouse.down()
    for x, y in ((right, bottom), (right, top), (left, top), (left, bottom - 1)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()
    expect(page.get_by_role("heading", name=re.compile("260 items drawn around"))).to_be_visible()
    expect(page.get_by_role("button", name="Download these items")).to_be_visible()
    no_errors(page)


def test_what_is_chosen_in_the_hierarchy_is_in_the_link(page, browser):
    go_to(page, "Granularity")
    press(page, "Zoom in")
    press(page, "Hierarchy")
    page.locator("canvas.tree").press("ArrowDown")
    page.locator("canvas.tree").press("Enter")  # in place of what was drawn around on the map
    heading = page.get_by_role("heading", name=re.compile("^Items of"))
    expect(heading).to_be_visible()
    expect(page).to_have_url(re.compile("chosen=[0-9].*view=[-0-9]"))
    other = browser.new_page(viewport={"width": 1500, "height": 1100})
    other.goto(page.url)
    expect(other.get_by_role("heading", name=heading.inner_text(), exact=True)).to_be_visible()
    settled(other)
    assert other.url == page.url
    no_errors(other)
    other.close()
    page.locator("canvas.tree").press("Escape")
    expect(heading).to_have_count(0)
    press(page, "Map")
    no_errors(page)


def test_an_interest_is_found_by_an_items_title_and_picked(page):
    go_to(page, "Granularity")
    page.get_by_label("Find interests").fill("onerror")  # in the hostile title
    page.keyboard.press("Enter")
    expect(page.get_by_text("By words")).to_be_visible()
    found = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    pick_first_row(page, found, page.get_by_role("heading", name=re.compile("^Items of")))
    expect(page.get_by_text("By meaning")).to_be_visible()  # found already, or the text model is still being loaded
    page.get_by_label("Find interests").fill("")
    page.keyboard.press("Enter")
    expect(page.get_by_text("By words")).to_have_count(0)
    assert page.evaluate("window.hacked") is None
    no_errors(page)


def test_interests_have_names_in_the_language_of_the_log(page):
    go_to(page, "Descriptions")
    look_closer(page).click()
    names = " ".join(page.get_by_role("option").all_inner_texts()).casefold()
    page.keyboard.press("Escape")
    assert sum(word in names for word in ("chleb", "kiszenie", "górskie", "rzece", "druty", "rowerów", "ogród")) >= 4


def test_an_edit_is_saved_at_once_undone_and_brought_back(page):
    go_to(page, "Descriptions")
    changed = page.get_by_text("Last change: “Breads of the world”")
    rewrite_name(page, 0, "Breads of the world")
    expect(changed).to_be_visible()
    press(page, "Undo")
    expect(changed).to_have_count(0)
    press(page, "Redo")
    expect(changed).to_be_visible()
    page.reload()
    settled(page)
    expect(changed).to_be_visible()
    look_closer(page).click()
    page.get_by_role("option", name="Breads of the world").click()
    press(page, "Take this change back")
    expect(changed).to_have_count(0)
    expect(page.get_by_text("All changes (1)")).to_be_visible()
    no_errors(page)


def press_shortcut(page: Page, keys: str) -> None:
    """Once the page has come to rest: before that its buttons are those of the run before."""
    settled(page)
    page.keyboard.press(keys)
    settled(page)


def test_interests_are_reviewed_from_the_keyboard(page):
    go_to(page, "Descriptions")
    page.get_by_role("textbox", name="Note").fill("too broad")
    press_shortcut(page, "Alt+n")
    expect(page.get_by_text("Draft: nobody has reviewed it.")).to_be_visible()
    press_shortcut(page, "Alt+ArrowUp")
    expect(page.get_by_text("Marked as “needs work” by somebody. Note: too broad.")).to_be_visible()
    press_shortcut(page, "Alt+a")
    expect(page.get_by_text(re.compile("% of traffic approved, 1 of"))).to_be_visible()
    press_shortcut(page, "Alt+ArrowUp")
    expect(page.get_by_text("Approved by somebody.")).to_be_visible()
    press(page, "Undo")
    press(page, "Undo")
    expect(page.get_by_text("0% of traffic approved, 0 of")).to_be_visible()
    no_errors(page)


def test_an_interest_is_split_and_joined_again(page):
    go_to(page, "Granularity")
    table = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    pick_first_row(page, table, page.get_by_role("heading", name=re.compile("^Items of")))
    press(page, "Split")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("moves to a new interest start from them")).to_be_visible()
    dialog.get_by_label("Why?").fill("two things in one")
    dialog.get_by_role("button", name="Split", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("All changes of the interests (1)")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Items of “.*”, “.*”$"))).to_be_visible()  # its two parts
    press(page, "Undo")
    expect(page.get_by_role("button", name="Redo", exact=True)).to_be_enabled()
    no_errors(page)


def test_a_number_that_cannot_be_is_said_to_be_out_of_range(page):
    go_to(page, "Granularity")
    number = page.get_by_role("spinbutton", name="Number of interests, typed")
    before = number.input_value()
    number.fill("99999")
    number.press("Enter")
    expect(number).to_have_value("99999")  # with the browser's word on it
    expect(number).to_have_attribute("title", re.compile("^From 2 to "))
    assert not number.evaluate("box => box.validity.valid")
    number.blur()
    expect(number).to_have_value(before)
    no_errors(page)


def test_what_is_hidden_is_shown_again(page):
    go_to(page, "Granularity")
    table = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    pick_first_row(page, table, page.get_by_role("heading", name=re.compile("^Items of")))
    press(page, "Hide")
    page.get_by_role("dialog").get_by_role("button", name="Hide", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Hide", exact=True)).to_be_disabled()
    press(page, "Show again")
    expect(page.get_by_role("button", name="Hide", exact=True)).to_be_enabled()
    expect(page.get_by_role("button", name="As it was", exact=True)).to_be_disabled()
    no_errors(page)


def test_an_item_is_moved_to_another_interest(page):
    go_to(page, "Granularity")
    tables = page.get_by_test_id("stMain").get_by_test_id("stDataFrame")
    pick_first_row(page, tables.nth(0), page.get_by_role("heading", name=re.compile("^Items of")))
    move = page.get_by_role("button", name="Move 1 item to")
    pick_first_row(page, tables.nth(1), move)
    move.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("To which interest?").click()
    page.get_by_role("option").nth(2).click()
    expect(dialog.get_by_text("1 item with")).to_be_visible()
    dialog.get_by_role("button", name="Move", exact=True).click()
    expect(dialog).to_have_count(0)
    page.get_by_text("All changes of the interests").click()
    press(page, "Undo")
    expect(page.get_by_role("button", name="Redo", exact=True)).to_be_enabled()
    no_errors(page)


def test_hostile_titles_and_names_are_text_on_every_page(page):
    go_to(page, "Descriptions")
    hostile = SCRIPT[:80]
    rewrite_name(page, 0, hostile)
    expect(page.get_by_text(f"Last change: “{hostile}”")).to_be_visible()
    for name in PAGES:
        go_to(page, name)
        assert page.evaluate("window.hacked") is None
    go_to(page, "Descriptions")
    look_closer(page).click()
    expect(page.get_by_role("option", name=hostile, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    press(page, "Undo")
    expect(page.get_by_text(f"Last change: “{hostile}”")).to_have_count(0)
    no_errors(page)


def test_two_people_edit_at_once_and_nothing_is_lost(page, browser, address):
    go_to(page, "Descriptions")
    other = browser.new_page(viewport={"width": 1500, "height": 1100})
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)  # the same number of interests
    expect(other.get_by_role("heading", name="Descriptions", exact=True)).to_be_visible()
    settled(other)
    rewrite_name(page, 0, "Mine")
    rewrite_name(other, 1, "Theirs")  # they were shown the table before mine came
    rewrite_name(other, 0, "Over yours")
    expect(other.get_by_text(re.compile("changed this interest in the meantime, to 'Mine'")).first).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    rewrite_name(page, 1, "Mine too")
    refused = page.get_by_text(re.compile("in the meantime, to 'Theirs'")).first
    expect(refused).to_be_visible()
    rewrite_name(page, 1, "Mine too")  # now that they have seen it
    expect(refused).to_have_count(0)
    press(page, "Undo")
    press(page, "Undo")
    expect(page.get_by_text("Last change: “Theirs”")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    no_errors(page)
    no_errors(other)
    other.close()


def test_a_name_is_there_again_when_the_page_is_reloaded(page, browser):
    go_to(page, "Descriptions")
    other = browser.new_page(viewport={"width": 1500, "height": 1100})  # with cookies of its own
    other.set_default_timeout(PATIENCE)
    other.goto(page.url)
    name = other.get_by_label("Your name")
    expect(name).to_have_value("")
    settled(other)
    for typed in ("Zoë; path=/, 100%", ""):
        name.fill(typed)
        name.press("Enter")
        other.wait_for_function(KEPT_IN_BROWSER, arg=typed)
        other.reload()
        expect(name).to_have_value(typed)
        settled(other)
    no_errors(other)
    other.close()


def test_preview_from_history_to_items(page):
    go_to(page, "Preview")
    expect(page.get_by_role("heading", name="Which new interest comes next")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("Items in each"))).to_be_visible()
    expect(page.get_by_text("The same recommender, free to choose").first).to_be_visible()
    no_errors(page)


def test_files_on_the_server_are_picked_by_name(page):
    press(page, "Manage workspaces")
    create_workspace(page, "From the server")
    page.keyboard.press("Escape")
    go_to(page, "Logs")
    for what, name in (("item catalogue", "katalog.csv"), ("interaction log", "klikniecia.tsv.gz")):
        page.get_by_label(f"or a file on the server ({what})").click()
        page.get_by_role("option", name=name).click()
        settled(page)
    press(page, "Check these files")
    expect(page.get_by_text("This is what would come in")).to_be_visible()
    press(page, "Change files or columns")
    expect(page.get_by_role("button", name="Check these files")).to_be_visible()
    no_errors(page)


def test_nothing_is_asked_of_other_machines(address):
    own = (address, address.replace("http", "ws"), "data:", "blob:")
    foreign = {url for url in requested if not url.startswith(own)}
    assert requested
    assert not foreign
