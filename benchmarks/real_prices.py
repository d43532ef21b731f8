r"""Learners on real prices over yearly folds, refitted yearly, paired against LightGBM.

    python benchmarks/real_prices.py ../shared/data/us_daily.parquet --years 2012-2014 \
        --runs reversal,ridge,lightgbm,atft-gat-fan --seeds 1,2,3 [--home HOME] [--set ...]

Names above 2 million USD of trailing traded value. Every run is fitted anew at the start of each
year on all sessions before it, and once more on train and validation together. Printed: RankIC at
every horizon with its Newey-West error, ICIR, the mean return of the 50 best names less the
universe over five sessions before and after costs, and the paired difference of RankIC from
LightGBM over the sessions of all folds, and by year. Several seeds are averaged by rank. The same
is said at five sessions without preferred shares and notes, which the file shows by their codes
(funds it does not show), and for the third of the names that is traded most. `--floor` builds with
another floor on traded value. `--judged` prints some of the years only: what is fitted over all
years can be chosen by the first of them, and the last be read once, at the end, from the runs that
are kept in `--home`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from fitting import fitted, is_network, kind_of, new_york_dataset, settings_of
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import Dataset
from gogooku.dataset.home import labels_of
from gogooku.evaluate.significance import mean_test, paired_difference
from gogooku.learn.places import places
from measure import measured

TOP, COST_BPS, HELD = 50, 10.0, 5
NOT_COMMON = re.compile(r"-[A-Z]$|^NASDAQ_[A-Z]{4}[LMNOPZ]$")
"""Codes of preferred shares, notes and units: a letter after a dash (New York), a fifth letter
(NASDAQ)."""


@dataclass(frozen=True)
class Scored:
    """Test scores of a run over all folds, [t, N, H], and what it took."""

    indices: np.ndarray
    scores: np.ndarray
    spent: str


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dataset = new_york_dataset(options.file, home, floor=options.floor)
        truth = np.asarray(labels_of(dataset).raw_TNH, dtype=np.float64)
        scored = {}
        for text in options.runs.split(","):
            scored[text] = averaged(
                [scores_of(home, dataset, text, seed, options) for seed in options.seeds]
            )
            show(text, scored, dataset, truth)
        if options.blend:
            scored["blend"] = averaged([scored[name] for name in options.blend.split(",")])
            show("blend", scored, dataset, truth)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", default="reversal,ridge,lightgbm,atft-gat-fan")
    parser.add_argument("--blend", default="", help="Runs whose ranks are averaged as well.")
    parser.add_argument("--years", default="2012-2014")
    parser.add_argument("--judged", default="", help="Years that are printed; all by default.")
    parser.add_argument("--seeds", default="1", type=lambda text: [*map(int, text.split(","))])
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--device", default="cpu", help="Of networks: cpu or cuda.")
    parser.add_argument("--floor", default=2e6, type=float, help="Traded value, USD a session.")
    parser.add_argument("--no-refit", action="store_true")
    parser.add_argument("--home", type=Path, help="Keep everything there.")
    parser.add_argument("--set", action="append", default=[], help="RUN:path=value")
    return parser.parse_args()


def scores_of(
    home: Path, dataset: Dataset, text: str, seed: int, options: argparse.Namespace
) -> Scored:
    """Train a run; ``lightgbm+x`` is lightgbm with what ``--set lightgbm+x:path=value`` says."""
    first, last = years_of(options.years)
    assignments = [
        "split.kind=calendar",
        f"split.start={date(first, 1, 1)}",
        f"split.end={date(last, 12, 31)}",
        "warmup_sessions=280",
        f"refit={json.dumps(not options.no_refit)}",
        f"seed={seed}",
        *settings_of(text, options.set),
    ]
    with measured() as spent:
        run = fitted(
            home,
            kind_of(text),
            dataset,
            threads=options.threads,
            assignments=assignments,
            device=options.device if is_network(kind_of(text)) else "cpu",
        )
    indices, scores = run.scores("test", dataset)
    year = dataset.sessions[indices].astype("datetime64[Y]").astype(int) + 1970
    low, high = years_of(options.judged or options.years)
    judged = (year >= low) & (year <= high)
    return Scored(indices[judged], scores[judged], str(spent))


def years_of(text: str) -> tuple[int, int]:
    """The first and the last year of `2012-2014`."""
    first, last = text.split("-")
    return int(first), int(last)


def averaged(parts: list[Scored]) -> Scored:
    """The mean of the ranks of several runs."""
    if len(parts) == 1:
        return parts[0]
    total = sum(places(one.scores) for one in parts) / len(parts)
    return Scored(parts[0].indices, total, ", ".join(one.spent for one in parts))


def top_returns(scored: Scored, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of the best names less the universe, a session, before and after costs."""
    gross, net = [], []
    before: dict[int, set[int]] = {}
    for row, t in enumerate(scored.indices.tolist()):
        score, label = scored.scores[row, :, 1], truth[t, :, 1]
        known = np.flatnonzero(np.isfinite(score) & np.isfinite(label))
        if len(known) < 2 * TOP:
            gross.append(np.nan)
            net.append(np.nan)
            continue
        best = known[np.argsort(-score[known], kind="stable")[:TOP]]
        made = float(label[best].mean() - label[known].mean())
        last = before.get(t - HELD, set())
        replaced = 1.0 - len(last & set(best.tolist())) / TOP
        before[t] = set(best.tolist())
        gross.append(made)
        net.append(made - 2.0 * replaced * COST_BPS / 1e4)
    return np.array(gross), np.array(net)


