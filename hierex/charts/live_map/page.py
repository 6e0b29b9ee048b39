"""The browser's side of the map: what runs in it, and the page in which a saved map works by itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("cut.js", "paint.js", "hierarchy.js", "save.js", "map.js")
"""One module when put together: names of one are known in the next."""


@cache
def map_html() -> str:
    return _file("map.html")


@cache
def map_css() -> str:
    return _file("map.css")


@cache
def map_script() -> str:
    """Exports `show({data, parentElement, setStateValue, setTriggerValue})`, which shows a map that was received."""
    return "".join(_file(name) for name in SCRIPTS)


@cache
def receiving_script() -> str:
    """Exports `receive({data})`, which takes the bytes of `encode_map`."""
    return _file("data.js")


@cache
def map_page() -> str:
    """A page that needs no network and no server. The browser that saves it puts the map where it says {{CONTENT}} and
    what was on screen where it says {{STATE}}, both zipped and as base64 (`pageOf` in save.js)."""
    parts = {"CSS": map_css(), "MAP": map_html(), "RECEIVE": receiving_script(), "SHOW": map_script()}
    page = _file("page.html")
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
