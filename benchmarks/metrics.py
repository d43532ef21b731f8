"""What measuring scores costs: all measures, intervals and decay of four horizons.

    python benchmarks/metrics.py [--sessions 2450] [--names 4000] [--profile]
    python benchmarks/metrics.py --alphalens-python /path/to/python

The second also measures a panel of 1,000 x 1,250 here and by alphalens-reloaded, in one run, and
compares what both can say (daily RankIC, autocorrelation); the limits are 6 CPU seconds for the
first and 8 times less CPU for the second. Every CPU figure of ours is the median of several runs.
Besides, in lines of their own: where skill lies, by sector (33 of them), segment and thirds of size
and liquidity at each horizon, by year and by month; and the rolling RankIC.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.types import HORIZONS, Labels
from gogooku.evaluate.breakdown import Grouping, by_names, by_sessions, rolling
from gogooku.evaluate.skill import Skill, evaluate_scores

WORKER = Path(__file__).with_name("alphalens_worker.py")
MOST_SECONDS, LEAST_RATIO = 6.0, 8.0
SKILL, UNSCORED, UNLABELLED = 0.03, 0.1, 0.005
SPELL = 60
"""Sessions for which a name is out of the universe, as when it lies below a trailing floor."""


def panel(sessions: int, names: int, seed: int = 0) -> tuple[np.ndarray, Labels]:
    """Scores of some skill with gaps, and labels whose returns overlap as real ones do."""
    rng = np.random.default_rng(seed)
    days = tokyo_sessions(date(2015, 1, 1), date(2030, 12, 31))[: sessions + 21]
    steps = rng.standard_t(4, size=(sessions + 21, names)).astype(np.float32) * 0.014
    total = np.vstack([np.zeros((1, names), np.float32), np.cumsum(steps, axis=0)])
    raw = np.full((sessions + 21, names, len(HORIZONS)), np.nan, dtype=np.float32)
    scores = np.empty((sessions, names, len(HORIZONS)), dtype=np.float32)
    resolved = np.full((sessions + 21, len(HORIZONS)), np.datetime64("NaT", "D"))
    for h, horizon in enumerate(HORIZONS):
        raw[:sessions, :, h] = total[horizon : sessions + horizon] - total[:sessions]
        resolved[:sessions, h] = days[horizon : sessions + horizon]
        drawn = rng.normal(size=(sessions, names)).astype(np.float32)
        scores[:, :, h] = SKILL * raw[:sessions, :, h] / raw[:sessions, :, h].std() + drawn
    spells = rng.random((sessions // SPELL + 1, names)) < UNSCORED
    scores[np.repeat(spells, SPELL, axis=0)[:sessions]] = np.nan
    raw[:sessions][rng.random((sessions, names)) < UNLABELLED] = np.nan
    shape = raw.shape
    labels = Labels(
        folder=Path("labels"),
        manifest={},
        horizons=HORIZONS,
        sessions=days,
        codes=tuple(f"{n:05d}" for n in range(names)),
        raw_TNH=raw,
        excess_TNH=raw,
        residual_TNH=raw,
        outcome_TNH=np.zeros((1,), np.int8) * np.ones(shape, np.int8),
        late_TNH=np.zeros(shape, dtype=np.int16),
        tradable_TN=np.ones(shape[:2], dtype=bool),
        resolved_TH=resolved,
    )
    return scores, labels


def ours(scores: np.ndarray, labels: Labels, times: int) -> tuple[float, Skill]:
    """Median CPU seconds of everything that `evaluate_scores` measures, and what it found."""
    spent = []
    for _ in range(times):
        begun = time.process_time()
        skill = evaluate_scores(scores, np.arange(len(scores)), labels)
        spent.append(time.process_time() - begun)
    return statistics.median(spent), skill


def where_it_lies(scores: np.ndarray, labels: Labels, skill: Skill) -> tuple[float, float]:
    """CPU seconds of all cuts of names and sessions, and of the rolling RankIC."""
    rng = np.random.default_rng(2)
    shape = scores.shape[:2]
    sector, segment = (np.tile(rng.integers(-1, n, shape[1]), (shape[0], 1)) for n in (33, 3))
    size, ease = (rng.normal(size=shape) for _ in range(2))
    chosen, top_k = labels.excess_TNH[: shape[0]], int(skill.report.facts["top_k"])
    begun = time.process_time()
    groupings = [
        Grouping.of("sector", [f"sector {n}" for n in range(33)], sector),
        Grouping.of("segment", ["Prime", "Standard", "Growth"], segment),
        Grouping.thirds("size", ("small", "middle", "large"), size),
        Grouping.thirds("liquidity", ("illiquid", "middle", "liquid"), ease),
    ]
    for h, horizon in enumerate(HORIZONS):
        by_names([scores[:, :, h]], chosen[:, :, h], groupings, horizon=horizon, top_k=top_k)
    for cut, form in (("year", "%Y"), ("month", "%Y-%m")):
        by_sessions(skill.daily, cut, skill.daily["date"].dt.to_string(form), ["rank_ic"])
    cuts = time.process_time() - begun
    begun = time.process_time()
    rolling(skill.daily)
    return cuts, time.process_time() - begun


def against_alphalens(python: Path, sessions: int, names: int, times: int) -> float:
    """How many times the CPU of ours alphalens needs on one panel; refuses other values."""
    scores, labels = panel(sessions, names, seed=1)
    spent, skill = ours(scores, labels, times)
    with tempfile.TemporaryDirectory() as folder:
        file, values = Path(folder) / "panel.npz", Path(folder) / "values.npz"
        raw = labels.raw_TNH[: len(scores)]
        np.savez(file, scores=scores, labels=raw, horizons=np.array(HORIZONS))
        done = subprocess.run(
            [str(python), str(WORKER), str(file), "--values", str(values)],
            capture_output=True,
            text=True,
            check=True,
        )
        theirs = json.loads(done.stdout.splitlines()[-1])["cpu_seconds"]
        known = np.load(values)
        for horizon in HORIZONS:
            daily = skill.daily.filter(horizon=horizon)
            for name in ("rank_ic", "autocorrelation"):
                mine = daily[name].to_numpy().astype(float)
                other = known[f"h{horizon}.{name}"].reshape(-1)
                np.testing.assert_allclose(mine, other, atol=1e-10, equal_nan=True)
    print(f"{sessions:,} x {names:,}, daily RankIC and autocorrelation equal to 1e-10:")
    print(f"  ours, all measures:  {spent:.2f} CPU s")
    print(f"  alphalens-reloaded (RankIC, deciles, turnover, autocorrelation): {theirs:.2f} CPU s")
    print(f"  {theirs / spent:.1f} times (at least {LEAST_RATIO:g} wanted)")
    return theirs / spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2450)
    parser.add_argument("--names", type=int, default=4000)
    parser.add_argument("--alphalens-python", type=Path)
    parser.add_argument("--times", type=int, default=3, help="Times it is measured.")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    scores, labels = panel(options.sessions, options.names)
    if options.profile:
        profile = cProfile.Profile(time.process_time)
        profile.runcall(ours, scores, labels, 1)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    spent, skill = ours(scores, labels, options.times)
    count = len(skill.report.values)
    print(f"{options.sessions:,} sessions x {options.names:,} names x {len(HORIZONS)} horizons:")
    print(f"  {count} measures with intervals, {skill.decay.height} figures of decay")
    print(f"  {spent:.2f} CPU s, median of {options.times} (at most {MOST_SECONDS:g} wanted)")
    cuts, moving = where_it_lies(scores, labels, skill)
    print(f"  where it lies, by sector, segment, size, liquidity, year and month: {cuts:.2f} CPU s")
    print(f"  rolling RankIC: {moving:.3f} CPU s")
    met = spent <= MOST_SECONDS
    if options.alphalens_python is not None:
        ratio = against_alphalens(options.alphalens_python, 1250, 1000, options.times)
        met &= ratio >= LEAST_RATIO
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
