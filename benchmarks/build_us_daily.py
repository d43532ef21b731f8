"""Time a build of imported prices and its peak of anonymous memory.

    python benchmarks/build_us_daily.py ../shared/data/us_daily.parquet [--features NAME,NAME]

Imports the file into a temporary home, builds the dataset twice with other block sizes and thread
counts, and compares their content. Exit code 1 when they differ or a limit is broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from gogooku.core.config import Execution, resolve
from gogooku.core.memory import keep_freed_memory
from gogooku.core.progress import ConsoleReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.universe import UniverseConfig
from gogooku.ingest.imports.config import ImportConfig, PriceBasis
from gogooku.ingest.imports.files import import_files
from gogooku.pipeline import build
from measure import measured

LIMIT_SECONDS, LIMIT_GIB = 240.0, 8.0
EXECUTIONS = (Execution(), Execution(threads=1, block_names=200, block_sessions=7))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--once", action="store_true", help="Build once only.")
    parser.add_argument("--scratch", type=Path, help="Folder for the temporary home.")
    options = parser.parse_args()
    keep_freed_memory()
    contents, slow = [], False
    for execution in EXECUTIONS[: 1 if options.once else 2]:
        with tempfile.TemporaryDirectory(dir=options.scratch) as home:
            import_files(
                [options.file],
                resolved=resolve(
                    ImportConfig(exchange="new_york", price_basis=PriceBasis.BACK_ADJUSTED),
                    base_name="import",
                ),
                home=Path(home),
                reporter=ConsoleReporter(),
            )
            config = BuildConfig(universe=UniverseConfig(min_traded_value=2_000_000.0))
            with measured() as spent:
                dataset = build(
                    Path(home),
                    resolve(config, base_name="build"),
                    execution=execution,
                    reporter=ConsoleReporter(),
                )
            count = len(dataset.features) + len(dataset.market_features)
            contents.append(dataset.content_hash)
            print(f"{execution}: {count} features, {spent}, content {dataset.content_hash}")
            if execution is EXECUTIONS[0]:
                slow = spent.wall_seconds > LIMIT_SECONDS or spent.anonymous_gib > LIMIT_GIB
    if len(set(contents)) > 1:
        print("the two builds differ")
    return 1 if slow or len(set(contents)) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
