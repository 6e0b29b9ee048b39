"""The README names every command with its options and nothing else, and no link of the documents leads nowhere."""

import argparse
import re
from pathlib import Path

import pytest

from hierex.cli import build_parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def subparsers() -> dict[str, argparse.ArgumentParser]:
    actions = build_parser()._actions
    return next(action.choices for action in actions if isinstance(action, argparse._SubParsersAction))


@pytest.mark.parametrize("command", sorted(set(subparsers()) - {"app"}))  # its port is what `make app PORT=` sets
def test_the_readme_names_every_option_of_a_command(command):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = next(line for line in readme.splitlines() if re.match(rf"python -m hierex (.* \| )?{command}\b", line))
    options = {name for action in subparsers()[command]._actions for name in action.option_strings if name[:2] == "--"}
    assert set(re.findall(r"--[a-z-]+", line)) - {"--version"} == options - {"--help"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (document.parent / link).exists(), link
