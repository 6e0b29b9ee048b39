"""The direction of imports: a stage never knows the database, the app or a later stage."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hierex"

LAYERS = [
    {"errors", "config", "server_config", "threads", "typed"},
    {"store", "metrics", "ranking", "likeness", "llm"},
    {"logs", "text_models"},
    {"embeddings"},
    {"behaviour"},
    {"interest_tree"},
    {"taxonomy"},
    {"item_map"},
    {"descriptions"},
    {"transitions"},
    {"granularity_effects"},
    {"policies"},
    {"transition_table"},
    {"recommenders"},
    {"grounding", "mixing"},
    {"evaluation"},
    {"experiment"},
    {"weights"},
    {"synthetic"},
    {"kept"},
    {"workspace_folder"},
    {"imports", "workspace"},
    {"workspace_measures"},
    {"releases"},
    {"result_keys"},
    {"maker"},
    {"layering"},
    {"files"},
    {"asking"},
    {"serving"},
    {"preview"},
    {"wording"},
    {"pipeline", "trials", "worker", "jobs", "charts"},
    {"view", "cli", "__main__"},
]
LAYER_OF = {name: place for place, names in enumerate(LAYERS) for name in names}
FIRST, LAST = LAYER_OF["logs"], LAYER_OF["weights"]
STAGES = {name for names in LAYERS[FIRST : LAST + 1] for name in names}
# `store` opens the database and migrates it, `kept` reads and writes a workspace's rows, and `logs` makes its tables in
# a database that is handed to it.
SQL_HERE = ("hierex/store.py", "hierex/kept/", "hierex/logs/")
SQL = re.compile(r"\s*(SELECT|FROM|WITH|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|COPY|ATTACH)\b")
ONLY_HERE = {"duckdb": {"store"}, "streamlit": {"view"}, "plotly": {"charts"}, "openai": {"llm"}}


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def top_name(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Names of hierex's own modules and of foreign packages that a module imports."""
    names = set()
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            names |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    own = top_name(path)
    assert own in LAYER_OF, f"give '{own}' a place in LAYERS"
    for name in imported(path) & set(LAYER_OF) - {own}:
        assert LAYER_OF[name] <= LAYER_OF[own], f"{own} imports {name}, which comes later"
        if own in STAGES:
            assert name != "store"


@pytest.mark.parametrize(("library", "allowed"), ONLY_HERE.items())
def test_one_module_knows_each_of_these(library, allowed):
    found = {top_name(path) for path in modules() if library in imported(path)}
    assert found <= allowed
    assert found, f"nothing imports {library}"


def sql_lines(path: Path) -> list[int]:
    """Lines of a module at which a string begins that is SQL."""
    strings = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return [node.lineno for node in strings if isinstance(node.value, str) and SQL.match(node.value)]


def test_sql_stands_only_here():
    every = [*modules(), *(ROOT / "app_pages").glob("*.py"), ROOT / "app.py"]
    found = {path.relative_to(ROOT).as_posix(): lines for path in every if (lines := sql_lines(path))}
    assert {name: lines for name, lines in found.items() if not name.startswith(SQL_HERE)} == {}
    assert [place for place in SQL_HERE if not any(name.startswith(place) for name in found)] == []


PAGES = [*(PACKAGE / "view").rglob("*.py"), *(ROOT / "app_pages").glob("*.py")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_download_does_not_run_the_page_anew(path):
    """It would take the other downloads away that are just being made: their clicks would never be answered."""
    for call in ast.walk(ast.parse(path.read_text())):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "download_button":
            said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert said.get("on_click") == "'ignore'", f"line {call.lineno}"
