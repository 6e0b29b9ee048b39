"""How fast the map follows the slider: recoloured in the browser against a Streamlit rerun that draws it with Plotly.

In a headless Chromium with WebGL in software, so a machine with a graphics card is faster. Vectors are synthetic and
places on the map random: nothing of what is timed depends on them. A recolouring is timed from the slider's `input`
event until a frame has been drawn and its pixels can be read; the rerun from the slider's release until Plotly has
drawn. Last, on the app itself, from the slider's release until all of the page stands still.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from hierex.config import PolicyConfig, RecommenderConfig, RunConfig
from hierex.imports import import_logs
from hierex.interest_tree import grow_tree
from hierex.item_map import ItemMap
from hierex.logs import LogFile
from hierex.pipeline import run_pipeline
from hierex.store import open_store

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--enable-unsafe-swiftshader"]
NUMBERS = [100, 150, 300, 310, 500, 761, 700, 90]
"""Where the slider is moved to, one after the other; the first is for warming up."""

PLOTLY_APP = '''
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
st.plotly_chart(go.Figure(points).update_layout(uirevision="same", title=f"at {n}"))
'''

OURS = """async (numbers) => {
  const root = [...document.querySelectorAll("*")].map((one) => one.shadowRoot ?? one).map((one) => one.querySelector?.(".live-map")).find(Boolean);
  const slider = root.querySelector("#number");
  const gl = root.querySelector(".points").getContext("webgl2");
  const finest = Number(root.querySelector("#exact").max);
  const times = [];
  for (const n of numbers) {
    slider.value = Math.log(n / 2) / Math.log(finest / 2);
    const drawn = new Promise((done) => root.addEventListener("drawn", done, { once: true }));
    const began = performance.now();
    slider.dispatchEvent(new Event("input"));
    await drawn;
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits until all is painted
    times.push(performance.now() - began);
    if (Number(root.querySelector("#exact").value) !== n) throw new Error("the slider did not follow");
    await new Promise((done) => setTimeout(done, 100));
  }
  return times.slice(1);
}"""

STANDS_STILL = """async ([n, sign]) => {
  const began = performance.now();
  let last = began;
  const watch = new MutationObserver(() => (last = performance.now()));
  watch.observe(document.querySelector("[data-testid=stMain]"), { subtree: true, childList: true, characterData: true, attributes: true });
  window.move(n);
  const app = document.querySelector("[data-testid=stApp]");
  const isDone = () => document.body.textContent.includes(sign) && app.dataset.testScriptState !== "running";
  while (!isDone() || document.querySelector("[data-stale=true]") || performance.now() - last < 500) {
    if (performance.now() - began > 60000) throw new Error("the page did not come to rest");
    await new Promise((done) => setTimeout(done, 5));
  }
  watch.disconnect();
  return last - began;
}"""
MOVE_OURS = """() => (window.move = (n) => {
  const root = [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".live-map")).find(Boolean);
  const exact = root.querySelector("#exact");
  exact.value = n;
  for (const name of ["input", "change"]) exact.dispatchEvent(new Event(name));
})"""


def make_workspace(folder: Path, name: str, n_items: int) -> None:
    """A workspace with synthetic vectors, random places, and predictions on 40 interests."""
    rng = np.random.default_rng(0)
    items = pd.DataFrame({"item_id": range(n_items), "title": [f"item {i} {rng.integers(900)}" for i in range(n_items)]})
    people = rng.integers(0, n_items // 10, 5 * n_items)
    log = pd.DataFrame({"user_id": people, "item_id": rng.zipf(1.3, 5 * n_items) % n_items})
    log["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10**7, len(log)), "s")
    files = folder / f"{name}-items.parquet", folder / f"{name}-log.parquet"
    items.to_parquet(files[0])
    log.to_parquet(files[1])
    store = open_store(folder / "workspaces" / f"{name}.duckdb")
    import_logs(store, *(LogFile(file, file.name) for file in files))
    config = RunConfig(granularity=40, policy=PolicyConfig(kind="counts"), recommender=RecommenderConfig(epochs=1, dimensions=16))
    run_pipeline(store, config)
    store.close()
