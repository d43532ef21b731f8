"""Runs side by side, with what the ledger of trials knows of the sessions they are compared on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.errors import ContractError, UsageError
from gogooku.evaluate.comparison_words import sentence_of
from gogooku.evaluate.report_texts import in_both
from gogooku.evaluate.side_by_side import COLUMNS, SideBySide, Tries, side_by_side
from gogooku.evaluate.words import Text
from gogooku.runs.beside import is_whole
from gogooku.runs.folder import Run, runs_folder
from gogooku.runs.holdouts import spent_by
from gogooku.runs.judge import Evaluation
from gogooku.runs.newest import is_simulated, source_of
from gogooku.runs.trade import Traded, deflated_of
from gogooku.runs.trials import TrialLedger, tried
from gogooku.tables.parts import base_source


@dataclass(frozen=True)
class Comparison:
    """Runs side by side and what has to be said of them.

    Attributes
    ----------
    found : SideBySide
    out_of_time : bool
        False: all of them are cross-validations.
    run_ids : mapping of str to str
        What each run is called here, its name where that is no other's, to its id.
    remarks : tuple of Text
        Hold-outs that were spent, biases of the source, findings of the leak gate.
    facts : mapping of str to str
        Source, exchange, labels and dates.
    accounts : list of dict
        The newest backtest of each run that is still there: run, backtest, and what
        `gogooku.runs.account_trials.deflated_account` says of it.
    simulated : bool
        Whether the prices are a sandbox's.
    """

    found: SideBySide
    out_of_time: bool
    run_ids: Mapping[str, str]
    remarks: tuple[Text, ...]
    facts: Mapping[str, str]
    simulated: bool
    accounts: Sequence[Mapping[str, Any]] = ()

    def sentence(self) -> Text:
        """The sentence of the comparison, with what it is not."""
        return sentence_of(self.found, out_of_time=self.out_of_time)


def compare(
    home: Path,
    judged: Mapping[str, tuple[Run, Evaluation]],
    *,
    metric: str,
    horizon: int | None = None,
) -> Comparison:
    """Put judged runs side by side.

    Parameters
    ----------
    judged : mapping of run id to run and evaluation
        All judged alike; the first is the one that the others are compared with.
    metric : str
        A daily measure.

    Raises
    ------
    UsageError
        A cross-validation beside a walk-forward, true beside shuffled labels, or as
        `gogooku.evaluate.side_by_side.side_by_side`.
    ContractError
        Runs of different sources, or of one name on two exchanges.
    """
    runs = [run for run, _ in judged.values()]
    _refuse_unlike(home, runs)
    windows = [span for run in runs for span in run.windows("test")]
    first, last = min(low for low, _ in windows), max(high for _, high in windows)
    variant = next(iter(judged.values()))[1].facts["variant"]
    tries = tries_of(home, runs[0], first, last, judged_by=str(variant))
    labels = _labels([run for run, _ in judged.values()])
    daily = {labels[name]: evaluation.daily for name, (_, evaluation) in judged.items()}
    found = side_by_side(daily, tries=tries, metric=metric, horizon=horizon)
    return Comparison(
        found=found,
        out_of_time=runs[0].out_of_time,
        run_ids={label: run for run, label in labels.items()},
        remarks=tuple(_remarks(home, judged)),
        facts={
            "source": base_source(str(runs[0].manifest["source"])),
            "exchange": runs[0].exchange(home),
            "labels": str(variant),
            "from": min(str(frame.item(0, "date")) for frame in found.daily.values()),
            "to": max(str(frame.item(-1, "date")) for frame in found.daily.values()),
        },
        accounts=_accounts(home, runs, labels),
        simulated=is_simulated(str(runs[0].manifest["source"]), source_of(home, runs[0])),
    )


def _labels(runs: Sequence[Run]) -> dict[str, str]:
    """Run id to the name it was started with; to the id where that name is another's too."""
    names = [str(run.manifest["name"]) for run in runs]
    return {
        run.run_id: name if names.count(name) == 1 and name not in COLUMNS else run.run_id
        for run, name in zip(runs, names, strict=True)
    }


