"""Learners on the NASDAQ set of Feng et al. (TOIS 2019), beside its published table.

    python benchmarks/rsr_nasdaq.py ../shared/data/rsr_nasdaq.parquet --seeds 1,2,3,4,5 \
        [--runs ridge,lightgbm,atft-gat-fan,...] [--home HOME] [--set RUN:path=value]

1,026 names, 1,245 days of closes. Test days are the published 1008 to 1244 (237): the return from
the close of the day before, scored with what was known then. Train and validation are the published
days less the 21 that a purge takes at the end of each. Only closes are read: the open of a day is
the close before it, so that our label of one session is their return.

Printed by the published formulas, mean of seeds and their spread: IC (mean daily Pearson
correlation), "RIC" (mean over standard deviation of it), precision at 10 (share of the ten best
whose return is not negative), SR (mean over standard deviation of the day's return of the five
best, times 15.87; no costs). In a second line our own: RankIC with its Newey-West error, ICIR, and
the same for the mean of the seeds' ranks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from fitting import fitted, kind_of, settings_of
from gogooku.core.config import Execution, resolve
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.progress import ConsoleReporter
from gogooku.core.types import Dataset
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.universe import UniverseConfig
from gogooku.evaluate.significance import mean_test
from gogooku.ingest.imports.config import ImportConfig, PriceBasis
from gogooku.ingest.imports.files import import_files
from gogooku.learn.places import places
from gogooku.pipeline import build
from measure import measured

DAYS, VALID, TEST, PURGE = 1245, 756, 1008, 21
MONDAY = date(2013, 1, 7)
"""The days have numbers only; they are laid on weekdays from here on."""
PER_YEAR = 15.87

Floats = npt.NDArray[np.float64]


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        closes = pl.read_parquet(options.file)
        dataset = dataset_of(closes, home)
        close_TN = dense(closes, dataset)
        with np.errstate(invalid="ignore", divide="ignore"):
            truth_TN = close_TN[1:] / close_TN[:-1] - 1.0
        truth_tN = truth_TN[TEST - 1 :]
        for text in options.runs.split(","):
            with measured() as spent:
                scores = [scores_of(home, dataset, text, seed, options) for seed in options.seeds]
            show(text, scores, truth_tN, str(spent))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", default="ridge,lightgbm,atft-gat-fan")
    parser.add_argument("--seeds", default="1", type=lambda text: [*map(int, text.split(","))])
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--home", type=Path, help="Keep everything there.")
    parser.add_argument("--set", action="append", default=[], help="RUN:path=value")
    return parser.parse_args()


def weekday(number: int) -> date:
    return MONDAY + timedelta(days=number // 5 * 7 + number % 5)


def dataset_of(closes: pl.DataFrame, home: Path) -> Dataset:
    """The closes as daily bars whose open is the close before, imported and built."""
    before = pl.col("close").fill_null(strategy="forward").shift(1).over("code")
    rows = (
        closes.with_columns(pl.col("code").cast(pl.String), pl.col("industry").cast(pl.String))
        .sort("code", "day")
        .with_columns(open=before)
        .drop_nulls("close")
        .with_columns(open=pl.col("open").fill_null(pl.col("close")))
        .select(
            date=pl.col("day").map_elements(weekday, return_dtype=pl.Date),
            code=pl.col("code"),
            open=pl.col("open"),
            high=pl.max_horizontal("open", "close"),
            low=pl.min_horizontal("open", "close"),
            close=pl.col("close"),
            volume=pl.lit(1_000_000),
            sector=pl.col("industry"),
        )
    )
    file = home / "closes.parquet"
    home.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(file)
    reporter = ConsoleReporter()
    prices = ImportConfig(
        exchange="new_york", price_basis=PriceBasis.BACK_ADJUSTED, missing_splits="keep"
    )
    import_files([file], resolved=resolve(prices, base_name="import"), home=home, reporter=reporter)
    config = BuildConfig(universe=UniverseConfig(min_traded_value=0.0))
    return build(home, resolve(config, base_name="build"), execution=Execution(), reporter=reporter)


def dense(closes: pl.DataFrame, dataset: Dataset) -> Floats:
    """Closes [days, names] on the dataset's order of codes; NaN where missing."""
    place = {code: n for n, code in enumerate(dataset.codes)}
    out = np.full((DAYS, len(dataset.codes)), np.nan)
    known = closes.drop_nulls("close")
    columns = [place[code] for code in known.get_column("code").cast(pl.String)]
    out[known.get_column("day").to_numpy(), columns] = known.get_column("close").to_numpy()
    return out


def scores_of(
    home: Path, dataset: Dataset, text: str, seed: int, options: argparse.Namespace
) -> Floats:
    """Scores [237, N] at one session, NaN where none; ``lightgbm+x`` is lightgbm with settings."""
    day = [str(one) for one in dataset.sessions.tolist()]
    assert len(day) == DAYS, f"{len(day)} sessions"
    parts = {
        "train": [day[0], day[VALID - 1 - PURGE]],
        "valid": [day[VALID], day[TEST - 2 - PURGE]],
        "test": [day[TEST - 1], day[DAYS - 2]],
    }
    assignments = [
        "split.kind=dates",
        *(f"split.{part}={json.dumps(days)}" for part, days in parts.items()),
        f"seed={seed}",
        *settings_of(text, options.set),
    ]
    run = fitted(home, kind_of(text), dataset, threads=options.threads, assignments=assignments)
    indices, scores = run.scores("test", dataset)
    assert list(indices) == list(range(TEST - 1, DAYS - 1))
    return scores[:, :, 0].astype(np.float64)


def published(score_tN: Floats, truth_tN: Floats) -> dict[str, float]:
    """The four figures of the published table."""
    ic, top_5, hits = [], [], []
    for score, truth in zip(score_tN, truth_tN, strict=True):
        known = np.flatnonzero(np.isfinite(score) & np.isfinite(truth))
        order = known[np.argsort(-score[known], kind="stable")]
        ic.append(np.corrcoef(score[known], truth[known])[0, 1])
        top_5.append(truth[order[:5]].mean())
        hits.append((truth[order[:10]] >= 0).mean())
    return {
        "IC": float(np.mean(ic)),
        "RIC": float(np.mean(ic) / np.std(ic)),
        "prec@10": float(np.mean(hits)),
        "SR": float(np.mean(top_5) / np.std(top_5) * PER_YEAR),
    }


def own(score_tN: Floats, truth_tN: Floats) -> dict[str, str | float]:
    daily = daily_rank_ic(score_tN, truth_tN)
    found = mean_test(daily, horizon=1).estimate
    return {
        "RankIC": f"{found.value:+.4f} ±{found.error:.4f}",
        "ICIR": round(float(daily.mean() / daily.std()), 3),
    }


def show(name: str, scores: Sequence[Floats], truth_tN: Floats, spent: str) -> None:
    each = [published(score, truth_tN) for score in scores]
    spread = {
        key: f"{np.mean([one[key] for one in each]):.4f}"
        + (f" ±{np.std([one[key] for one in each], ddof=1):.4f}" if len(each) > 1 else "")
        for key in each[0]
    }
    facts: dict[str, object] = {"run": name, "seeds": len(scores), **spread, "spent": spent}
    facts["own"] = own(scores[0], truth_tN) if len(scores) == 1 else None
    if len(scores) > 1:
        joined = sum(places(score[:, :, None]) for score in scores)[:, :, 0] / len(scores)
        facts["own"] = own(joined, truth_tN)
        facts["mean of seeds"] = {k: round(v, 4) for k, v in published(joined, truth_tN).items()}
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
