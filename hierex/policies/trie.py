"""The known answers as a trie of tokens, folded where only one way goes on.

A language model is asked only where known answers part. What leads there it has to have read; what comes after the
last parting is certain, and nobody has to compute it. Probabilities are shared out among the ways that are known to
go on, so that those of all answers add up to one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NOTHING = -1


@dataclass(frozen=True)
class AnswerTrie:
    """Nodes are what has to be read: node 0 is the last token of whatever was asked, the others are tokens of answers.

    token, parent, depth: (n_nodes,) int64; a parent comes before what follows from it. Answers part at forks, those
    nearer to the beginning first: fork_node (n_forks,). Each fork has choices, which lie side by side: choice_fork,
    choice_token, choice_answer (or NOTHING) and choice_next, the fork it leads to (or NOTHING), all (n_choices,).
    """

    token: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    fork_node: np.ndarray
    choice_fork: np.ndarray
    choice_token: np.ndarray
    choice_answer: np.ndarray
    choice_next: np.ndarray
    n_answers: int

    @property
    def n_nodes(self) -> int:
        return len(self.token)

    @cached_property
    def starts(self) -> np.ndarray:
        """(n_forks + 1,): fork f has the choices `starts[f]:starts[f + 1]`."""
        return np.searchsorted(self.choice_fork, np.arange(len(self.fork_node) + 1))

    @cached_property
    def leads_here(self) -> np.ndarray:
        """(n_nodes + 1, n_nodes + 1) bool: whether the second node lies on the way to the first, or is it.

        The last row and column stand for no node, index NOTHING.
        """
        found = np.eye(self.n_nodes + 1, dtype=bool)
        found[NOTHING, NOTHING] = False
        for node in range(1, self.n_nodes):
            found[node] |= found[self.parent[node]]
        return found

    @cached_property
    def way_to(self) -> list[np.ndarray]:
        """By fork: the nodes to be read since the fork before it, its own included."""
        before = dict(zip(self.choice_next.tolist(), self.fork_node[self.choice_fork].tolist(), strict=True))
        ways = []
        for fork, node in enumerate(self.fork_node.tolist()):
            way = []
            while node not in (before.get(fork, NOTHING), NOTHING):
                way.append(node)
                node = int(self.parent[node]) if node else NOTHING
            ways.append(np.array(way[::-1], np.int64))
        return ways

    def forks_to(self, answer: int) -> set[int]:
        """The forks passed on the way to an answer."""
        choice = np.flatnonzero(self.choice_answer == answer)
        found = set()
        while len(choice):
            fork = int(self.choice_fork[choice[0]])
            found.add(fork)
            choice = np.flatnonzero(self.choice_next == fork)
        return found

    def spread(self, logits: np.ndarray) -> np.ndarray:
        """Logits of all choices (n, n_choices) -> log-probabilities of all answers (n, n_answers) float64."""
        found = np.zeros((len(logits), self.n_answers))
        if not len(self.fork_node):
            return found
        logits = logits.astype(np.float64)
        logits -= np.logaddexp.reduceat(logits, self.starts[:-1], axis=1)[:, self.choice_fork]
        reached = np.zeros((len(logits), len(self.fork_node)))
        for choice, (fork, following) in enumerate(zip(self.choice_fork, self.choice_next, strict=True)):
            logits[:, choice] += reached[:, fork]
            if following != NOTHING:
                reached[:, following] = logits[:, choice]
        is_last = self.choice_answer != NOTHING
        found[:, self.choice_answer[is_last]] = logits[:, is_last]
        return found


def fold_answers(answers: Sequence[Sequence[int]]) -> AnswerTrie:
    """The trie of these token ids. No answer may be another one or its beginning (see `find_same`); each ends with a
    token that is nowhere else in it."""
    tokens, parents, depths = [0], [0], [0]
    fork_nodes: list[int] = []
    choices: list[list[tuple[int, int, int, int]]] = []

    def add(token: int, parent: int) -> int:
        tokens.append(token)
        parents.append(parent)
        depths.append(depths[parent] + 1)
        return len(tokens) - 1

    def part(group: list[int], node: int) -> int:
        """Adds the fork at which these answers, two or more that begin the same up to `node`, part; returns it."""
        following = _next_tokens(answers, group, depths[node])
        while len(following) == 1:
            node = add(next(iter(following)), node)
            following = _next_tokens(answers, group, depths[node])
        fork = len(fork_nodes)
        fork_nodes.append(node)
        choices.append([])
        for token, members in sorted(following.items()):
            if len(members) == 1:
                choices[fork].append((fork, token, members[0], NOTHING))
            else:
                choices[fork].append((fork, token, NOTHING, part(members, add(token, node))))
        return fork

    if len(answers) > 1:
        part(list(range(len(answers))), 0)
    flat = np.array([choice for of_fork in choices for choice in of_fork], np.int64).reshape(-1, 4)
    nodes = (np.array(column, np.int64) for column in (tokens, parents, depths, fork_nodes))
    return AnswerTrie(*nodes, *flat.T, n_answers=len(answers))


def find_same(answers: Sequence[Sequence[int]]) -> tuple[int, int] | None:
    """The first two answers that are the same tokens, by index."""
    known: dict[tuple[int, ...], int] = {}
    for place, answer in enumerate(answers):
        first = known.setdefault(tuple(answer), place)
        if first != place:
            return first, place
    return None


def _next_tokens(answers: Sequence[Sequence[int]], group: list[int], place: int) -> dict[int, list[int]]:
    following = defaultdict(list)
    for answer in group:
        following[answers[answer][place]].append(answer)
    return following
