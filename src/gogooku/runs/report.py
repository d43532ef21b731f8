"""The page about a run: its judgement, its backtest, its training, its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.config import Resolved, resolve
from gogooku.core.files import hash_json
from gogooku.core.stamp import CONFIG_FILE
from gogooku.core.terms import at_exchange
from gogooku.evaluate.account import Account
from gogooku.evaluate.cautions import chosen_on_test
from gogooku.evaluate.report import ReportPage, render_report
from gogooku.evaluate.report_head import Headline
from gogooku.evaluate.report_luck import Luck
from gogooku.evaluate.report_texts import in_both
from gogooku.evaluate.words import Language, Text
from gogooku.ingest.source import Source
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.account import account_of
from gogooku.runs.beside import content_of, keep_beside
from gogooku.runs.folder import REPORT, REPORT_FILE, Run
from gogooku.runs.judge import Evaluation, JudgeConfig, evaluate, tries_on
from gogooku.runs.luck import luck_of
from gogooku.runs.network_pictures import (
    calibration,
    channel_weights,
    has_quantiles,
    selects_channels,
)
from gogooku.runs.newest import company_names, is_simulated, newest_ranking, source_of
from gogooku.runs.rivals import Rivals, compared, rivals_of
from gogooku.runs.trade import Traded, backtest


class ReportConfig(JudgeConfig, TradeConfig):
    """Which evaluation and which backtest a page is about, and the language it opens in."""

    language: Language = Language.EN
    """Whose texts are shown first; the page has both."""


DEFAULT = resolve(ReportConfig(), base_name=REPORT)
"""The page of the evaluation and the backtest as they are when nothing is chosen."""


def write_report(
    home: Path, run: Run, resolved: Resolved[ReportConfig] = DEFAULT, *, explained: bool = False
) -> Path:
    """Write the page of a run, in a folder beside it; what it is about is made first if missing.

    Runs of other learners on the same dataset and dates that are in the home are judged too, and
    compared with.

    Parameters
    ----------
    explained : bool
        Whether the page shows what groups of features are worth, which takes a while.

    Raises
    ------
    DataError
        As `gogooku.runs.judge.evaluate` and `gogooku.runs.trade.backtest`; or the dataset of a run
        that gives quantiles, or weighs channels, is gone.
    """
    resolved = at_exchange(resolved, run.exchange(home))
    judging = resolved.part(JudgeConfig)
    rivals = rivals_of(home, run)
    others = {kind: evaluate(home, one, judging) for kind, one in rivals.runs.items()}
    judged = evaluate(home, run, judging)
    traded = backtest(home, run, resolved.part(TradeConfig))
    source = source_of(home, run)
    made = _Made(
        judged=judged,
        traded=traded,
        account=account_of(traded, None if source is None else company_names(source)),
        luck=luck_of(home, run, judged, horizon=resolved.config.portfolio.horizon),
        rivals=rivals,
        source=source,
        tries=_tries(home, run),
    )
    found, *folders = _importance(home, run) if explained else ([],)
    folders += [made.judged.folder, made.traded.folder, *(one.folder for one in others.values())]

    def fill(building: Path) -> None:
        page = _page(home, run, made, resolved, others=others)
        page = replace(page, importance=[asdict(one) for one in found], **_pictures(home, run))
        (building / REPORT_FILE).write_text(render_report(page), encoding="utf-8")

    named = {} if made.source is None else {f"names of {made.source.name}": made.source.folder.name}
    folder = keep_beside(
        run,
        REPORT,
        resolved,
        code=(__name__,),
        inputs={
            **named,
            "tries": hash_json(
                [[one.en for one in made.tries], asdict(made.luck), made.account.fact("statistics")]
            ),
            **{name: content for one in folders for name, content in content_of(one).items()},
        },
        fill=fill,
    )
    return folder / REPORT_FILE


@dataclass(frozen=True)
class _Made:
    """What a page is about."""

    judged: Evaluation
    traded: Traded
    account: Account
    luck: Luck
    rivals: Rivals
    source: Source | None
    tries: list[Text]


def _importance(home: Path, run: Run) -> tuple[Any, ...]:
    """What groups of features are worth, and the folders of it; a page without needs no torch."""
    from gogooku.runs.importance import importance

    return importance(home, run)


def _tries(home: Path, run: Run) -> list[Text]:
    """That others were judged on the same sessions, and how many, where there are some."""
    windows = run.windows("test")
    first, last = min(low for low, _ in windows), max(high for _, high in windows)
    found = chosen_on_test(tries_on(home, run), str(first), str(last))
    return [Text(one.text, one.text_ja) for one in found]


def _pictures(home: Path, run: Run) -> dict[str, Any]:
    """What the page shows of a network that gives quantiles, or weighs channels."""
    quantiles, selects = has_quantiles(run), selects_channels(run.config.learner)
    if not quantiles and not selects:
        return {}
    dataset = run.dataset(home)
    return {
        "calibration": calibration(run, dataset) if quantiles else (),
        "channels": channel_weights(run, dataset) if selects else None,
    }


def _page(
    home: Path,
    run: Run,
    made: _Made,
    resolved: Resolved[ReportConfig],
    *,
    others: Mapping[str, Evaluation],
) -> ReportPage:
    judged, traded, horizon = made.judged, made.traded, resolved.config.portfolio.horizon
    ranking = newest_ranking(run, made.source, horizon=horizon)
    return ReportPage(
        headline=_headline(home, run, made),
        daily=judged.daily,
        deciles=judged.deciles,
        rolling=judged.rolling,
        decay=judged.decay,
        breakdown=judged.breakdown,
        metrics={**judged.metrics, **traded.metrics},
        horizon=horizon,
        account=made.account,
        luck=made.luck,
        events=events_of(run),
        config={**run.files.json(CONFIG_FILE), **resolved.to_json()},
        stamp=asdict(run.stamp),
        facts={**judged.facts, **traded.facts},
        warnings=[*warnings_of(judged), *made.tries],
        questioned=bool(judged.findings),
        ranking=ranking,
        scores=ranking.get_column("score").cast(pl.Float64).to_numpy(),
        rivals=compared(
            judged.daily, {kind: one.daily for kind, one in others.items()}, name=run.run_id
        ),
        missing=made.rivals.missing,
        language=resolved.config.language,
    )


def warnings_of(judged: Evaluation) -> list[Text]:
    """What the leak gate found, then the cautions of an evaluation, in both languages.

    A bias of the source is kept as one English text, within the text of its caution.
    """
    said = [in_both(text) for text in judged.findings]
    biases = [in_both(text) for text in judged.facts.get("known_bias", ())]
    for one in judged.warnings:
        japanese = str(one["text_ja"])
        for bias in biases:
            japanese = japanese.replace(bias.en, bias.ja)
        said.append(Text(str(one["text"]), japanese))
    return said


def _headline(home: Path, run: Run, made: _Made) -> Headline:
    """What a run is of, by its predictions and its source."""
    scored = run.predictions("test").filter(horizon=run.horizons[0])
    ranked = scored.group_by("date").len().get_column("len")
    days: list[date] = scored.get_column("date").unique().sort().to_list()
    return Headline(
        run_id=run.run_id,
        learner=run.config.learner.kind,
        source=str(run.manifest["source"]),
        exchange=run.exchange(home),
        currency=str(made.traded.facts["currency"]),
        simulated=is_simulated(str(run.manifest["source"]), made.source),
        names=scored.get_column("code").n_unique(),
        ranked=(int(str(ranked.min())), int(str(ranked.max()))),
        first=days[0],
        last=days[-1],
        tested=len(days),
        folds=0 if run.given else len(run.manifest["folds"]),
    )


def events_of(run: Run) -> list[dict[str, object]]:
    """Lines of ``events.jsonl``; none for a learner that reports none."""
    return run.events
