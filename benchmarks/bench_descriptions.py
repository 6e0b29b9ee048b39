"""How well keyword descriptions find their items, against BERTopic's two ways to label the same interests.

    python -m benchmarks.bench_descriptions [--data FOLDER] [--store FILE]

FOLDER holds a folder per data set with `items.parquet` and `interactions.parquet`; without it the sample is used. FILE
is a workspace that is built: how long describing its interests takes. BERTopic's formulas, with its defaults, are
written out here, because its own clustering is not what is compared (github.com/MaartenGr/BERTopic, c-TF-IDF in
`vectorizers/_ctfidf.py`, KeyBERT-inspired in `representation/_keybert.py`). Every way gives ten phrases an interest,
which MiniLM reads as one text; the items, up to 300 an interest, were seen by every way.

- found: share of an interest's items that are nearer to its own phrases than to all others (accuracy@1), mean over
  interests; MRR likewise;
- names and lists: share that no other interest has. BERTopic's names are the first four words.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from hierex.cli.parts import work_at
from hierex.config import DescriptionConfig, EmbeddingConfig, RunConfig, TreeConfig
from hierex.descriptions.keywords import describe_nodes
from hierex.descriptions.quality import measure_retrieval
from hierex.embeddings import embed_texts
from hierex.imports import import_logs
from hierex.interest_tree import InterestTree, grow_tree
from hierex.logs import LogFile
from hierex.store import open_store
from hierex.taxonomy import cut_tree
from hierex.workspace import Workspace

from .bench_run import data_sets, markdown

GRANULARITIES = (100, 300)
TIMED_AT = 761
N_PHRASES = 10
NAME_WORDS = 4
SAMPLES, REPRESENTATIVE, CANDIDATES = 500, 5, 100
"""Of KeyBERTInspired: documents of a topic that are looked at, those kept of them, words among which it chooses."""


@dataclass(frozen=True)
class Catalogue:
    """As the app reads it: titles and texts (n_items,), vectors (n_items, d) and the tree grown from them."""

    titles: list[str]
    texts: list[str]
    vectors: np.ndarray
    tree: InterestTree


@dataclass(frozen=True)
class Words:
    """What BERTopic counts. items: (n_items, V) and topics: (n, V) how often each word is in them; of_topic: (n, V)
    c-TF-IDF; idf: (V,)."""

    texts: np.ndarray
    items: sparse.csr_array
    of_topic: sparse.csr_array
    idf: np.ndarray


def read_catalogue(items: Path, interactions: Path, folder: Path, seed: int) -> Catalogue:
    with open_store(folder / f"{items.parent.name}.duckdb") as store:
        import_logs(store, *(LogFile(file, file.name) for file in (items, interactions)))
        work = Workspace(store, RunConfig())
        titles, texts, traffic = work.items["title"].tolist(), work.texts, work.items["traffic"].to_numpy()
    vectors = embed_texts(texts, config=EmbeddingConfig())
    return Catalogue(titles, texts, vectors, grow_tree(vectors, traffic, config=TreeConfig(), seed=seed))


def built_catalogue(file: Path, folder: Path) -> Catalogue:
    """From a copy of the workspace."""
    with open_store(shutil.copy(file, folder / "built.duckdb"), create=False) as store:
        work = work_at(store, None, until="descriptions")
        return Catalogue(work.items["title"].tolist(), work.texts, work.vectors, work.grown_tree)


def count_words(texts: Sequence[str], labels: np.ndarray) -> Words:
    """c-TF-IDF: a topic's share of words, times the log of 1 plus words per topic over the word's number."""
    plain = [re.sub(r"[^A-Za-z0-9 ]+", "", re.sub(r"[\n\t]", " ", text)) or "emptydoc" for text in texts]
    vectorizer = CountVectorizer()
    items = sparse.csr_array(vectorizer.fit_transform(plain))
    member = sparse.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    topics = sparse.csr_array(member @ items)
    idf = np.log(int(topics.sum(1).mean()) / topics.sum(0) + 1)
    return Words(vectorizer.get_feature_names_out(), items, _weigh(topics, idf), idf)


def _weigh(counts: sparse.csr_array, idf: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array(normalize(counts, norm="l1") @ sparse.diags_array(idf))


def best_words(of_topic: sparse.csr_array, topic: int, most: int) -> np.ndarray:
    part = slice(*of_topic.indptr[topic : topic + 2])
    return of_topic.indices[part][np.argsort(-of_topic.data[part], kind="stable")[:most]]


def label_ctfidf(words: Words) -> list[list[str]]:
    n = words.of_topic.shape[0]
    return [words.texts[best_words(words.of_topic, topic, N_PHRASES)].tolist() for topic in range(n)]


def label_keybert(words: Words, labels: np.ndarray, vectors: np.ndarray, seed: int) -> list[list[str]]:
    """Of the best words by c-TF-IDF those nearest to the mean of the documents that are most like the topic."""
    rng = np.random.default_rng(seed)
    candidates = [best_words(words.of_topic, topic, CANDIDATES) for topic in range(words.of_topic.shape[0])]
    known = np.unique(np.concatenate(candidates))
    read = embed_texts(words.texts[known].tolist(), config=EmbeddingConfig())
    chosen = []
    for topic, candidate in enumerate(candidates):
        items = np.flatnonzero(labels == topic)
        items = rng.choice(items, min(SAMPLES, len(items)), replace=False)
        alike = normalize(_weigh(words.items[items], words.idf)) @ normalize(words.of_topic[[topic]]).T
        nearest = items[np.argsort(-alike.toarray()[:, 0], kind="stable")[:REPRESENTATIVE]]
        near = read[np.searchsorted(known, candidate)] @ vectors[nearest].mean(0)
        chosen.append(words.texts[candidate[np.argsort(-near, kind="stable")[:N_PHRASES]]].tolist())
    return chosen


def describe_hierex(catalogue: Catalogue):
    return describe_nodes(
        catalogue.tree,
        catalogue.titles,
        catalogue.texts,
        catalogue.vectors,
        config=DescriptionConfig(),
        reader=EmbeddingConfig(),
    )


def unique(texts: Sequence[str]) -> str:
    times = Counter(text.casefold() for text in texts)
    return f"{sum(number == 1 for number in times.values()) / len(texts):.0%}"


def quality_table(catalogue: Catalogue, seed: int) -> pd.DataFrame:
    """One row per way and granularity."""
    described, rows = describe_hierex(catalogue), {}
    for number in (number for number in GRANULARITIES if number <= catalogue.tree.finest):
        taxonomy = cut_tree(catalogue.tree, number)
        labels = taxonomy.cluster_of_item
        words = count_words(catalogue.texts, labels)
        ours = [described[node] for node in taxonomy.cluster_ids]
        found = {"hierex": ([d.name for d in ours], [d.text() for d in ours])}
        for way, lists in (
            ("c-TF-IDF", label_ctfidf(words)),
            ("KeyBERT-inspired", label_keybert(words, labels, catalogue.vectors, seed)),
        ):
            found[way] = ["_".join(one[:NAME_WORDS]) for one in lists], [", ".join(one) for one in lists]
        for way, (names, texts) in found.items():
            read = embed_texts(texts, config=EmbeddingConfig())
            measured = measure_retrieval(taxonomy, read, catalogue.vectors, {})
            rows[f"{way}, {number}"] = {
                "found": f"{measured['found'].mean():.3f}",
                "MRR": f"{measured['mrr'].mean():.3f}",
                "names": unique(names),
                "lists": unique(texts),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def time_table(catalogue: Catalogue, seed: int) -> pd.DataFrame:
    """Seconds to describe every node of the tree, and of BERTopic's ways to label one number of interests."""
    taxonomy = cut_tree(catalogue.tree, min(TIMED_AT, catalogue.tree.finest))
    embed_texts(["ready"], config=EmbeddingConfig())  # the model is loaded before anything is timed
    start = perf_counter()
    described = describe_hierex(catalogue)
    ours = perf_counter() - start
    start = perf_counter()
    words = count_words(catalogue.texts, taxonomy.cluster_of_item)
    label_ctfidf(words)
    ctfidf = perf_counter() - start
    label_keybert(words, taxonomy.cluster_of_item, catalogue.vectors, seed)
    keybert = perf_counter() - start
    n = f"{taxonomy.n_clusters:,}"
    rows = {"hierex": (f"{len(described):,}", ours), "c-TF-IDF": (n, ctfidf), "KeyBERT-inspired": (n, keybert)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["interests", "seconds"])
    return table.assign(seconds=table["seconds"].map("{:.1f}".format))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--store", type=Path, help="a workspace that is built, whose interests are described for time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        timed = built_catalogue(options.store, Path(folder)) if options.store else None
        for name, files in data_sets(options.data).items():
            catalogue = read_catalogue(*files, Path(folder), options.seed)
            timed = timed or catalogue
            print(f"\n{name}: {len(catalogue.titles):,} items\n")
            print(markdown(quality_table(catalogue, options.seed)), flush=True)
    print(f"\nTime for {len(timed.titles):,} items\n\n{markdown(time_table(timed, options.seed))}")


if __name__ == "__main__":
    main()
