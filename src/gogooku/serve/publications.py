"""Publications as they are served: the newest of the released bundle, and the pages made of them.

Which those are follows from the registry and from what publications there are, each of which
changes by one rename; so a server that starts and one that runs serve the same. Where the newest
publication is damaged the one before it is served, and where the released bundle has published
nothing yet, the bundle that was in service before it; both say so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from gogooku import __version__
from gogooku.core.calendar import Clock
from gogooku.core.errors import DataError, UsageError
from gogooku.core.exposition import Metric, MetricKind, Sample
from gogooku.core.wall import WallClock
from gogooku.ingest.source import read_source, source_names
from gogooku.publish.publication import (
    open_publication,
    publications_folder,
    published_sessions,
)
from gogooku.releases.bundle import Bundle, open_bundle
from gogooku.releases.registry import Registry, State, read_registry, registry_path
from gogooku.runs.newest import is_simulated
from gogooku.serve.answers import Answer, Later, said
from gogooku.serve.dashboard import dashboard, preferred
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KeyRing
from gogooku.serve.pages import DATE, HORIZON, HTML, LANGUAGE, TOP, Page
from gogooku.serve.snapshot import Published, Snapshot, read_published
from gogooku.serve.standing import Standing, standing
from gogooku.serve.status import read_status, status_places

HISTORY: Final = 60
"""Sessions of which the rankings are kept in memory: a quarter."""
_TRIES = 5
"""Newest publications of a bundle that are tried until one is whole."""
_SETTLED_SECONDS = 2.0
"""Age from which the time of a file says whether it changed."""


def only_source(home: Path, *, command: str = "serve") -> str:
    """The source that has a release, where there is one only.

    Raises
    ------
    UsageError
        None has, or several have.
    """
    states = read_registry(home).states.values()
    found = sorted({source for source, state in states if state is State.RELEASED})
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"{command}: no bundle is released, so nothing is published. Release one and publish: "
            "gogooku release RUN, then gogooku evening. A run that is not released can be served "
            "by its name: gogooku serve --run RUN"
        )
    raise UsageError(f"{command}: {', '.join(found)} have releases; name one: --source {found[0]}")


class Followed:
    """The publications of a source on the disk.

    Parameters
    ----------
    home : Path
    source : str
    clock : WallClock
    """

    def __init__(self, home: Path, source: str, clock: WallClock) -> None:
        self._home = home
        self._source = source
        self._clock = clock
        self._read: dict[tuple[date, str], Published] = {}
        self._seen: tuple[object, object] = (None, None)
        """Times of the files, and what they stood for."""

    def mark(self) -> object:
        """What is served now, by name; nothing is opened unless something changed."""
        registry = registry_path(self._home)
        places = (
            registry,
            publications_folder(self._home, self._source),
            *status_places(self._home, self._source),
        )
        times = tuple(_changed(place) for place in places)
        if times == self._seen[0]:
            return self._seen[1]
        chosen = self._chosen(read_registry(self._home))
        found = (_changed(registry), chosen, *map(self._newest, chosen), *times[2:])
        youngest = max((one[0] for one in times if one is not None), default=0)
        if time.time() - youngest / 1e9 > _SETTLED_SECONDS:
            self._seen = (times, found)
        return found

    def load(self) -> Snapshot:
        """Open what is served now, whole.

        Raises
        ------
        DataError
            No bundle is released, none has published, or everything that could be is damaged.
        """
        registry = read_registry(self._home)
        lacks: list[str] = []
        for name in self._chosen(registry):
            history, damaged = self._history(name)
            if history:
                bundle = open_bundle(self._home, name)
                return Snapshot(
                    source=self._source,
                    exchange=bundle.exchange,
                    clock=Clock(str(bundle.manifest["clock"])),
                    history=history,
                    registry=_registry_facts(registry, self._source, bundle),
                    loaded_at=self._clock.now(),
                    behind="; ".join([*lacks, *damaged[:1]]),
                    damaged=damaged,
                    status=read_status(
                        self._home, self._source, history[-1].session, history[-1].bundle
                    ),
                    simulated=self._is_simulated(),
                ).prepare()
            lacks += damaged[:1] or [f"{name} is in service and has published nothing yet"]
        said = "; ".join(lacks) or "no bundle is released: gogooku release RUN"
        raise DataError(
            f"{self._source}: there is no publication to serve ({said}). Make one: gogooku evening "
            f"--source {self._source}"
        )

    def _chosen(self, registry: Registry) -> list[str]:
        """Bundles that may be served, the one in service first."""
        found = (registry.released(self._source), registry.standby(self._source))
        return [name for name in found if name is not None]

    def _is_simulated(self) -> bool:
        """Whether the prices are a sandbox's; by its name alone where the source has gone."""
        there = self._source in source_names(self._home)
        return is_simulated(self._source, read_source(self._home, self._source) if there else None)

    def _newest(self, bundle: str) -> date | None:
        days = published_sessions(self._home, self._source, bundle)
        return days[-1] if days else None

    def _history(self, bundle: str) -> tuple[list[Published], list[str]]:
        """The last publications of a bundle that are whole, ascending; and what is wrong."""
        days = published_sessions(self._home, self._source, bundle)[-HISTORY:]
        found: list[Published] = []
        damaged: list[str] = []
        kept: dict[tuple[date, str], Published] = {}
        for day in reversed(days):
            if not found and len(damaged) == _TRIES:
                break
            try:
                one = self._one(day, bundle, whole=not found)
            except DataError as fault:
                damaged.append(str(fault))
                continue
            found.append(one)
            if len(found) > 1:
                kept[day, bundle] = one
        self._read = kept
        return found[::-1], damaged

    def _one(self, day: date, bundle: str, *, whole: bool) -> Published:
        publication = open_publication(self._home, self._source, day, bundle)
        known = self._read.get((day, bundle))
        if known is not None and not whole and known.content_hash == publication.content_hash:
            return known
        return read_published(publication, whole=whole)


