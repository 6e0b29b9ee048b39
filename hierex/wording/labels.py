"""What things are called in lists to choose from."""

from __future__ import annotations

from collections.abc import Sequence


def told_apart(names: Sequence[str]) -> list[str]:
    """The names, with a number behind each that came before: of two that read the same, none could be chosen.

    >>> told_apart(["Bread", "Trains", "Bread"])
    ['Bread', 'Trains', 'Bread (2)']
    """
    taken, seen, labels = set(names), set(), []
    for name in names:
        label, number = name, 2
        while label in seen or (label != name and label in taken):
            label, number = f"{name} ({number})", number + 1
        seen.add(label)
        labels.append(label)
    return labels
