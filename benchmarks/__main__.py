"""All measurements, one after the other: `make bench [DATA=FOLDER] [PEERS=1]`.

FOLDER holds a folder per data set, each with `items.parquet` and `interactions.parquet`; without it the sample is used.
PEERS measures the tree against EVoC and BERTopic too, and the recommender against RecTools; these are fetched on first
use; nothing else needs a network.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks")
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--peers", action="store_true", help="against EVoC, BERTopic and RecTools too; needs a network")
    parser.add_argument("--rows", default="20000000", help="interactions of the import benchmark")
    options = parser.parse_args()
    data = ["--data", str(options.data)] if options.data else []
    peers = [*data, *(["--peers"] if options.peers else [])]
    catalogues = sorted(options.data.glob("*/items.parquet")) if options.data else []
    items = ["--items", str(catalogues[0])] if catalogues else []
    rows = ["--rows", options.rows]
    measured = {"run": data, "tree": peers, "behaviour": data, "policies": data, "recommender": peers}
    measured |= {"text_tuning": data, "map": [], "trie": [], "preview": [], "experiment": []}
    measured |= {"embedding": items, "descriptions": data, "describe": data, "import": rows, "transitions": []}
    for name, arguments in measured.items():
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, "-m", f"benchmarks.bench_{name}", *arguments]
        subprocess.run(command, check=True, cwd=HERE.parent)


if __name__ == "__main__":
    main()
