"""The Preview page in a real browser: from choosing a person to the page being complete.

    python -m benchmarks.bench_preview [--items 20000] [--people 50000] [--interactions 600000] [--keep FOLDER]

A planted world of that size is built first, which takes minutes; with --keep the workspace stays in FOLDER and is used
again. Complete: the new person's heading is there, nothing on the page is stale, and the script has ended. Beside it,
as the baseline, the same for a person who was looked at before, whose answers are remembered.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from hierex.config import RecommenderConfig, RunConfig
from hierex.imports import import_logs
from hierex.kept.runs import shown_run
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.store import open_store
from hierex.synthetic import make_world

ROOT = Path(__file__).parents[1]
NAME = "Busy"
PEOPLE_SHOWN = 11
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
COMPLETE = """([before]) => {
    const headings = [...document.querySelectorAll('h3')].map(h => h.innerText);
    const mine = headings.find(text => text.startsWith('What ') && text.includes('was interested in'));
    return mine && mine !== before && headings.some(text => text.startsWith('Items in each'))
        && !document.querySelector('[data-stale=true]') && !document.querySelector('[data-testid=stStatusWidget]');
}"""


def build(folder: Path, items: int, people: int, interactions: int) -> None:
    with open_store(folder / f"{NAME}.duckdb") as store:
        if shown_run(store) is not None:
            return
        world = make_world(n_items=items, n_users=people, n_interactions=interactions, seed=3)
        world.items.to_parquet(folder / "items.parquet", index=False)
        world.interactions.to_parquet(folder / "log.parquet", index=False)
        import_logs(store, *(LogFile(folder / name, name) for name in ("items.parquet", "log.parquet")))
        run_pipeline(store, RunConfig(recommender=RecommenderConfig(epochs=2)))


def serve(folder: Path) -> tuple[subprocess.Popen, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "hierex", "app", "--port", str(port)]
    env = {**os.environ, "HIEREX_WORKSPACES": str(folder)}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    for _ in range(480):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return process, url
        except OSError:
            time.sleep(0.25)  # the server is starting
    raise SystemExit("The app did not start.")


def heading(page) -> str:
    return page.evaluate("[...document.querySelectorAll('h3')].map(h => h.innerText).find(t => t.startsWith('What '))")


def choose(page, key: str) -> float:
    """Seconds from choosing the person below or above to the page being complete."""
    before = heading(page)
    box = page.get_by_role("combobox", name="Person (")
    box.click()
    page.keyboard.press(key)
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.wait_for_function(COMPLETE, arg=[before], polling=20)
    return time.perf_counter() - began


def measure(url: str) -> dict[str, list[float]]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1500, "height": 1400})
        page.set_default_timeout(180_000)
        page.goto(f"{url}/preview?workspace={NAME}")
        page.wait_for_function(COMPLETE, arg=[""], polling=50)
        first = [choose(page, "ArrowDown") for _ in range(PEOPLE_SHOWN)]
        again = [choose(page, "ArrowUp") for _ in range(PEOPLE_SHOWN)]
        browser.close()
    return {"somebody new": first, "looked at before": again}


def main() -> None:
    parser = argparse.ArgumentParser("bench_preview")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--interactions", type=int, default=600_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        build(folder, options.items, options.people, options.interactions)
        process, url = serve(folder)
        try:
            found = measure(url)
        finally:
            process.terminate()
            process.wait(20)
    print(f"| {options.items:,} items, {options.people:,} people | median, s | slowest, s |\n|---|---|---|")
    for name, seconds in found.items():
        print(f"| {name} | {np.median(seconds):.2f} | {max(seconds):.2f} |")


if __name__ == "__main__":
    main()
