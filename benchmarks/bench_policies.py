"""How well the policies name the next novel interest, and how fast, each against the baselines of the same run.

    python -m benchmarks.bench_policies [--data FOLDER] [--vectors FOLDER] [--planted] [--seeds 0 1 2]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used.
`--vectors` keeps the descriptions and what the text model read for the next time; `--planted` adds made-up worlds of
three shapes, whose interests are known. Policies learn from the moves before the latest fifth of the interactions. A
case is the last move of everybody who moved since; nothing of a history is a candidate, and recall@10 is measured: the
mean over the seeds, of which only the encoder knows.

- popularity, counts, ease: the baselines, each tuned on the later moves that it learns from;
- K = 2 and full history: what is read of each person;
- weights of then, popularity of then: what there is to be won by weighing the encoder's parts better, and by knowing
  how popular interests would be. Both look at the cases: weights are the likeliest there (Newton's steps, every person
  counting the same), which need not be those that find most; and popularity is that among the moves of the other half
  of the people since the split, as one more part;
- ratio: the encoder's mean over the best baseline's, with 95 % intervals (people of each data set drawn anew), and
  with each seed alone;
- rare: the cases whose answer is among the half of the interests that fewest moved to; every move: all cases, and not
  only everybody's last;
- best baseline: the best of the three by the mean over data sets, at each granularity; of full histories it is ease;
- split: in turn, each of the interests with the most traffic is split in two, as the tree does; the moves to one of the
  halves, foreseen without learning again. Counts know nothing of the halves; beside it counts of the whole, shared as
  the encoder shares, by how many people had reached each half.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hierex.config import DescriptionConfig, EmbeddingConfig, PolicyConfig, TreeConfig
from hierex.descriptions.keywords import describe_nodes
from hierex.embeddings import embed_texts
from hierex.evaluation import Cases, rank_answers
from hierex.imports import import_logs
from hierex.interest_tree import InterestTree, grow_tree
from hierex.kept import stored_logs
from hierex.logs import Interactions, LogFile
from hierex.metrics import recall_at, resample_means
from hierex.policies.choices import follow_popularity, leave_out_context, thin_out, weigh_parts, weigh_people
from hierex.policies.counts import count_moves, train_counts
from hierex.policies.ease import train_ease
from hierex.policies.encoder import EncoderPolicy, share_out
from hierex.policies.encoder_training import train_encoder
from hierex.store import open_store
from hierex.synthetic import make_world
from hierex.taxonomy import Taxonomy, cut_tree
from hierex.transition_table import tabulate
from hierex.transitions import Histories, Moves, histories_of_items, latest_contexts, list_moves
from hierex.transitions.pasts import Pasts

from .bench_run import data_sets, markdown

GRANULARITIES = (100, 300, 761)
HELD_OUT = 0.2
SPLIT_INTERESTS = 20
BASELINES = ("popularity", "counts", "ease")
SHAPES = (
    {"n_items": 900, "n_users": 1_500, "n_interactions": 15_000},
    {"n_items": 3_000, "n_users": 8_000, "n_interactions": 160_000},
    {"n_items": 2_000, "n_users": 500, "n_interactions": 100_000},
)
K = 2
CASES_AT_ONCE = 4_000
RESAMPLES = 1_000


@dataclass(frozen=True)
class Interests:
    """Of a data set at one granularity.

    labels: (n_items,) interest of each item; vectors: (n, d) of the descriptions; words: these; halves: by interest to
    be split, the vectors (2, d) of its halves, and half_words their descriptions; second: (n_items,) bool, whether an
    item is in the second of them.
    """

    log: Interactions
    labels: np.ndarray
    vectors: np.ndarray
    words: list[str]
    second: np.ndarray
    halves: dict[int, np.ndarray]
    half_words: dict[int, list[str]]

    @property
    def n(self) -> int:
        return len(self.vectors)

    @property
    def split(self) -> int:
        return self.log.split_clock(HELD_OUT)

    def histories(self) -> Histories:
        return histories_of_items(self.log, self.labels, self.n)

    def training_moves(self) -> Moves:
        return list_moves(self.histories().before(self.split), k=K)


def read_interests(name: str, files: tuple[Path, Path], kept: Path) -> dict[int, Interests]:
    """By granularity."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "w.duckdb") as store:
        import_logs(store, *(LogFile(file, file.name) for file in files))
        items, log = stored_logs.read_items(store), stored_logs.read_interactions(store)
    texts = (items["title"] + ". " + items["text"]).str.strip(". ").tolist()
    vectors = read_texts(kept / f"{name}-items.npy", lambda: texts)
    tree = grow_tree(vectors, log.traffic(), config=TreeConfig(), seed=0)

    cuts = {n: cut_tree(tree, n) for n in GRANULARITIES if n <= tree.finest}
    in_two = {n: most_traffic(tree, taxonomy.cluster_ids) for n, taxonomy in cuts.items()}
    shown = [ids for n, taxonomy in cuts.items() for ids in (taxonomy.cluster_ids, halves_of(tree, in_two[n]).ravel())]
    shown = np.unique(np.concatenate(shown))

    def words() -> list[str]:
        titles, bodies, options = items["title"].tolist(), items["text"].tolist(), DescriptionConfig()
        described = describe_nodes(tree, titles, bodies, vectors, config=options, reader=EmbeddingConfig())
        return [described[node].text() for node in shown]

    nodes = np.zeros((len(tree.lo), vectors.shape[1]), np.float32)
    said = dict(zip(shown.tolist(), keep_words(kept / f"{name}-words.json", words), strict=True))
    nodes[shown] = read_texts(kept / f"{name}-descriptions.npy", lambda: list(said.values()))
    return {n: describe_cut(tree, taxonomy, in_two[n], nodes, said, log) for n, taxonomy in cuts.items()}


