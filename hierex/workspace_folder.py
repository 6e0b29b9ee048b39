"""The folder of workspaces: one file each; made, renamed, thrown away and brought back by name."""

from __future__ import annotations

import contextlib
import itertools
import unicodedata
from pathlib import Path
from time import time

from .errors import HierexError, StoreError
from .store import SCRATCH_PREFIX, discard_scratch, move_store, open_store

SUFFIX = ".duckdb"
SAMPLE_NAME = "Sample"
TRASH = ".trash"
UPLOADS = ".uploads"
A_DAY = 24 * 3600
LONGEST_NAME = 60
ALLOWED_MARKS = " -_.()"


def list_workspaces(folder: Path) -> list[str]:
    """Names of the workspaces, in alphabetical order."""
    return sorted({plain_name(path.stem) for path in _files(folder)}, key=str.casefold)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")]


def plain_name(typed: str) -> str:
    """The name as a list shows it: some keyboards and file systems write an accent as a character of its own."""
    return unicodedata.normalize("NFC", typed).strip()


def workspace_path(folder: Path, name: str) -> Path:
    """Where the workspace of that name is or would be. Raises HierexError for a name that cannot be used."""
    name = plain_name(name)
    if not name or len(name) > LONGEST_NAME:
        raise HierexError(f"A workspace name has 1 to {LONGEST_NAME} characters; this one has {len(name)}.")
    bad = sorted({c for c in name if not (c.isalnum() or c in ALLOWED_MARKS)})
    if bad or name.startswith("."):
        raise HierexError(
            f"A workspace name may hold letters, digits, spaces and - _ . ( ), and starts with no dot; "
            f"'{name[:40]}' does not fit."
        )
    path = folder / f"{name}{SUFFIX}"
    same = (other for other in _files(folder) if plain_name(other.stem) == name)
    return path if path.exists() else next(same, path)


def create_workspace(folder: Path, name: str) -> Path:
    """A new empty workspace. Raises HierexError when the name is taken or cannot be used."""
    path = free_path(folder, name)
    open_store(path)
    return path


def rename_workspace(folder: Path, name: str, new_name: str) -> Path:
    """Gives a workspace another name. No job may be running in it."""
    path, new_path = existing_path(folder, name), free_path(folder, new_name, apart_from=plain_name(name))
    move_store(path, new_path)
    return new_path


def throw_away(folder: Path, name: str) -> Path:
    """Moves a workspace to the trash, from which `bring_back` takes it; returns its place there."""
    path = existing_path(folder, name)
    trash = folder / TRASH
    trash.mkdir(exist_ok=True)
    stem = plain_name(path.stem)
    names = itertools.chain([f"{stem}{SUFFIX}"], (f"{stem} ({number}){SUFFIX}" for number in itertools.count(2)))
    place = next(trash / name for name in names if not (trash / name).exists())
    move_store(path, place)
    return place


def list_trash(folder: Path) -> list[str]:
    """Names in the trash, latest thrown away first."""
    found = sorted((folder / TRASH).glob(f"*{SUFFIX}"), key=lambda p: p.stat().st_ctime, reverse=True)
    return [p.stem for p in found]


def bring_back(folder: Path, name: str) -> Path:
    """Takes a workspace out of the trash. Raises HierexError when another one has its name by now."""
    place = workspace_path(folder / TRASH, name)
    if not place.exists():
        raise StoreError(f"There is no workspace '{name}' in the trash.")
    path = free_path(folder, name)
    move_store(place, path)
    return path


def clear_leftovers(folder: Path) -> None:
    """Removes uploads and what interrupted imports left behind, once they are a day old and nobody can be at them."""
    for path in (*folder.glob(f"{SCRATCH_PREFIX}*{SUFFIX}"), *(folder / UPLOADS).glob("*")):
        with contextlib.suppress(FileNotFoundError):  # somebody else may be clearing too
            if time() - path.stat().st_mtime > A_DAY:
                discard_scratch(path)


def existing_path(folder: Path, name: str) -> Path:
    path = workspace_path(folder, name)
    if not path.exists():
        raise StoreError(f"There is no workspace '{name}'.")
    return path


def free_path(folder: Path, name: str, *, apart_from: str = "") -> Path:
    """Raises HierexError where a workspace other than `apart_from` has the name, in whatever capitals."""
    path = workspace_path(folder, name)
    wanted = plain_name(path.stem)
    others = {taken for taken in list_workspaces(folder) if taken == wanted or taken != apart_from}
    same = next((name for name in others if name.casefold() == wanted.casefold()), None)
    if same is not None:
        raise HierexError(f"There is a workspace '{same}' already. Choose another name.")
    return path
