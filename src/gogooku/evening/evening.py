"""An evening: fetch, build, check, rank, publish; each step is done again at no cost.

Nothing is kept of how far an evening came but its artefacts: a sync goes on where it stopped, a
dataset that is built is found, a publication that is there stays. So the same command after
``kill -9`` goes on, and a second one does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.core.config import Execution
from gogooku.core.errors import EnvironmentalError
from gogooku.core.expected import expected_session
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.core.wall import WallClock
from gogooku.evening.closed import vendor_sessions
from gogooku.evening.due import due_sessions
from gogooku.evening.log import EveningLog, StepLog
from gogooku.evening.record import Outcome, recorded
from gogooku.ingest.jquants.summary import Synced
from gogooku.ingest.source import Source, delivery, sources_folder
from gogooku.learn.why.contributions import WhyNot
from gogooku.predict.predictor import Ranking
from gogooku.publish.gates import (
    Promise,
    PublishLimits,
    Session,
    contract,
    freshness,
    judge_session,
    promise_of,
)
from gogooku.publish.gates_of_data import data_of, judge_data
from gogooku.publish.holdings import Holdings
from gogooku.publish.orders import (
    ORDERS_CSV,
    PORTFOLIO,
    Desk,
    Tonight,
    holdings_after,
    last_target,
    make_orders,
    open_desk,
    orders_csv,
)
from gogooku.publish.publication import (
    ORDERS,
    RANKING,
    Content,
    Publication,
    newest_publication,
    publish,
    published_sessions,
)
from gogooku.publish.ranked import ranked
from gogooku.publish.reasons import WHY_NOT, reasons
from gogooku.releases.bundle import Bundle, open_bundle
from gogooku.releases.registry import read_registry, scored_each_evening, the_released
from gogooku.releases.verdicts import Verdict, refusals
from gogooku.runs.newest import names_beside
from gogooku.watch.after import after_evening, after_publication


@dataclass(frozen=True)
class Asked:
    """What an evening is asked for.

    Attributes
    ----------
    source : str
    day : date or None
        One session; None for all that is due.
    dry_run : bool
        Do everything but publish: nothing is written under ``HOME/publications``.
    limits : PublishLimits
        From where on a session is refused.
    holdings : Path or None
        What is held after the newest session, as `gogooku.publish.holdings` reads it; None for
        what follows from the last published target.
    cash : float or None
        Money beside it, where the file does not say it.
    """

    source: str
    day: date | None = None
    dry_run: bool = False
    limits: PublishLimits = field(default_factory=PublishLimits)
    holdings: Path | None = None
    cash: float | None = None


@dataclass
class Evening:
    """What came of an evening.

    Attributes
    ----------
    source, bundle : str
    expected : date
        The last session whose decision is past.
    published : list of Publication
        Of the released bundle, in order; what was there before is not among them.
    refused : list of str
        What a check found, each with its session; nothing of such a session is published.
    refused_gates : list of mapping
        Of those, the verdicts of gates, each with its session.
    ready : list of date
        Sessions that a dry run would have published.
    asked : date or None
        The session that was asked for by its date.
    dry_run : bool
    log : EveningLog
    """

    source: str
    bundle: str
    log: EveningLog
    expected: date | None = None
    published: list[Publication] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    refused_gates: list[Mapping[str, Any]] = field(default_factory=list)
    ready: list[date] = field(default_factory=list)
    asked: date | None = None
    dry_run: bool = False

    @property
    def outcome(self) -> Outcome:
        """What it came to; what a check refused comes first."""
        if self.refused:
            return Outcome.REFUSED
        if self.published:
            return Outcome.PUBLISHED
        return Outcome.DRY_RUN if self.dry_run else Outcome.NOTHING_NEW

    def stopped(
        self, bundle: Bundle, day: date, verdicts: Sequence[Verdict], step: StepLog
    ) -> bool:
        """Say which gates refused; a refusal of a bundle that is not in service fails nothing."""
        found = refusals(verdicts)
        if found:
            step.said = f"refused: {'; '.join(_refusal(day, one) for one in found)}"
        if bundle.bundle_id == self.bundle:
            for one in found:
                self.refuse(day, one)
        return bool(found)

    def refuse(self, day: date, verdict: Verdict) -> None:
        """Keep that a gate stopped a session of the bundle in service."""
        self.refused.append(_refusal(day, verdict))
        self.refused_gates.append({"session": str(day), **verdict.to_json()})

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": self.source,
            "bundle": self.bundle,
            "expected": None if self.expected is None else str(self.expected),
            "published": [
                {
                    "session": str(one.session),
                    "folder": str(one.folder),
                    "content_hash": one.content_hash,
                    **one.facts,
                }
                for one in self.published
            ],
            "refused": self.refused,
            "refused_gates": self.refused_gates,
            "ready": [str(day) for day in self.ready],
            "dry_run": self.dry_run,
            "outcome": str(self.outcome),
            "steps": [step.to_json() for step in self.log.steps],
        }


def _refusal(day: date, verdict: Verdict) -> str:
    return f"{day}: {verdict.gate}: {verdict.said}"


def evening(
    home: Path,
    asked: Asked,
    *,
    fetch: Callable[[], Synced] | None,
    execution: Execution,
    clock: WallClock,
    reporter: Reporter,
) -> Evening:
    """Do an evening of a source, or whatever is left of it.

    Parameters
    ----------
    fetch : callable or None
        Gets what is missing and derives the source; None where the source is not synced.

    Raises
    ------
    DataError
        No bundle is released; or the dataset is not what the bundle needs.
    EnvironmentalError
        The vendor failed; what was published stays.
    BusyError
        Another evening of the source is running.
    """
    done = Evening(asked.source, "", EveningLog(reporter), asked=asked.day, dry_run=asked.dry_run)
    with recorded(
        home, asked.source, done.log, ended=lambda: done.outcome, facts=done.to_json, clock=clock
    ):
        return _steps(home, asked, done, fetch=fetch, execution=execution, clock=clock)


def _steps(
    home: Path,
    asked: Asked,
    done: Evening,
    *,
    fetch: Callable[[], Synced] | None,
    execution: Execution,
    clock: WallClock,
) -> Evening:
    """Every step in its order."""
    reporter = done.log.reporter
    serving = open_bundle(home, the_released(home, asked.source))
    done.bundle = serving.bundle_id
    if fetch is not None:
        with done.log.step("sync") as step:
            summary = fetch().summary
            step.said = f"{summary.requests:,} requests"
            step.did = summary.requests > 0
            if summary.failed:
                names = ", ".join(one.name for one in summary.failed)
                raise EnvironmentalError(
                    f"sync: {len(summary.failed)} endpoint(s) failed ({names}); nothing is "
                    "published from data that is not whole. Run it again"
                )
    others = scored_each_evening(read_registry(home), asked.source)[1:]
    for bundle in (serving, *(open_bundle(home, one) for one in others)):
        with done.log.step(f"build for {bundle.bundle_id}") as step:
            dataset = pipeline.build(home, bundle.build, execution=execution, reporter=reporter)
            step.said = f"{dataset.folder.name}, {dataset.sessions[-1]}"
            if done.stopped(bundle, dataset.sessions[-1].item(), [contract(bundle, dataset)], step):
                continue
        made = _publish_due(home, bundle, dataset, asked, clock=clock, done=done)
        if bundle is serving:
            done.published = made
        if not asked.dry_run:
            with done.log.step(f"watch {bundle.bundle_id}") as step:
                step.said = after_publication(home, bundle, dataset, in_service=bundle is serving)
    if not asked.dry_run:
        after_evening(
            home,
            asked.source,
            at=clock.now(),
            steps={step.name: step.seconds for step in done.log.steps},
            refused=done.refused,
            gates=done.refused_gates,
        )
    return done


def _publish_due(
    home: Path, bundle: Bundle, dataset: Dataset, asked: Asked, *, clock: WallClock, done: Evening
) -> list[Publication]:
    """Publish every session that is due for a bundle."""
    in_service = bundle.bundle_id == done.bundle
    due, late = _due(home, bundle, dataset, asked, clock=clock, done=done)
    if not due:
        return []
    if in_service and len(due) > 1:
        done.log.reporter.say(f"catching up {len(due):,} evenings: {due[0]} to {due[-1]}")
    predictor, promise = pipeline.predictor(bundle.run, dataset), promise_of(bundle)
    desk = open_desk(predictor, dataset, names_beside(home, dataset), bundle.trade.config)
    fits = contract(bundle, dataset)
    stated = asked if in_service and asked.holdings is not None else None
    made = []
    for day in due:
        with done.log.step(f"publish {day}") as step:
            ranking = predictor.ranking(day, horizon=bundle.trade.config.portfolio.horizon)
            data = judge_data(data_of(desk, ranking), asked.limits)
            if done.stopped(bundle, day, data, step):
                continue
            holdings = _stated(desk, day, stated) if day == due[-1] else None
            before = last_target(home, bundle.source, bundle.bundle_id, before=day)
            tonight = None if late else make_orders(desk, ranking, before, holdings)
            content = _content(home, bundle, desk, ranking, tonight)
            step.said = _in_words(content)
            verdicts = _verdicts(home, bundle, day, content, promise, asked.limits)
            if done.stopped(bundle, day, verdicts, step):
                continue
            content = content.with_facts(gates=[one.to_json() for one in (fits, *data, *verdicts)])
            if asked.dry_run:
                done.ready += [day] if in_service else []
                continue
            step.did = True
            inputs = {"bundle": bundle.content_hash, "dataset": dataset.folder.name}
            if holdings is not None:
                inputs["holdings"] = holdings.content_hash
            name, at = bundle.bundle_id, clock.now()
            made.append(publish(home, asked.source, day, name, content, inputs=inputs, at=at))
    return made


def _due(
    home: Path, bundle: Bundle, dataset: Dataset, asked: Asked, *, clock: WallClock, done: Evening
) -> tuple[list[date], bool]:
    """Sessions that a bundle has to publish, in order, and whether the expected one is missing."""
    expected = expected_session(
        bundle.exchange,
        dataset.clock,
        clock.now(),
        dataset.sessions,
        open_days=partial(vendor_sessions, _source_of(home, dataset)),
    )
    done.expected = expected
    in_service = bundle.bundle_id == done.bundle
    late = freshness(expected, dataset)
    if in_service and asked.day is None and late.refused:
        done.refuse(expected, late)
    due = due_sessions(
        dataset.sessions,
        expected=expected,
        published=published_sessions(home, asked.source, bundle.bundle_id),
        asked=asked.day,
    )
    if not due and in_service and asked.holdings is not None:
        done.refused.append(
            f"{expected}: --holdings: what is due is published already, and its orders stay; "
            "state the holdings on the next evening"
        )
    return due, late.refused


def _stated(desk: Desk, day: date, asked: Asked | None) -> Holdings | None:
    """What is held after a session, where it was stated."""
    if asked is None or asked.holdings is None:
        return None
    return holdings_after(desk, day, asked.holdings, cash=asked.cash)


def _verdicts(
    home: Path,
    bundle: Bundle,
    day: date,
    content: Content,
    promise: Promise,
    limits: PublishLimits,
) -> Sequence[Verdict]:
    """What the gates of a session say."""
    session = Session(
        frames=content.frames,
        horizon=bundle.trade.config.portfolio.horizon,
        before=newest_publication(home, bundle.source, bundle.bundle_id, before=day),
        promise=promise,
        limits=limits,
    )
    return judge_session(session)


def _source_of(home: Path, dataset: Dataset) -> Source:
    """The delivery that a dataset was built from."""
    facts = dataset.manifest
    return delivery(sources_folder(home) / str(facts["source"]) / str(facts["source_version"]))


def _content(
    home: Path, bundle: Bundle, desk: Desk, made: Ranking, tonight: Tonight | None
) -> Content:
    """What a bundle says after a session; without orders where its data is old.

    Which dataset it was made from is no part of it: the same ranking can follow from two of them,
    as from a dataset that was built anew.
    """
    before = newest_publication(home, bundle.source, bundle.bundle_id, before=made.date)
    ranking = ranked(made, desk.names, before)
    facts: dict[str, Any] = {"horizon": made.horizon, "run": bundle.run_id, "names": ranking.height}
    traded = [] if tonight is None else [*tonight.target["code"], *tonight.orders["code"]]
    why = reasons(desk.predictor, made, also=traded)
    explained = {} if isinstance(why, WhyNot) else why
    if isinstance(why, WhyNot):
        facts[WHY_NOT] = str(why)
    if tonight is None:
        return Content(frames={RANKING: ranking, **explained}, facts=facts)
    return Content(
        frames={RANKING: ranking, **tonight.frames, **explained},
        facts={**facts, PORTFOLIO: dict(tonight.facts)},
        files={ORDERS_CSV: orders_csv(tonight.orders)},
    )


def _in_words(content: Content) -> str:
    """What is published, in a few words."""
    said = f"{content.frames[RANKING].height:,} names"
    if ORDERS not in content.frames:
        return f"{said}, no orders: the data is old"
    return f"{said}, {content.frames[ORDERS].height:,} orders"
