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
from gogooku.core.expected import expected_session
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.core.wall import WallClock
from gogooku.evening.due import due_sessions
from gogooku.evening.log import EveningLog
from gogooku.ingest.jquants.summary import Synced
from gogooku.ingest.source import delivery, sources_folder
from gogooku.predict.predictor import Predictor
from gogooku.publish.publication import (
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
from gogooku.runs.newest import company_names


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
    """

    source: str
    day: date | None = None
    dry_run: bool = False


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
    if np.datetime64(expected) not in dataset.sessions:
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
        return []
    predictor = pipeline.predictor(bundle.run, dataset)
    made = []
    for day in due:
        with done.log.step(f"publish {day}") as step:
            content = _content(home, bundle, dataset, predictor, day)
            step.said = f"{content.frames[RANKING].height:,} names"
            if not asked.dry_run:
                made.append(
                    publish(
                        home,
                        asked.source,
                        day,
                        bundle.bundle_id,
                        content,
                        inputs={"bundle": bundle.content_hash},
                        at=clock.now(),
                    )
                )
    return made


def _content(
    home: Path, bundle: Bundle, dataset: Dataset, predictor: Predictor, day: date
) -> Content:
    """What a bundle says after a session."""
    horizon = bundle.trade.config.portfolio.horizon
    source = delivery(
        sources_folder(home)
        / str(dataset.manifest["source"])
        / str(dataset.manifest["source_version"])
    )
    before = newest_publication(home, bundle.source, bundle.bundle_id, before=day)
    ranking = ranked(predictor.ranking(day, horizon=horizon), company_names(source), before)
    return Content(
        frames={RANKING: ranking},
        facts={
            "horizon": horizon,
            "dataset": dataset.folder.name,
            "run": bundle.run_id,
            "names": ranking.height,
        },
    )
