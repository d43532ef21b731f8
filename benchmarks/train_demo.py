"""Fit learners on sandbox markets and show what each finds of what was planted.

    python benchmarks/train_demo.py [--seeds 1,2,3] [--training-seeds 1] [--size demo] [--threads 2]
                                    [--runs ridge,lightgbm] [--ablations] [--shuffled]
                                    [--config FILE.toml] [--device cuda]

One line per learner and seed of the market (and of the training, but for ridge): alignment (mean
daily Spearman of score and planted expectation) and RankIC at 1, 5, 10 and 20 sessions on the test
part, correlation with each planted family at 1 session, seconds; at the end the mean over markets
with its standard error, and what the network finds more than the others, paired by market. The
network has the settings for few names; ``--ablations`` fits it without its parts too, and with the
defaults, which are for whole markets; ``--config`` with the settings of a file. ``--shuffled``
permutes the labels within each session, and shows RankIC over its standard error: sessions are then
independent, so overlapping horizons need no more lags.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gogooku.core.config import Execution, resolve
from gogooku.core.metrics import FloatArray, daily_ic, daily_rank_ic, mean_estimate
from gogooku.core.progress import SilentReporter
from gogooku.core.registry import VariantConfig
from gogooku.core.types import Dataset, FitExecution, Labels
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import labels_of
from gogooku.dataset.labels import shuffled_within_session
from gogooku.evaluate.split import FractionSplit, make_folds
from gogooku.learn.few_names import FEW_NAMES
from gogooku.learn.registry import LEARNERS, make_learner
from gogooku.pipeline import build, sandbox
from gogooku.runs.named import run_named
from gogooku.sandbox.market.market import FAMILIES, Market, generate, market_config


def network(**changes: Any) -> VariantConfig:
    """The network for few names, with changes."""
    return LEARNERS.config("atft_gat_fan").model_validate({**FEW_NAMES["atft_gat_fan"], **changes})


NETWORK = "network"
ABLATIONS = {
    "fan": network(fan="fan"),
    "no graph": network(graph="none"),
    "no history": network(temporal="none"),
    "no graph, no history": network(temporal="none", graph="none"),
    "shuffled graph": network(graph="shuffled"),
    "fusion": network(temporal="fusion"),
    "whole market": run_named("atft-gat-fan").learner,
}


def make(size: str, seed: int, *, threads: int) -> tuple[Dataset, Market]:
    home, config = Path(tempfile.mkdtemp()), market_config(size, seed=seed)
    reporter = SilentReporter()
    sandbox(home, "sandbox", resolve(config, base_name=size), reporter=reporter)
    wanted = resolve(BuildConfig(source="sandbox", features="basic"), base_name="basic")
    dataset = build(home, wanted, execution=Execution(threads=threads), reporter=reporter)
    return dataset, generate(config)


def judged(
    scores: FloatArray,
    dataset: Dataset,
    labels: Labels,
    market: Market,
    at: FloatArray,
    *,
    independent: bool,
) -> tuple[list[float], list[float], list[float], list[float]]:
    inside = dataset.valid_TN[at]
    place = {code: n for n, code in enumerate(market.codes)}
    order = [place[code] for code in dataset.codes]
    expectation = market.expectation[at][:, order]
    alignment, rank_ic, t_stat = [], [], []
    for h, horizon in enumerate(labels.horizons):
        truth = np.where(inside, expectation[:, :, h], np.nan)
        label = np.where(inside, labels.raw_TNH[at][:, :, h], np.nan)
        daily = daily_rank_ic(scores[:, :, h], label)
        found = mean_estimate(daily, horizon=1 if independent else horizon)
        alignment.append(float(np.nanmean(daily_rank_ic(scores[:, :, h], truth))))
        rank_ic.append(found.value)
        t_stat.append(found.t_stat)
    families = market.family_expectation[at][:, order][:, :, :, 0]
    by_family = [
        float(np.nanmean(daily_ic(scores[:, :, 0], np.where(inside, families[:, :, f], np.nan))))
        for f in range(len(FAMILIES))
    ]
    return alignment, rank_ic, t_stat, by_family


def shown(values: list[float], digits: int) -> str:
    return " ".join(f"{value:6.{digits}f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--training-seeds", default="1", help="How often each learner is fitted.")
    parser.add_argument("--runs", default="ridge,lightgbm", help="What the network is beside.")
    parser.add_argument("--size", default="demo")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="Of networks: cpu or cuda.")
    parser.add_argument("--ablations", action="store_true")
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--config", type=Path, action="append", default=[])
    options = parser.parse_args()
    beside = {name: run_named(name, few_names=True).learner for name in options.runs.split(",")}
    configs = {**beside, NETWORK: network(), **(ABLATIONS if options.ablations else {})}
    for file in options.config:
        settings = resolve(
            run_named("atft-gat-fan", few_names=True), base_name="few names", file=file
        )
        configs = {**configs, file.stem: settings.config.learner}
    found: dict[str, dict[int, list[list[float]]]] = {}
    print(f"families at 1 session: {', '.join(FAMILIES)}")
    for seed in (int(text) for text in options.seeds.split(",")):
        dataset, market = make(options.size, seed, threads=options.threads)
        labels = labels_of(dataset)
        if options.shuffled:
            rng = np.random.default_rng([seed, 9_001])
            labels = shuffled_within_session(labels, dataset.valid_TN, rng=rng)
        fold = make_folds(FractionSplit(), dataset.sessions, first=60)[0]
        test = fold.indices("test")
        for name, training_seed, config in fits(configs, options.training_seeds):
            begun = time.perf_counter()
            checkpoint = make_learner(config).fit(
                dataset,
                labels,
                fold,
                rng=np.random.default_rng([training_seed, 0]),
                execution=FitExecution(
                    threads=options.threads,
                    device=options.device if LEARNERS.row(config.kind).network else "cpu",
                ),
            )
            seconds = time.perf_counter() - begun
            scores = checkpoint.scores(dataset, test).astype(np.float64)
            alignment, rank_ic, t_stat, families = judged(
                scores, dataset, labels, market, test, independent=options.shuffled
            )
            found.setdefault(name, {}).setdefault(seed, []).append(alignment)
            tail = f"t {shown(t_stat, 1)}" if options.shuffled else f"family {shown(families, 2)}"
            print(
                f"{seed} {name:21s} alignment {shown(alignment, 3)} | RankIC {shown(rank_ic, 4)}"
                f" | {tail} | {seconds:.0f} s",
                flush=True,
            )
    means = {
        name: np.array([np.mean(rows, axis=0) for rows in by_market.values()])
        for name, by_market in found.items()
    }
    for name, of_market in means.items():
        print(f"mean {name:18s} alignment {with_errors(of_market)}")
        if name != NETWORK:
            print(f"  {NETWORK} less {name:10s} {with_errors(means[NETWORK] - of_market)}")


def fits(
    configs: Mapping[str, VariantConfig], training_seeds: str
) -> Iterator[tuple[str, int, VariantConfig]]:
    """Name, training seed and config of every fit; ridge knows no chance."""
    for name, config in configs.items():
        for text in training_seeds.split(",")[: 1 if config.kind == "ridge" else None]:
            yield name, int(text), config


def with_errors(values: FloatArray) -> str:
    """Means over markets [market, horizon], with their standard errors where there are several."""
    mean = values.mean(axis=0)
    if len(values) == 1:
        return shown(mean.tolist(), 3)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return "  ".join(f"{m:6.3f} ±{e:.3f}" for m, e in zip(mean, error, strict=True))


if __name__ == "__main__":
    main()
