"""How fast the map follows the slider: recoloured in the browser, against a Streamlit rerun that draws it with Plotly.

    python -m benchmarks.bench_map [--points 20000 100000] [--workspace FILE.duckdb]

In a headless Chromium whose WebGL is done by the processor: with a graphics card both are faster. Items are made up,
with random vectors and random places on the map, on which nothing of what is timed depends. Medians, and the slowest
in brackets, of seven moves after a first one:

- recoloured: from the slider's `input` event until the frame is drawn and its pixels can be read;
- rerun: from the key that moves the slider until Plotly has written its title, in an app that does nothing else;
- release: from the slider's release until nothing on the app's Granularity page changes any more.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from hierex.config import PolicyConfig, Progress, RecommenderConfig, RunConfig
from hierex.embeddings import embed_texts
from hierex.imports import import_logs
from hierex.item_map import ItemMap, map_items
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.store import open_store

ROOT = Path(__file__).parents[1]
WORKSPACES = "workspaces"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NUMBERS = [100, 150, 310, 300, 500, 761, 700, 90]
"""Where the slider is moved to, one after the other; the first is for warming up."""

PLOTLY_APP = """
import numpy as np
import plotly.graph_objects as go
import streamlit as st

@st.cache_resource
def read():
    return dict(np.load("map.npz"))

data = read()
n = st.slider("Number of interests", 2, 1000, 50)
colors = np.array([f"hsl({137 * node % 360},60%,50%)" for node in range(len(data["lo"]))])
alive = np.flatnonzero((data["born"] <= n) & (n < data["dies"]))
node = np.empty(len(data["x"]), int)
for one in alive:
    node[data["lo"][one]:data["hi"][one]] = one
points = go.Scattergl(x=data["x"], y=data["y"], mode="markers", marker={"color": colors[node], "size": 4})
st.plotly_chart(go.Figure(points).update_layout(uirevision="same", title=f"at {n}"), key="map")
"""

FIND_MAP = """const root = [...document.querySelectorAll("*")]
  .map((one) => one.shadowRoot?.querySelector(".live-map") ?? (one.matches(".live-map") ? one : null)).find(Boolean);"""

RECOLOUR = (
    "async (numbers) => {"
    + FIND_MAP
    + """
  const [slider, exact] = ["#number", "#exact"].map((name) => root.querySelector(name));
  const gl = root.querySelector(".points").getContext("webgl2");
  const finest = Number(exact.max);
  const times = [];
  for (const n of numbers) {
    slider.value = Math.log(n / 2) / Math.log(finest / 2);
    const drawn = new Promise((done) => root.addEventListener("drawn", done, { once: true }));
    const began = performance.now();
    slider.dispatchEvent(new Event("input"));
    await drawn;
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits until all is painted
    times.push(performance.now() - began);
    if (Number(exact.value) !== n) throw new Error(`the slider is at ${exact.value}, not ${n}`);
    await new Promise((done) => setTimeout(done, 200));
  }
  return times.slice(1);
}"""
)

KEEP_TIME = "() => document.addEventListener('keydown', () => (window.began = performance.now()), true)"
PLOTTED = """async (title) => {
  while (document.querySelector(".js-plotly-plot .gtitle")?.textContent !== title) {
    await new Promise((done) => requestAnimationFrame(done));
  }
  return performance.now() - window.began;
}"""

STANDS_STILL = (
    "async ([n, sign]) => {"
    + FIND_MAP
    + """
  const page = document.querySelector("[data-testid=stMain]");
  const app = document.querySelector("[data-testid=stApp]");
  const exact = root.querySelector("#exact");
  const began = performance.now();
  let last = began;
  const watch = new MutationObserver(() => (last = performance.now()));
  watch.observe(page, { subtree: true, childList: true, characterData: true, attributes: true });
  exact.value = n;
  for (const name of ["input", "change"]) exact.dispatchEvent(new Event(name));
  const isDone = () => page.textContent.includes(sign) && app.dataset.testScriptState !== "running";
  while (!isDone() || page.querySelector("[data-stale=true]") || performance.now() - last < 700) {
    if (performance.now() - began > 60_000) throw new Error("the page did not come to rest");
    await new Promise((done) => setTimeout(done, 5));
  }
  watch.disconnect();
  return last - began;
}"""
)


def made_up(function: Callable, *args, progress: Progress, **kwargs):
    """Instead of the text model and UMAP, random vectors around a thousand centres and random places."""
    if function not in (map_items, embed_texts):
        return function(*args, progress=progress, **kwargs)
    n = len(args[0])
    rng = np.random.default_rng(n)
    if function is map_items:
        return ItemMap(rng.normal(size=(n, 2)).astype(np.float32), "umap")
    centres = np.random.default_rng(0).normal(size=(1_000, 384))
    vectors = centres[rng.integers(0, len(centres), n)] + 0.7 * rng.normal(size=(n, 384))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_workspace(folder: Path, name: str, n_items: int, until: str) -> None:
    """A workspace with made-up items, and beside it what the Plotly app draws."""
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(3_000)]
    titles = [" ".join(rng.choice(words, 3)) for _ in range(n_items)]
    n_moves = 5 * n_items
    log = pd.DataFrame(
        {"user_id": rng.integers(0, n_items // 10, n_moves), "item_id": rng.integers(0, n_items, n_moves)}
    )
    log["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10**7, n_moves), "s")
    files = folder / f"{name}-items.parquet", folder / f"{name}-log.parquet"
    pd.DataFrame({"item_id": range(n_items), "title": titles}).to_parquet(files[0])
    log.to_parquet(files[1])
    store = open_store(folder / WORKSPACES / f"{name}.duckdb")
    import_logs(store, *(LogFile(file, file.name) for file in files))
    config = RunConfig(granularity=300, policy=PolicyConfig(kind="counts"), recommender=RecommenderConfig(epochs=1))
    work = run_pipeline(store, config, until=until, compute=made_up)
    tree = work.tree
    x, y = work.item_map.xy[tree.order].T
    np.savez(folder / f"{name}.npz", x=x, y=y, lo=tree.lo, hi=tree.hi, born=tree.born, dies=tree.dies)
    store.close()


@contextmanager
def served(command: list[str], folder: Path) -> Iterator[str]:
    """Runs a Streamlit app; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "HIEREX_WORKSPACES": str(folder / WORKSPACES), "PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command, port], cwd=folder, env=env, **quiet)
    url = f"http://localhost:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.25)  # the server is starting
        yield url
    finally:
        process.terminate()
        process.wait(20)


