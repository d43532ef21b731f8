"""An evening: fetch, build, check, rank, publish; each step is done again at no cost.

Nothing is kept of how far an evening came but its artefacts: a sync goes on where it stopped, a
dataset that is built is found, a publication that is there stays. So the same command after
``kill -9`` goes on, and a second one does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from gogooku import pipeline
from gogooku.core.config import Execution
from gogooku.core.errors import EnvironmentalError
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.core.wall import WallClock
from gogooku.evening.due import due_sessions, expected_session
from gogooku.evening.log import EveningLog
from gogooku.ingest.jquants.summary import Synced
from gogooku.predict.predictor import Ranking
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
    partial_data,
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
from gogooku.releases.bundle import Bundle, open_bundle
from gogooku.releases.registry import read_registry, scored_each_evening, the_released
from gogooku.runs.newest import names_beside


@dataclass(frozen=True)
class Asked:
    """What an evening is asked for.

    Attributes
    ----------
    source : str
    day : date or None
        One session; None for all that is due.
    dry_run : bool
        Do everything but publish.
    holdings : Path or None
        What is held after the newest session, as `gogooku.publish.holdings` reads it; None for
        what follows from the last published target.
    cash : float or None
        Money beside it, where the file does not say it.
    """

    source: str
    day: date | None = None
    dry_run: bool = False
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
    log : EveningLog
    """

    source: str
    bundle: str
    log: EveningLog
    expected: date | None = None
    published: list[Publication] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

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
            "steps": [step.to_json() for step in self.log.steps],
        }


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
    """
    serving = open_bundle(home, the_released(home, asked.source))
    done = Evening(asked.source, serving.bundle_id, EveningLog(reporter))
    if fetch is not None:
        with done.log.step("sync") as step:
            summary = fetch().summary
            step.said = f"{summary.requests:,} requests"
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
            bundle.require(dataset)
            step.said = f"{dataset.folder.name}, {dataset.sessions[-1]}"
        made = _publish_due(home, bundle, dataset, asked, clock=clock, done=done)
        if bundle is serving:
            done.published = made
    return done


def _publish_due(
    home: Path, bundle: Bundle, dataset: Dataset, asked: Asked, *, clock: WallClock, done: Evening
) -> list[Publication]:
    """Publish every session that is due for a bundle."""
    expected = expected_session(bundle.exchange, dataset.clock, clock.now(), dataset.sessions)
    done.expected = expected
    stale = np.datetime64(expected) not in dataset.sessions
    if stale:
        done.refused.append(
            f"{expected}: freshness: the newest session is {dataset.sessions[-1]}; the vendor has "
            "not sent it yet. Run it again later"
        )
    due = due_sessions(
        dataset.sessions,
        expected=expected,
        published=published_sessions(home, asked.source, bundle.bundle_id),
        asked=asked.day,
    )
    if not due:
        if asked.holdings is not None and bundle.bundle_id == done.bundle:
            done.refused.append(
                f"{expected}: --holdings: what is due is published already, and its orders stay; "
                "state the holdings on the next evening"
            )
        return []
    predictor = pipeline.predictor(bundle.run, dataset)
    desk = open_desk(predictor, dataset, names_beside(home, dataset), bundle.trade.config)
    stated = asked if bundle.bundle_id == done.bundle and asked.holdings is not None else None
    made = []
    for day in due:
        with done.log.step(f"publish {day}") as step:
            ranking = predictor.ranking(day, horizon=bundle.trade.config.portfolio.horizon)
            lacking = partial_data(desk, ranking)
            if lacking is not None:
                done.refused.append(f"{day}: {lacking}")
                step.said = "refused"
                continue
            holdings = _stated(desk, day, stated) if day == due[-1] else None
            before = last_target(home, bundle.source, bundle.bundle_id, before=day)
            tonight = None if stale else make_orders(desk, ranking, before, holdings)
            content = _content(home, bundle, desk, ranking, tonight)
            step.said = _in_words(content)
            if not asked.dry_run:
                inputs = {"bundle": bundle.content_hash}
                if holdings is not None:
                    inputs["holdings"] = holdings.content_hash
                name = bundle.bundle_id
                at = clock.now()
                made.append(publish(home, asked.source, day, name, content, inputs=inputs, at=at))
    return made


def _stated(desk: Desk, day: date, asked: Asked | None) -> Holdings | None:
    """What is held after a session, where it was stated."""
    if asked is None or asked.holdings is None:
        return None
    return holdings_after(desk, day, asked.holdings, cash=asked.cash)


def _content(
    home: Path, bundle: Bundle, desk: Desk, made: Ranking, tonight: Tonight | None
) -> Content:
    """What a bundle says after a session; without orders where its data is old."""
    before = newest_publication(home, bundle.source, bundle.bundle_id, before=made.date)
    ranking = ranked(made, desk.names, before)
    facts = {
        "horizon": made.horizon,
        "dataset": made.dataset,
        "run": bundle.run_id,
        "names": ranking.height,
    }
    if tonight is None:
        return Content(frames={RANKING: ranking}, facts=facts)
    return Content(
        frames={RANKING: ranking, **tonight.frames},
        facts={**facts, PORTFOLIO: dict(tonight.facts)},
        files={ORDERS_CSV: orders_csv(tonight.orders)},
    )


def _in_words(content: Content) -> str:
    """What is published, in a few words."""
    said = f"{content.frames[RANKING].height:,} names"
    if ORDERS not in content.frames:
        return f"{said}, no orders: the data is old"
    return f"{said}, {content.frames[ORDERS].height:,} orders"