def most_traffic(tree: InterestTree, nodes: np.ndarray) -> np.ndarray:
    """Of the nodes that can be split, those with the most traffic."""
    nodes = nodes[tree.dies[nodes] <= tree.finest]
    return nodes[np.argsort(-tree.traffic[nodes], kind="stable")][:SPLIT_INTERESTS]


def halves_of(tree: InterestTree, nodes: np.ndarray) -> np.ndarray:
    """(len(nodes), 2) nodes."""
    return np.array([tree.children(int(node)) for node in nodes], np.int64).reshape(-1, 2)


def read_texts(file: Path, texts: Callable[[], list[str]]) -> np.ndarray:
    if not file.exists():
        np.save(file, embed_texts(texts(), config=EmbeddingConfig()))
    return np.load(file)


def keep_words(file: Path, words: Callable[[], list[str]]) -> list[str]:
    if not file.exists():
        file.write_text(json.dumps(words()))
    return json.loads(file.read_text())


def describe_cut(
    tree: InterestTree,
    taxonomy: Taxonomy,
    in_two: np.ndarray,
    nodes: np.ndarray,
    said: dict[int, str],
    log: Interactions,
) -> Interests:
    """in_two: the nodes to split; nodes: (n_nodes, d), vectors of the descriptions; said: these, by node."""
    second, halves, half_words = np.zeros(tree.n_items, bool), {}, {}
    for node, children in zip(in_two, halves_of(tree, in_two), strict=True):
        halves[taxonomy.index_of(int(node))] = nodes[children]
        half_words[taxonomy.index_of(int(node))] = [said[child] for child in children.tolist()]
        second[tree.order[tree.lo[children[1]] : tree.hi[children[1]]]] = True
    words = [said[node] for node in taxonomy.cluster_ids.tolist()]
    vectors = nodes[taxonomy.cluster_ids]
    return Interests(log, taxonomy.cluster_of_item, vectors, words, second, halves, half_words)


def plant_interests(shape: dict[str, int], seed: int) -> Interests:
    """The true interests of a made-up world, read as the middle of their items; none can be split."""
    world = make_world(**shape, seed=seed)
    vectors, labels, n = world.vectors(seed=seed), world.interest_of_item, world.n_interests
    middles = np.array([vectors[labels == interest].mean(axis=0) for interest in range(n)])
    return Interests(world.log(), labels, middles, list(world.interests), np.zeros(len(labels), bool), {}, {})