def recoloured(page: Page, url: str, name: str) -> list[float]:
    open_map(page, url, name)
    return page.evaluate(RECOLOUR, NUMBERS)


def released(page: Page, url: str, name: str) -> list[float]:
    open_map(page, url, name)
    page.wait_for_timeout(5_000)
    times = [page.evaluate(STANDS_STILL, [n, f"looking at {n} interests"]) for n in NUMBERS if n != 300]
    return times[1:]


def open_map(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/?workspace={name}")
    page.locator("#summary").get_by_text("Those with most traffic").wait_for(state="attached", timeout=120_000)
    page.wait_for_timeout(1_000)


def redrawn(page: Page, url: str) -> list[float]:
    """By a rerun of an app that does nothing but draw the same points with Plotly."""
    page.goto(url)
    page.get_by_text("at 50").wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)
    page.evaluate(KEEP_TIME)
    slider, times = page.get_by_role("slider"), []
    for n in range(51, 51 + len(NUMBERS)):
        slider.press("ArrowRight")
        times.append(page.evaluate(PLOTTED, f"at {n}"))
        page.wait_for_timeout(300)
    return times[1:]


def said(times: list[float]) -> str:
    return f"{np.median(times):,.0f} ms ({max(times):,.0f})"


def measure(folder: Path, points: list[int], at_release: list[str]) -> None:
    (folder / "app.py").write_text(PLOTLY_APP, encoding="utf-8")
    flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--enable-unsafe-swiftshader"])
        page = browser.new_page(viewport={"width": 1500, "height": 1100})
        print("| points | recoloured in the browser | Streamlit rerun with Plotly | ratio |\n|---|---|---|---|")
        with served(["hierex", "app", "--port"], folder) as ours:
            for n in points:
                (folder / "map.npz").write_bytes((folder / f"Made-{n}.npz").read_bytes())
                with served(["streamlit", "run", "app.py", "--server.headless=true", "--server.port"], folder) as plain:
                    mine, theirs = recoloured(page, ours, f"Made-{n}"), redrawn(page, plain)
                print(
                    f"| {n:,} | {said(mine)} | {said(theirs)} | {np.median(theirs) / np.median(mine):.0f} x |",
                    flush=True,
                )
            print("\n| workspace | from the slider's release until all of the page stands still |\n|---|---|")
            for name in at_release:
                print(f"| {name} | {said(released(page, ours, name))} |", flush=True)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--workspace", type=Path, help="a workspace file whose page is timed as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hierex-bench-") as temporary:
        folder = Path(temporary)
        (folder / WORKSPACES).mkdir()
        for place, n in enumerate(options.points):
            make_workspace(folder, f"Made-{n}", n, "descriptions" if place else "evaluation")
        at_release = [f"Made-{options.points[0]}"]
        if options.workspace:
            shutil.copy(options.workspace, folder / WORKSPACES)
            at_release.append(options.workspace.stem)
        measure(folder, options.points, at_release)


if __name__ == "__main__":
    main()
