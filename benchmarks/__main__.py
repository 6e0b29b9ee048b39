"""All measurements, one after the other: `make bench [DATA=FOLDER]`.

FOLDER holds a folder per data set, each with `items.parquet` and `interactions.parquet`; without it the sample is used.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks")
    parser.add_argument("--data", type=Path, help="a folder of data sets")
    parser.add_argument("--rows", default="20000000", help="interactions of the import benchmark")
    options = parser.parse_args()
    data = ["--data", str(options.data)] if options.data else []
    catalogues = sorted(options.data.glob("*/items.parquet")) if options.data else []
    items = ["--items", str(catalogues[0])] if catalogues else []
    rows = ["--rows", options.rows]
    measured = {"run": data, "tree": data, "embedding": items, "describe": data, "import": rows}
    for name, arguments in measured.items():
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, "-m", f"benchmarks.bench_{name}", *arguments]
        subprocess.run(command, check=True, cwd=HERE.parent)


if __name__ == "__main__":
    main()