def find_cases(histories: Histories, split: int) -> Cases:
    """Every move since the split."""
    starts = np.repeat(histories.starts[:-1], np.diff(histories.starts))
    ends = np.flatnonzero((np.arange(len(starts)) > starts) & (histories.clock >= split))
    user = np.searchsorted(histories.starts, ends, side="right") - 1
    return Cases(histories.cluster, starts[ends], ends, user, histories.n_clusters)


Scorer = Callable[[np.ndarray, Histories], np.ndarray]
"""Scores for contexts (n, K) and the histories that they end."""


def find_answers(score: Scorer, histories: Histories, cases: Cases) -> np.ndarray:
    """(n,) recall@10 of each case."""
    found = []
    for start in range(0, len(cases), CASES_AT_ONCE):
        part = cases.take(slice(start, start + CASES_AT_ONCE))
        contexts = latest_contexts(histories, part.ends, part.starts, k=K)
        found.append(recall_at(*rank_answers(score(contexts, part.histories()), part), k=10))
    return np.concatenate(found)


def look_ahead(policy: EncoderPolicy, histories: Histories, cases: Cases, more: list[np.ndarray]) -> Scorer:
    """The encoder's parts and `more`, under weights that were chosen on the cases themselves."""

    def foresee(contexts: np.ndarray) -> list[np.ndarray]:
        return [*policy.parts.foresee(contexts, Pasts.of_contexts(contexts), whole=False), *more]

    def score(contexts: np.ndarray, _: Histories) -> np.ndarray:
        weighed = (np.float32(weight) * part for weight, part in zip(weights, foresee(contexts), strict=True))
        return leave_out_context(sum(weighed), contexts)

    judged = thin_out(np.arange(len(cases)), cases.n_choices)
    some, weight = cases.take(judged), weigh_people(cases.user)[judged]
    seen = Pasts.of_histories(some.histories()).mark(cases.n_choices)
    parts = foresee(latest_contexts(histories, some.ends, some.starts, k=K))
    weights = weigh_parts(parts, some.sequence[some.ends], seen, weight / weight.mean())
    return score


def know_popularity(policy: EncoderPolicy, histories: Histories, cases: Cases) -> np.ndarray:
    """(n,) recall@10 where it is known how popular interests are since the split, from the other half of the people."""
    found, answers = np.empty(len(cases)), cases.sequence[cases.ends]
    half = np.random.default_rng(0).random(histories.n_users)[cases.user] < 0.5
    for own in (half, ~half):
        popularity = np.log(np.bincount(answers[~own], minlength=cases.n_choices) + 0.5).astype(np.float32)
        theirs = cases.take(np.flatnonzero(own))
        found[own] = find_answers(look_ahead(policy, histories, theirs, [popularity]), histories, theirs)
    return found


@dataclass(frozen=True)
class Found:
    """hits: by scorer, (n,) recall@10 of each case; user: (n,) int64; kinds: by kind of case, (n,) bool."""

    hits: dict[str, np.ndarray]
    user: np.ndarray
    kinds: dict[str, np.ndarray]

    def recall(self, kind: str) -> dict[str, float]:
        rows = self.kinds[kind]
        return {name: hit[rows].mean() if rows.any() else np.nan for name, hit in self.hits.items()}

    def resampled(self, kind: str, names: list[str]) -> np.ndarray:
        """(RESAMPLES, len(names))"""
        rows = self.kinds[kind]
        _, person = np.unique(self.user[rows], return_inverse=True)
        sums = np.stack([np.bincount(person, self.hits[name][rows]) for name in names], axis=1)
        return resample_means(sums, np.bincount(person), resamples=RESAMPLES, seed=0)


def average(of_seeds: list[Found]) -> Found:
    """Of the same cases, what is found of each on average."""
    hits = {name: np.mean([found.hits[name] for found in of_seeds], axis=0) for name in of_seeds[0].hits}
    return replace(of_seeds[0], hits=hits)


