"""Peers in environments of their own, which are made on first use: EVoC and BERTopic share one, RecTools has one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NAMES = ("EVoC", "BERTopic")


def peers_python(peers: str = "") -> Path:
    """The python of an environment of peers; it is made anew (minutes, with a network) where its list has changed.

    peers: "" for those that cluster, "-rectools" for RecTools, which needs older numpy and pandas.
    """
    folder, wanted = HERE / f".venv{peers}", HERE / f"requirements{peers}.txt"
    python, made = folder / "bin" / "python", folder / "made_from.txt"
    if not made.exists() or made.read_text() != wanted.read_text():
        print(f"Setting up the peers' environment in {folder} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "-r", wanted], check=True)
        made.write_text(wanted.read_text())
    return python


def recommend_with_sasrec(
    users: np.ndarray, items: np.ndarray, wanted: np.ndarray, epochs: Sequence[int], *options: str
) -> dict[int, tuple[list[float], np.ndarray]]:
    """By number of epochs: seconds of training, by the clock and of the processor, and (m, 10) the best items of the
    `wanted` users, -1 for none.

    users, items: (n,), the log in the order in which things happened. options: of the size, see `sasrec.py`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "log.npz", users=users, items=items, wanted=wanted)
        command = [peers_python("-rectools"), HERE / "sasrec.py", folder, *options, "--epochs", *map(str, epochs)]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode:
            raise SystemExit(f"RecTools failed:\n{answer.stderr}")
        seconds = json.loads(answer.stdout.splitlines()[-1])
        nobody = np.empty((0, 10), np.int64)
        kept = {n: np.load(folder / f"best-{n}.npy") if len(wanted) else nobody for n in epochs}
        return {n: (seconds[str(n)], kept[n]) for n in epochs}


def cluster_with_peers(
    vectors: np.ndarray, texts: Sequence[str], numbers: Sequence[int], seed: int
) -> Iterator[tuple[str, int, np.ndarray, dict[str, float]]]:
    """By peer and number of clusters: (n_items,) labels, -1 for noise, and the seconds that it took."""
    python = peers_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "vectors.npy", vectors)
        (folder / "texts.json").write_text(json.dumps(list(texts)))
        for peer in NAMES:
            command = [python, HERE / "cluster.py", peer, folder, *map(str, numbers), "--seed", str(seed)]
            answer = subprocess.run(command, capture_output=True, text=True)
            if answer.returncode:
                raise SystemExit(f"{peer} failed:\n{answer.stderr}")
            for number, seconds in json.loads(answer.stdout.splitlines()[-1]).items():
                yield peer, int(number), np.load(folder / f"{peer}-{number}.npy"), seconds


def place_noise(labels: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """Labels 0..n-1 in which noise goes to the cluster whose centroid is nearest (cosine), and the share of noise."""
    noise = labels < 0
    kept = np.unique(labels[~noise], return_inverse=True)[1]
    sums = np.zeros((kept.max() + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, kept, vectors[~noise])
    placed = np.empty(len(labels), np.int64)
    placed[~noise] = kept
    placed[noise] = (vectors[noise] @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T).argmax(axis=1)
    return placed, float(noise.mean())