def _refuse_unlike(home: Path, runs: Sequence[Run]) -> None:
    """Refuse runs whose figures do not mean the same."""
    markets = sorted(
        {f"{base_source(str(run.manifest['source']))} on {run.exchange(home)}" for run in runs}
    )
    if len(markets) > 1:
        raise ContractError(
            f"compare: {len(runs)} runs of {len(markets)} markets (source {', '.join(markets)}) "
            "were tested on other names; compare runs of one source on one exchange"
        )
    crossed = [run.run_id for run in runs if not run.out_of_time]
    if crossed and len(crossed) < len(runs):
        raise UsageError(
            f"compare: {', '.join(crossed)} was judged by cross-validation, the others out of "
            "time; those figures do not mean the same. Compare runs of one kind"
        )
    orders = {str(run.config.label_order) for run in runs}
    if len(orders) > 1:
        raise UsageError(
            "compare: some runs are judged on shuffled labels, others on true ones; compare runs "
            "of one kind"
        )


def tries_of(home: Path, run: Run, first: date, last: date, *, judged_by: str) -> Tries:
    """What was tried on the sessions, by the ledger; daily series of what is still there.

    A try of the other kind of split, out of time or crossed, is one more that was looked at. Its
    ratio is no draw of the same figure: a mean over paths of a cross-validation is steadier. So is
    a try that was judged by another label only. Of one that was judged by this one the newest
    evaluation counts.
    """
    market = base_source(str(run.manifest["source"])), run.exchange(home)
    return tries_between(
        home, market, first, last, out_of_time=run.out_of_time, judged_by=judged_by
    )


def tries_between(
    home: Path,
    market: tuple[str, str],
    first: date,
    last: date,
    *,
    out_of_time: bool,
    judged_by: str,
) -> Tries:
    """What was tried on the sessions of a market, its source and its exchange: as `tries_of`."""
    source, exchange = market
    found = tried(
        TrialLedger(home).trials(), source=source, exchange=exchange, first=first, last=last
    )
    ratios: dict[int, list[float]] = {}
    daily: dict[str, pl.DataFrame] = {}
    others = 0
    for entries in found.values():
        if entries[-1].out_of_time != out_of_time:
            others += 1
            continue
        alike = [one for one in entries if one.judged_by == judged_by]
        if not alike:
            continue
        one = alike[-1]
        for horizon, figure in one.skill.items():
            if figure.ratio is not None:
                ratios.setdefault(horizon, []).append(figure.ratio)
        folder = runs_folder(home) / one.key
        if is_whole(folder):
            daily[one.key] = Evaluation(folder=folder, written={}).daily
    return Tries(count=len(found), others=others, ratios=ratios, daily=daily)


def _accounts(home: Path, runs: Sequence[Run], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The newest backtest of each run, by the ledger, with its deflated excess."""
    traded = TrialLedger(home).accounts()
    kept = {one.run: one for one in traded if is_whole(runs_folder(home) / one.key)}
    said = []
    for run in runs:
        if run.run_id in kept:
            folder = runs_folder(home) / kept[run.run_id].key
            daily = Traded(folder=folder, written={}).frame("daily")
            deflated = deflated_of(home, run, daily)
            said.append({"run": labels[run.run_id], "backtest": folder.name, **deflated})
    return said


def _remarks(home: Path, judged: Mapping[str, tuple[Run, Evaluation]]) -> list[Text]:
    of = Text("{name}: {said}", "{name}: {said}")
    said = [
        of.filled(name=name, said=one.said(name))
        for name, (run, _) in judged.items()
        for one in spent_by(home, run)
    ]
    said += [
        of.filled(name=name, said=in_both(text))
        for name, (_, evaluation) in judged.items()
        for text in evaluation.findings
    ]
    biases = [
        text for _, evaluation in judged.values() for text in evaluation.facts.get("known_bias", ())
    ]
    return said + [in_both(text) for text in dict.fromkeys(biases)]
