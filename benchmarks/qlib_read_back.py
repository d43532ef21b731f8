"""Prove that Qlib's own reader gives back what the exporter wrote, and time the export.

    python benchmarks/qlib_read_back.py --qlib-python QLIBENV/bin/python [--size tiny]

Builds a sandbox dataset, exports all of it, lets pyqlib read every field of every name
(``D.features``), the list ``universe``, and the market features through ``ChangeInstrument``, and
compares each value with the dataset: equal float32, null for null. Exit code 1 on a difference.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.export.qlib import QlibContent, content_of, export_qlib
from gogooku.pipeline import build, sandbox
from gogooku.sandbox.market.market import market_config
from measure import measured

WORKER = Path(__file__).resolve().with_name("qlib_worker.py")


def read_by_qlib(
    python: Path, folder: Path, content: QlibContent, fields: Sequence[str], *, instruments: str
) -> npt.NDArray[np.float32]:
    """What pyqlib reads, [F, T, N]; NaN where it gives no row."""
    with tempfile.TemporaryDirectory() as scratch:
        values = Path(scratch) / "values.npz"
        done = subprocess.run(
            [
                *(python, WORKER, "fields", folder, "--kernels=2"),
                *(f"--fields={';'.join(fields)}", f"--values={values}"),
                f"--instruments={instruments}",
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        facts = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"pyqlib {facts['version']} read {instruments}: {facts['rows']:,} rows x {len(fields)}"
        )
        with np.load(values) as read:
            at_t = np.searchsorted(content.sessions, read["date"])
            places = {code: n for n, code in enumerate(content.codes)}
            at_n = np.array([places[code] for code in read["code"]], dtype=np.int64)
            out = np.full((len(fields), *content.listed_TN.shape), np.nan, dtype=np.float32)
            out[:, at_t, at_n] = read["values"].T
    return out


def differing(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> int:
    return int((~((a == b) | (np.isnan(a) & np.isnan(b)))).sum())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qlib-python", type=Path, required=True)
    parser.add_argument("--size", default="tiny", help="tiny, demo, study or full.")
    parser.add_argument("--features", help="As for: gogooku export.")
    parser.add_argument("--scratch", type=Path, help="Folder for the temporary home.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        home = Path(name)
        market = resolve(market_config(options.size, seed=1), base_name=options.size)
        sandbox(home, "market", market, reporter=SilentReporter())
        dataset = build(
            home,
            resolve(BuildConfig(source="market"), base_name="build"),
            execution=Execution(),
            reporter=SilentReporter(),
        )
        with measured() as spent:
            made = export_qlib(
                dataset, home / "qlib", features=options.features, reporter=SilentReporter()
            )
        content = content_of(dataset, options.features)
        num_files = made.facts["instruments"] * len(content.fields)
        print(f"exported {num_files:,} files: {spent}", flush=True)
        listed = content.listed_TN
        wrong = {}
        for first in range(0, len(content.fields), 50):
            some = content.fields[first : first + 50]
            read = read_by_qlib(
                options.qlib_python, home / "qlib", content, some, instruments="all"
            )
            expected = np.where(listed, content.read(some), np.nan)
            wrong |= {
                field: count
                for field, a, b in zip(some, read, expected, strict=True)
                if (count := differing(a, b))
            }
        market_fields = [f"ChangeInstrument('MARKET',${field})" for field in content.market]
        fields = ["$close", *market_fields]
        read = read_by_qlib(
            options.qlib_python, home / "qlib", content, fields, instruments="universe"
        )
        close = np.where(content.lists["universe"], content.read(["close"])[0], np.nan)
        wrong |= {"close (universe)": count} if (count := differing(read[0], close)) else {}
        for (field, values), got in zip(content.market.items(), read[1:], strict=True):
            spread = np.where(content.lists["universe"], values[:, None], np.nan)
            if count := differing(got, spread.astype(np.float32)):
                wrong[field] = count
    count = len(content.fields) + len(content.market)
    print(f"{count} fields compared, differing: {wrong or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