def measure(interests: Interests, seed: int) -> tuple[Found, dict[str, float]]:
    """What is found of each case; and by scorer the recall of moves to the halves of split interests."""
    moves, histories = interests.training_moves(), interests.histories()
    config = PolicyConfig()
    policies = {
        "counts": train_counts(moves, config=config),
        "ease": train_ease(moves, config=config),
        "encoder": train_encoder(moves, interests.vectors, config=config, seed=seed),
    }
    popularity = follow_popularity(moves, policies["ease"].by_context.tuning.half_life)[1][-1]
    scorers: dict[str, Scorer] = {"popularity": lambda contexts, _: np.tile(popularity, (len(contexts), 1))}
    for kind, policy in policies.items():
        scorers[kind] = lambda contexts, _, policy=policy: policy.score(contexts)
    for kind in ("ease", "encoder"):
        scorers[f"{kind}, full history"] = lambda _, pasts, kind=kind: policies[kind].score_histories(pasts)
    cases = find_cases(histories, interests.split)
    answers = cases.sequence[cases.ends]
    scorers["weights of then"] = look_ahead(policies["encoder"], histories, cases, [])
    is_last = np.append(cases.user[1:] != cases.user[:-1], True)
    reached = np.bincount(moves.novel, minlength=interests.n)
    is_rare = np.argsort(np.argsort(reached, kind="stable"))[answers] < interests.n // 2
    every = np.ones(len(cases), bool)
    kinds = {"": is_last, "rare": is_last & is_rare, "every move": every, "every move, rare": is_rare}
    hits = {name: find_answers(score, histories, cases) for name, score in scorers.items()}
    hits["popularity of then"] = know_popularity(policies["encoder"], histories, cases)
    return Found(hits, cases.user, kinds), measure_split(interests, moves, policies)


def measure_split(interests: Interests, moves: Moves, policies: dict) -> dict[str, float]:
    found: dict[str, list[np.ndarray]] = {}
    for one in interests.halves:
        for name, hits in split_in_two(interests, one, moves, policies).items():
            found.setdefault(name, []).append(hits)
    return {name: np.concatenate(hits).mean() for name, hits in found.items()}


def split_in_two(interests: Interests, one: int, moves: Moves, policies: dict) -> dict[str, np.ndarray]:
    n = interests.n
    labels = np.where((interests.labels == one) & interests.second, n, interests.labels).astype(np.int32)
    histories = histories_of_items(interests.log, labels, n + 1)
    cases = find_cases(histories, interests.split)
    cases = cases.take(np.flatnonzero(np.isin(cases.sequence[cases.ends], [one, n])))
    vectors = np.concatenate([interests.vectors, interests.halves[one][1:]])
    vectors[one] = interests.halves[one][0]
    origin = np.append(np.arange(n), one)
    before = histories.before(interests.split)
    reached = np.bincount(before.cluster, minlength=n + 1)
    encoder, counts = policies["encoder"].with_interests(vectors, origin, reached), policies["counts"]
    known = moves.take((moves.novel != one) & (moves.contexts != one).all(axis=1))
    known = Moves(known.contexts, known.novel, known.user, known.clock, n + 1)
    unaware, shares = count_moves(known, counts.smoothing), share_out(origin, reached)
    scorers: dict[str, Scorer] = {
        "counts": lambda contexts, _: unaware.score(contexts),
        "counts, shared alike": lambda contexts, _: counts.foresee(origin[contexts])[:, origin] + shares,
        "encoder": lambda contexts, _: encoder.score(contexts),
        "encoder, full history": lambda _, pasts: encoder.score_histories(pasts),
    }
    return {name: find_answers(score, histories, cases) for name, score in scorers.items() if len(cases)}


def show_found(found: Found) -> None:
    rows = {kind: found.recall(kind) | {"cases": found.kinds[kind].sum()} for kind in found.kinds}
    print(markdown(pd.DataFrame(rows).T.map("{:.4g}".format)), flush=True)


def show_ratios(measured: dict[str, dict[int, list[Found]]]) -> None:
    """measured: by data set and granularity, with every seed."""
    rows = {}
    for n in GRANULARITIES:
        at = [by_n[n] for by_n in measured.values() if n in by_n]
        for kind in at[0][0].kinds if at else ():
            rows[f"N = {n}{', ' if kind else ''}{kind}"] = compare(at, kind)
    print(f"\nMeans over {len(measured)} data sets\n")
    print(markdown(pd.DataFrame.from_dict(rows, orient="index")), flush=True)


