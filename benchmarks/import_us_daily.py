"""Time the import of a Parquet file of daily prices and compare its defects with known counts.

    python benchmarks/import_us_daily.py ../shared/data/us_daily.parquet

Prints the policy table, the wall time and the peak of anonymous memory. Exit code 1 when a count
differs from those that the README of the data gives for us_daily.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from gogooku.core.config import resolve
from gogooku.core.progress import ConsoleReporter
from gogooku.ingest.imports.config import ImportConfig, PriceBasis
from gogooku.ingest.imports.files import ImportResult, import_files
from measure import measured

EXPECTED = {
    "zero_open": 103_304,
    "zero_high": 103_194,
    "zero_low": 103_209,
    "zero_close": 169,
    "zero_volume": 128_938,
    "high_below_low": 150,
    "close_above_high": 729,
    "close_below_low": 356,
}
EXPECTED_CELLS = {"high_below_low": 2 * 90}
EXPECTED_SHAPE = {"input rows": 8_933_120, "codes": 5_874, "sessions": 2_014}
LIMIT_SECONDS, LIMIT_GIB = 60.0, 4.0


def differences(result: ImportResult) -> list[str]:
    found = {row.defect: row for row in result.table}
    quarantined = sum(r.count for r in result.table if r.policy == "row quarantined")
    shape = {
        "input rows": result.rows + quarantined,
        "codes": result.codes,
        "sessions": result.sessions,
    }
    pairs = [(key, found[key].count, wanted) for key, wanted in EXPECTED.items()]
    pairs += [(f"{key} cells", found[key].cells, n) for key, n in EXPECTED_CELLS.items()]
    pairs += [(key, shape[key], wanted) for key, wanted in EXPECTED_SHAPE.items()]
    for key, got, wanted in pairs:
        print(f"  {key:22}{got:>12,}{wanted:>12,}  {'same' if got == wanted else 'DIFFERS'}")
    return [key for key, got, wanted in pairs if got != wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--exchange", default="new_york")
    options = parser.parse_args()
    config = ImportConfig(exchange=options.exchange, price_basis=PriceBasis.BACK_ADJUSTED)
    with tempfile.TemporaryDirectory() as home, measured() as spent:
        result = import_files(
            [options.file],
            resolved=resolve(config, base_name="import"),
            home=Path(home),
            reporter=ConsoleReporter(),
        )
    for row in result.table:
        if row.count:
            print(f"{row.defect:22}{row.policy:16}{row.count:>10,}{row.cells:>10,}  {row.first}")
    print("against the README of the data:")
    wrong = differences(result)
    print(f"{result.rows:,} rows, {spent}")
    slow = spent.wall_seconds > LIMIT_SECONDS or spent.anonymous_gib > LIMIT_GIB
    return 1 if wrong or slow else 0


if __name__ == "__main__":
    sys.exit(main())