def show(name: str, scored: Mapping[str, Scored], dataset: Dataset, truth: np.ndarray) -> None:
    one, floor = scored[name], scored.get("lightgbm")
    years = dataset.sessions[one.indices].astype("datetime64[Y]").astype(int) + 1970
    facts: dict[str, Any] = {"run": name, "spent": one.spent}
    for h, horizon in enumerate((1, 5, 10, 20)):
        daily = ic_of(one, truth, h)
        found = mean_test(daily[np.isfinite(daily)], horizon=horizon).estimate
        facts[f"rank_ic_{horizon}"] = f"{found.value:+.4f} ±{found.error:.4f}"
        if horizon == HELD:
            facts["icir"] = round(float(np.nanmean(daily) / np.nanstd(daily)), 3)
        if floor is not None and floor is not one:
            other = ic_of(floor, truth, h)
            both = np.isfinite(daily) & np.isfinite(other)
            test = paired_difference(daily[both], other[both], horizon=horizon).estimate
            facts[f"less_lightgbm_{horizon}"] = f"{test.value:+.4f} ±{test.error:.4f}"
        if horizon == HELD:
            facts["by_year"] = {
                int(y): round(float(np.nanmean(daily[years == y])), 4) for y in np.unique(years)
            }
    gross, net = top_returns(one, truth)
    known = gross[np.isfinite(gross)]
    error = mean_test(known, horizon=HELD).estimate.error
    facts["top_50_bp"] = f"{1e4 * known.mean():.0f} ±{1e4 * error:.0f}"
    facts["top_50_net_bp"] = round(1e4 * float(np.nanmean(net)), 1)
    if floor is not None and floor is not one:
        other = top_returns(floor, truth)[0]
        both = np.isfinite(gross) & np.isfinite(other)
        test = paired_difference(gross[both], other[both], horizon=HELD).estimate
        facts["top_50_less_lightgbm"] = f"{1e4 * test.value:+.0f} ±{1e4 * test.error:.0f}"
    preferred = np.array([bool(NOT_COMMON.search(code)) for code in dataset.codes])
    facts["without_preferred"] = among(preferred, one, floor, truth)
    facts["most_traded_third"] = among(little_traded(dataset), one, floor, truth)
    print(json.dumps(facts), flush=True)


def among(
    left_out: np.ndarray, one: Scored, floor: Scored | None, truth: np.ndarray
) -> dict[str, str]:
    """RankIC and the best names at five sessions without some names, [N] or [T, N]."""
    kept, h = truth.copy(), HELD
    kept[np.broadcast_to(left_out, truth.shape[:2])] = np.nan
    daily = ic_of(one, kept, 1)
    found = mean_test(daily[np.isfinite(daily)], horizon=h).estimate
    gross, net = top_returns(one, kept)
    facts = {
        "rank_ic_5": f"{found.value:+.4f} ±{found.error:.4f}",
        "top_50_bp": f"{1e4 * np.nanmean(gross):.0f}",
        "top_50_net_bp": f"{1e4 * np.nanmean(net):.0f}",
    }
    if floor is not None and floor is not one:
        other = ic_of(floor, kept, 1)
        both = np.isfinite(daily) & np.isfinite(other)
        test = paired_difference(daily[both], other[both], horizon=h).estimate
        facts["less_lightgbm_5"] = f"{test.value:+.4f} ±{test.error:.4f}"
    return facts


def little_traded(dataset: Dataset) -> np.ndarray:
    """The two thirds of the names [T, N] with the lower traded value of 20 sessions."""
    column = dataset.features.index("adv20_log")
    rank_TN = np.stack([dataset.x_TNF[t][:, column] for t in range(len(dataset.sessions))])
    return np.asarray(rank_TN < 1 / 6)


def ic_of(one: Scored, truth: np.ndarray, h: int) -> np.ndarray:
    return daily_rank_ic(one.scores[:, :, h].astype(np.float64), truth[one.indices][:, :, h])


if __name__ == "__main__":
    sys.exit(main())
