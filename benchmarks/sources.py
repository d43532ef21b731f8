"""What the exchange's other sources add: switched on one after the other, learners fitted on each.

    python benchmarks/sources.py [--size demo] [--seeds 1,2,3] [--runs lightgbm,atft-gat-fan]

The sandbox exchange plants four families of expected return that prices do not show: revisions of
forecasts, margin crowding, the covering of large short positions, flows into market segments. Its
endpoints are synced over loopback in steps; after each a dataset is built from what is there, and
each run fitted on it with the settings for few names. One line per seed, step and run: alignment
with the planted expectation and the share of the attainable RankIC at 1, 5, 10 and 20 sessions on
the test part, and the correlation with each source family at 1 session; at the end means over seeds
and what the last step has more than the first, paired by seed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from gogooku.core.config import Execution, resolve
from gogooku.core.metrics import FloatArray, daily_ic, daily_rank_ic
from gogooku.core.progress import SilentReporter
from gogooku.core.registry import VariantConfig
from gogooku.core.types import Dataset, FitExecution
from gogooku.core.wall import tokyo_instant
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import labels_of
from gogooku.evaluate.split import FractionSplit, make_folds
from gogooku.ingest.jquants.client import ApiKey, Client
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plans import Plan
from gogooku.learn.registry import make_learner
from gogooku.pipeline import build
from gogooku.runs.named import run_named
from gogooku.sandbox.exchange.exchange import Exchange, ExchangeSettings
from gogooku.sandbox.exchange.opening import history_from
from gogooku.sandbox.exchange.server import serve_in_thread
from gogooku.sandbox.market.config import SOURCE_FAMILIES, exchange_config
from gogooku.sandbox.market.market import Market, generate
from gogooku.sandbox.sources import wires
from sync_full import Bench, SharedClock
from train_demo import shown, with_errors

STEPS: Final = {
    "prices": ("calendar", "master", "quotes", "topix", "indices"),
    "companies": (
        *("statements", "statement_details", "valuation", "dividends"),
        *("earnings_dates", "earnings_calendar"),
    ),
    "margin": ("margin_interest", "margin_alert"),
    "short sales": ("short_ratio", "short_positions"),
    "flows": ("investor_types", "breakdown"),
    "derivatives": ("futures", "options", "index_options"),
}
"""Endpoints by the step that switches them on."""
WARMUP: Final = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="demo")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--runs", default="lightgbm,atft-gat-fan")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    found: dict[tuple[str, str], list[list[float]]] = {}
    print(f"source families: {', '.join(SOURCE_FAMILIES)}")
    for seed in map(int, options.seeds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            one_market(Path(folder), seed, options, found)
    means = {key: np.array(rows) for key, rows in found.items()}
    first, *_, last = STEPS
    for (step, name), alignment in means.items():
        print(f"mean {step:12s} {name:13s} alignment {with_errors(alignment)}")
        if step == last:
            print(f"  less {first:24s} {with_errors(alignment - means[first, name])}")


def one_market(
    folder: Path,
    seed: int,
    options: argparse.Namespace,
    found: dict[tuple[str, str], list[list[float]]],
) -> None:
    """Sync, build and fit step after step on one market."""
    market = generate(exchange_config(options.size, seed=seed))
    clock, last = SharedClock(folder / "clock"), market.sessions[-3].item()
    clock.move_to(tokyo_instant(last, 21 * 60))
    settings = ExchangeSettings(
        files_folder=folder / "files",
        history_from=history_from(market.sessions[0].item(), today=last),
    )
    with serve_in_thread(Exchange(wires(market), clock=clock, settings=settings)) as url:
        pacer = Pacer(Plan.PREMIUM, clock=clock)
        client = Client(base_url=url, key=ApiKey("sandbox-premium"), pacer=pacer, clock=clock)
        bench = Bench(folder / "home", client, clock)
        for step, endpoints in STEPS.items():
            bench.sync(endpoints, step)
            bench.derive("typed tables")
            dataset = build(
                bench.home,
                resolve(BuildConfig(source="sandbox"), base_name="benchmark"),
                execution=Execution(threads=options.threads),
                reporter=SilentReporter(),
            )
            for name in options.runs.split(","):
                learner = run_named(name, few_names=True).learner
                line, alignment = judged(dataset, market, learner, options.threads)
                found.setdefault((step, name), []).append(alignment)
                columns = f"{len(dataset.features)}+{len(dataset.market_features)}"
                print(f"{seed} {step:12s} {columns:>7s} {name:13s} {line}", flush=True)


def judged(
    dataset: Dataset, market: Market, learner: VariantConfig, threads: int
) -> tuple[str, list[float]]:
    """Fit a learner and hold its test scores against what was planted."""
    labels = labels_of(dataset)
    fold = make_folds(FractionSplit(), dataset.sessions, first=WARMUP)[0]
    test = fold.indices("test")
    checkpoint = make_learner(learner).fit(
        dataset,
        labels,
        fold,
        rng=np.random.default_rng([1, 0]),
        execution=FitExecution(threads=threads),
    )
    scores: FloatArray = checkpoint.scores(dataset, test).astype(np.float64)
    place = {code: n for n, code in enumerate(market.codes)}
    shares = np.array([code in place for code in dataset.codes])
    inside = dataset.valid_TN[test] & shares
    names = [place.get(code, 0) for code in dataset.codes]
    rows = np.searchsorted(market.sessions, dataset.sessions[test])
    expectation = market.expectation[rows][:, names]
    alignment, share = [], []
    for h in range(len(labels.horizons)):
        truth = np.where(inside, expectation[:, :, h], np.nan)
        label = np.where(inside, labels.raw_TNH[test][:, :, h], np.nan)
        alignment.append(float(np.nanmean(daily_rank_ic(scores[:, :, h], truth))))
        reached = np.nanmean(daily_rank_ic(scores[:, :, h], label))
        share.append(float(reached / np.nanmean(daily_rank_ic(truth, label))))
    first = market.config.families.index(SOURCE_FAMILIES[0])
    planted = market.family_expectation[rows][:, names][:, :, first:, 0]
    families = [
        float(np.nanmean(daily_ic(scores[:, :, 0], np.where(inside, planted[:, :, f], np.nan))))
        for f in range(planted.shape[2])
    ]
    line = f"alignment {shown(alignment, 3)} | share {shown(share, 2)} | {shown(families, 2)}"
    return line, alignment


if __name__ == "__main__":
    main()
