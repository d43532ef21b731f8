"""What each J-Quants plan is worth on the sandbox exchange: features, sessions and skill.

    python benchmarks/plans.py [--seeds 1,2,3] [--size demo] [--runs ridge,lightgbm,atft-gat-fan]
                               [--plans free,light,standard,premium] [--output FILE.json]

For each market the same exchange is synced four times, once with the key of each plan, which sees
that plan's endpoints and dates. Each learner is fitted on what the plan shows and judged by its
alignment (mean daily rank correlation with the planted expectation) on the test sessions that all
plans have in common, so that the plans differ in data and not in dates. The market has prices,
statements, margin, short sales and flows with expected returns of their own; how much each is worth
there is a setting of the simulation, not a fact about Tokyo.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from gogooku.core.config import Execution, resolve
from gogooku.core.metrics import FloatArray, daily_rank_ic
from gogooku.core.progress import SilentReporter
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
from gogooku.sandbox.market.config import exchange_config
from gogooku.sandbox.market.market import Market, generate
from gogooku.sandbox.sources import wires
from sources import STEPS, WARMUP
from sync_full import Bench, SharedClock

HORIZONS: Final = (1, 5)
AFTER_MIDNIGHT: Final = 24 * 60 + 30
"""When a sync begins, in minutes of the last session's day. At the pace of the Free plan it takes
hours; were midnight to pass, the plan's window would move while it asks."""
ALL_ENDPOINTS: Final = tuple(name for names in STEPS.values() for name in names)


@dataclass(frozen=True)
class Shown:
    """What one plan shows of a market."""

    features: int
    sessions: int
    last: date


@dataclass(frozen=True)
class Scored:
    """Alignment of a learner, session by session of its test part: [sessions, horizons]."""

    sessions: tuple[date, ...]
    alignment: FloatArray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="demo")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--runs", default="ridge,lightgbm,atft-gat-fan")
    parser.add_argument("--plans", default="free,light,standard,premium")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    plans, runs = options.plans.split(","), options.runs.split(",")
    shown: dict[str, Shown] = {}
    found: dict[tuple[str, str], list[list[float]]] = {}
    for done, seed in enumerate(seeds, start=1):
        with tempfile.TemporaryDirectory() as folder:
            seen, scored = one_market(Path(folder), seed, plans, runs, options)
        shown |= seen
        for key, means in on_common_sessions(scored).items():
            found.setdefault(key, []).append(means)
        judged = ",".join(str(one) for one in seeds[:done])
        result = {
            "command": f"plans.py --size {options.size} --seeds {judged} --runs {options.runs}",
            "seeds": seeds[:done],
            "horizons": list(HORIZONS),
            "plans": {plan: summary(shown[plan], plan, runs, found) for plan in plans},
        }
        print(json.dumps(result, indent=2), flush=True)
        if options.output:
            text = json.dumps(result, indent=2) + "\n"
            options.output.write_text(text, encoding="utf-8")


def summary(
    one: Shown,
    plan: str,
    runs: list[str],
    found: Mapping[tuple[str, str], list[list[float]]],
) -> dict[str, Any]:
    """What a plan shows, and the mean alignment of each learner over markets with its error."""
    skill = {}
    for run in runs:
        rows = np.array(found[plan, run])
        error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else None
        skill[run] = {
            "alignment": [round(float(value), 3) for value in rows.mean(axis=0)],
            "error": None if error is None else [round(float(value), 3) for value in error],
        }
    return {"features": one.features, "sessions": one.sessions, "skill": skill}


def one_market(
    folder: Path, seed: int, plans: list[str], runs: list[str], options: argparse.Namespace
) -> tuple[dict[str, Shown], dict[tuple[str, str], Scored]]:
    """Sync, build and fit with the key of every plan."""
    market = generate(exchange_config(options.size, seed=seed))
    clock, last = SharedClock(folder / "clock"), market.sessions[-3].item()
    settings = ExchangeSettings(
        files_folder=folder / "files",
        history_from=history_from(market.sessions[0].item(), today=last),
    )
    shown: dict[str, Shown] = {}
    scored: dict[tuple[str, str], Scored] = {}
    with serve_in_thread(Exchange(wires(market), clock=clock, settings=settings)) as url:
        for plan in plans:
            clock.move_to(tokyo_instant(last, AFTER_MIDNIGHT))
            pacer = Pacer(Plan[plan.upper()], clock=clock)
            client = Client(base_url=url, key=ApiKey(f"sandbox-{plan}"), pacer=pacer, clock=clock)
            bench = Bench(folder / plan, client, clock)
            bench.sync(ALL_ENDPOINTS, plan)
            bench.derive("typed tables")
            dataset = build(
                bench.home,
                resolve(BuildConfig(source="sandbox"), base_name="benchmark"),
                execution=Execution(threads=options.threads),
                reporter=SilentReporter(),
            )
            shown[plan] = Shown(
                features=len(dataset.features) + len(dataset.market_features),
                sessions=len(dataset.sessions),
                last=dataset.sessions[-1].item(),
            )
            print(seed, plan, shown[plan], flush=True)
            for run in runs:
                scored[plan, run] = one = fitted(dataset, market, run, options.threads)
                means = np.nanmean(one.alignment, axis=0).round(3)
                print(seed, plan, run, len(one.sessions), means, flush=True)
    return shown, scored


def fitted(dataset: Dataset, market: Market, run: str, threads: int) -> Scored:
    """Fit a learner on what a plan shows, and hold its test scores against what was planted."""
    labels = labels_of(dataset)
    fold = make_folds(FractionSplit(), dataset.sessions, first=WARMUP)[0]
    test = fold.indices("test")
    checkpoint = make_learner(run_named(run, few_names=True).learner).fit(
        dataset,
        labels,
        fold,
        rng=np.random.default_rng([1, 0]),
        execution=FitExecution(threads=threads),
    )
    scores: FloatArray = checkpoint.scores(dataset, test).astype(np.float64)
    place = {code: n for n, code in enumerate(market.codes)}
    inside = dataset.valid_TN[test] & np.array([code in place for code in dataset.codes])
    names = [place.get(code, 0) for code in dataset.codes]
    rows = np.searchsorted(market.sessions, dataset.sessions[test])
    expectation = market.expectation[rows][:, names]
    columns = [labels.horizons.index(horizon) for horizon in HORIZONS]
    alignment = [
        daily_rank_ic(scores[:, :, h], np.where(inside, expectation[:, :, h], np.nan))
        for h in columns
    ]
    sessions = tuple(day.item() for day in dataset.sessions[test])
    return Scored(sessions, np.stack(alignment, axis=1))


def on_common_sessions(
    scored: Mapping[tuple[str, str], Scored],
) -> dict[tuple[str, str], list[float]]:
    """Mean alignment over the test sessions that all of them have."""
    common = set.intersection(*(set(one.sessions) for one in scored.values()))
    if len(common) < 40:
        raise SystemExit(
            f"only {len(common)} test sessions are common to all plans; take a larger --size"
        )
    print(f"{len(common)} common test sessions, {min(common)} to {max(common)}", flush=True)
    means = {}
    for key, one in scored.items():
        inside = [day in common for day in one.sessions]
        means[key] = [float(value) for value in np.nanmean(one.alignment[inside], axis=0)]
    return means


if __name__ == "__main__":
    main()