def _changed(place: Path) -> tuple[int, int] | None:
    """When a file changed, and which it is; None where there is none."""
    try:
        facts = os.stat(place)
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_ino


def _registry_facts(registry: Registry, source: str, bundle: Bundle) -> dict[str, Any]:
    """What is released, shadowed and moved, of one source."""
    moves = [move.to_json() for move in registry.history if move.source == source]
    manifest = bundle.manifest
    return {
        "source": source,
        "served": bundle.bundle_id,
        "released": registry.released(source),
        "standby": registry.standby(source),
        "shadows": registry.in_state(source, State.SHADOW),
        "bundle": {name: manifest[name] for name in ("name", "run", "learner", "horizons")},
        "scorecard": bundle.scorecard,
        "history": moves,
    }


class Desk:
    """The pages of publications.

    Parameters
    ----------
    fresh : Fresh of Snapshot
    keys : Fresh of KeyRing
    clock : WallClock
    """

    def __init__(self, fresh: Fresh[Snapshot], keys: Fresh[KeyRing], clock: WallClock) -> None:
        self._fresh = fresh
        self._keys = keys
        self._clock = clock

    def standing(self) -> Standing:
        """How fresh what is served is."""
        held = self._fresh.now()
        stale = "; ".join(filter(None, (held.behind, self._fresh.stale)))
        return standing(
            held.newest.session,
            exchange=held.exchange,
            clock=held.clock,
            now=self._clock.now(),
            stale=stale,
        )

    def pages(self) -> Sequence[Page]:
        """All of them."""
        return (
            *(
                Page(path, "The dashboard: names, orders, skill, what is wrong.", self._dashboard,
                    parameters=(LANGUAGE,), headers=("accept-language",), content_type=HTML)
                for path in ("/", "/dashboard")
            ),
            Page("/health", "Whether it answers, and how fresh.", self._health, is_open=True,
                fields={"status": "ok, or degraded", "why": "Why it is degraded"}),
            Page("/version", "What answers now.", self._version),
            Page("/ranking", "The names of a session, the best first.", self._ranking,
                parameters=(DATE, HORIZON, TOP), fields=_RANKING_FIELDS),
            Page("/portfolio", "The target portfolio after the newest session.",
                lambda _: self._fresh.now().portfolio, fields={"target": "Rows"}),
            Page("/orders", "The orders after the newest session.",
                lambda _: self._fresh.now().orders, fields={"orders": "Rows"}),
            Page("/names/{code}", "A name, 7203 or 72030: ranks and scores of the last sessions.",
                lambda given: self._fresh.now().name(given["code"]),
                fields={"history": "A row a session, the oldest first"}),
            Page("/runs", "Bundles in service, before and beside it; every move.",
                lambda _: self._fresh.now().runs),
            Page("/status", "How fresh, what was checked, what is wrong.", self._status),
        )  # fmt: skip

    def _health(self, given: Mapping[str, Any]) -> Answer:
        del given
        return said(self.standing().to_json())

    def _dashboard(self, given: Mapping[str, Any]) -> Answer | Later:
        language = given.get("lang") or preferred(given["accept-language"])
        return dashboard(self._fresh.now(), self.standing(), language=language)

    def _version(self, given: Mapping[str, Any]) -> Answer:
        del given
        held = self._fresh.now()
        newest = held.newest
        return said(
            {
                "gogooku": __version__,
                "source": held.source,
                **newest.head(),
                "run": newest.facts.get("run"),
                "dataset": newest.facts.get("dataset"),
                "newest_session": str(newest.session),
                "clock": str(held.clock),
                "stale": "; ".join(filter(None, (held.behind, self._fresh.stale))) or None,
            }
        )

    def _ranking(self, given: Mapping[str, Any]) -> Any:
        held = self._fresh.now()
        return held.ranking(given.get("date"), given.get("horizon"), given.get("top"))

    def _status(self, given: Mapping[str, Any]) -> Answer:
        del given
        held = self._fresh.now()
        facts = {
            **self.standing().to_json(),
            **held.newest.head(),
            "source": held.source,
            "sessions_served": len(held.history),
            "loaded_at": held.loaded_at.isoformat(timespec="seconds"),
            "damaged": list(held.damaged),
            "keys": self._keys.stale or None,
            "facts": held.newest.facts,
            "evening": held.status.evening,
            "measured": held.status.measured,
            "unreadable": list(held.status.unreadable),
        }
        return said(facts)

    def metrics(self) -> list[Metric]:
        """How fresh what is served is, for Prometheus."""
        held, now = self._fresh.now(), self.standing()
        of = {"source": held.source}
        info = {**of, "bundle": held.newest.bundle, "session": str(held.newest.session)}
        steps = [
            Sample(at.timestamp(), {**of, "step": step})
            for step, at in held.status.last_success.items()
        ]
        gauge = MetricKind.GAUGE
        return [
            Metric("gogooku_served_info", gauge, "What is served; always 1.", [Sample(1, info)]),
            Metric(
                "gogooku_session_age_seconds",
                gauge,
                "Since the decision after the newest session that is served.",
                [Sample(now.age.total_seconds(), of)],
            ),
            Metric(
                "gogooku_sessions_behind",
                gauge,
                "Sessions that should be served and are not.",
                [Sample(now.behind, of)],
            ),
            Metric(
                "gogooku_served_degraded",
                gauge,
                "1 if what is served is old, or something newer cannot be served; else 0.",
                [Sample(float(bool(now.why)), of)],
            ),
            Metric(
                "gogooku_evening_step_last_success_timestamp_seconds",
                gauge,
                "When a step last ended well.",
                steps,
            ),
        ]


_RANKING_FIELDS: Final = {
    "date": "Session that it follows",
    "bundle": "What made it",
    "content_hash": "Of the publication",
    "published_at": "When it was published, UTC",
    "clock": "When it is decided: evening or premarket",
    "horizon": "Whose score ranks",
    "run": "Run of the bundle",
    "dataset": "Dataset that was scored",
    "source": "Source",
    "num_names": "Names ranked, of which ranking holds the first",
    "ranking": "rank, before (the rank of the session before), code, names, sector, close, scores",
}