def compare(of_sets: list[list[Found]], kind: str) -> dict[str, str]:
    """The encoder to the best baseline, by the means over data sets. of_sets: with every seed."""
    found = [average(of_seeds) for of_seeds in of_sets]
    recalls = [of_set.recall(kind) for of_set in found]
    mean = pd.DataFrame(recalls).mean()
    best = mean[list(BASELINES)].idxmax()
    alone = [np.mean([of_set.recall(kind)["encoder"] for of_set in same]) for same in zip(*of_sets, strict=True)]
    cells = [recall["encoder"] / max(recall[name] for name in BASELINES) for recall in recalls]

    def ratio(one: str, other: str) -> str:
        ours, theirs = sum(of_set.resampled(kind, [one, other]) for of_set in found).T
        low, high = np.percentile(ours / theirs, [2.5, 97.5])
        return f"{mean[one] / mean[other]:.3f} [{low:.3f}, {high:.3f}]"

    return {
        "best baseline": f"{best} {mean[best]:.4f}",
        "encoder": f"{mean['encoder']:.4f}",
        "ratio": ratio("encoder", best),
        "with each seed": ", ".join(f"{one / mean[best]:.2f}" for one in alone),
        "least ratio in a data set, to its own best": f"{min(cells):.3f}",
        "full history, to ease": ratio("encoder, full history", "ease, full history"),
        "weights of then": ratio("weights of then", best),
        "popularity of then": ratio("popularity of then", best),
    }


def measure_time(seed: int, n: int = 761, n_moves: int = 300_000, length: int = 11) -> None:
    """Training on made-up moves, and all pairs of interests, at once and one call per context."""
    rng = np.random.default_rng(seed)
    n_users = n_moves // (length - 1)
    taste = rng.gumbel(size=(n_users, n)) - np.log(np.arange(n) + 10)
    cluster = np.argpartition(-taste, length, axis=1)[:, :length].astype(np.int32).ravel()
    clock = np.sort(rng.integers(0, 10**7, (n_users, length)), axis=1).ravel()
    moves = list_moves(Histories(cluster, clock, np.arange(n_users + 1) * length, n), k=K)
    start, cpu = time.perf_counter(), time.process_time()
    policy = train_encoder(moves, rng.normal(size=(n, 384)), config=PolicyConfig(), seed=seed)
    took, used = time.perf_counter() - start, time.process_time() - cpu
    print(f"\nTraining on {len(moves):,} moves among {n}: {took:.0f} s ({used:.0f} s of processor time)")
    start, cpu = time.perf_counter(), time.process_time()
    tabulate(policy)
    took, used = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"All {n * n:,} contexts: {took:.0f} s ({used:.0f} s of processor time), peak memory so far {peak:,.0f} MiB")
    start = time.perf_counter()
    for context in rng.integers(0, n, (500, K)):
        policy.score(context[None])
    print(f"One call per context, from 500: {(time.perf_counter() - start) * n * n / 500:,.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--vectors", type=Path, help="a folder in which vectors of texts are kept")
    parser.add_argument("--planted", action="store_true", help="made-up worlds too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.", flush=True)
    measured: dict[str, dict[int, list[Found]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, files in data_sets(options.data).items():
            measured[name] = {}
            for n, interests in read_interests(name, files, options.vectors or Path(folder)).items():
                found, splits = zip(*(measure(interests, seed) for seed in options.seeds), strict=True)
                measured[name][n] = list(found)
                print(f"\n{name}, N = {n}\n")
                show_found(average(measured[name][n]))
                split = pd.DataFrame(splits).mean().items()
                print("\nAfter a split: " + ", ".join(f"{who} {recall:.4f}" for who, recall in split), flush=True)
    show_ratios(measured)
    for shape in SHAPES if options.planted else ():
        interests = plant_interests(shape, seed=0)
        print(f"\nPlanted, N = {interests.n}: {shape}\n")
        show_found(average([measure(interests, seed)[0] for seed in options.seeds]))
    measure_time(seed=0)


if __name__ == "__main__":
    main()
