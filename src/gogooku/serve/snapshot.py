"""What is served: publications of one bundle in memory, whole, and answers from them as bytes.

A snapshot never changes; another one takes its place. Each file was checked against its hash when
it was read, once; what happens to it on the disk afterwards changes no answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

import polars as pl

from gogooku.core.calendar import Clock
from gogooku.core.codes import KnownCodes
from gogooku.core.errors import NotFoundError
from gogooku.publish.publication import ORDERS, RANKING, TARGET, Publication
from gogooku.serve.answers import Answer, Later, json_bytes, prepared
from gogooku.serve.status import Status

_MOST_KEPT_BYTES = 48 << 20
_SCORE: Final = "score_"


@dataclass(frozen=True)
class Published:
    """A publication in memory.

    Attributes
    ----------
    session : date
    bundle, content_hash : str
    published_at : datetime
    facts : mapping
    frames : mapping of str to polars.DataFrame
        By name; of one that is not the newest the ranking alone.
    """

    session: date
    bundle: str
    content_hash: str
    published_at: datetime
    facts: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    @property
    def ranking(self) -> pl.DataFrame:
        """The ranking, as it was published."""
        return self.frames[RANKING]

    @property
    def horizon(self) -> int:
        """Whose score ranks in it."""
        return int(self.facts["horizon"])

    @cached_property
    def horizons(self) -> list[int]:
        """Horizons that it has scores of, ascending."""
        names = [name.removeprefix(_SCORE) for name in self.ranking.columns if _is_score(name)]
        return sorted(map(int, names))

    def head(self) -> dict[str, Any]:
        """What every answer from it says of it."""
        return {
            "date": str(self.session),
            "bundle": self.bundle,
            "content_hash": self.content_hash,
            "published_at": self.published_at.isoformat(timespec="seconds"),
        }

    def ranked_by(self, horizon: int) -> pl.DataFrame:
        """The ranking by another horizon's score; ``before`` is left out, it is of another order.

        Raises
        ------
        NotFoundError
            There is no score of that horizon.
        """
        if horizon == self.horizon:
            return self.ranking
        if horizon not in self.horizons:
            there = ", ".join(map(str, self.horizons))
            raise NotFoundError(f"horizon {horizon} is not published; ask for one of {there}")
        ordered = self.ranking.sort(f"{_SCORE}{horizon}", "code", descending=[True, False])
        rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("rank")
        return ordered.with_columns(rank)


def _is_score(name: str) -> bool:
    return name.startswith(_SCORE) and name.removeprefix(_SCORE).isdigit()


def read_published(publication: Publication, *, whole: bool) -> Published:
    """Read a publication; each file is checked against its hash.

    Parameters
    ----------
    whole : bool
        Every frame; else the ranking alone.

    Raises
    ------
    DataError
        A file is damaged.
    """
    names = [name.removesuffix(".parquet") for name in publication.files.files]
    tables = [name for name in names if publication.has(name)] if whole else [RANKING]
    return Published(
        session=publication.session,
        bundle=publication.bundle_id,
        content_hash=publication.content_hash,
        published_at=publication.published_at,
        facts=publication.facts,
        frames={name: _plain(publication.frame(name)) for name in tables},
    )


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose every number JSON can say: what is none is null."""
    numbers = pl.selectors.float()
    return frame.with_columns(pl.when(numbers.is_finite()).then(numbers))


class Kept:
    """Answers that were asked for, until they take too much memory: the oldest goes first."""

    def __init__(self, most_bytes: int = _MOST_KEPT_BYTES) -> None:
        self._most = most_bytes
        self._answers: OrderedDict[tuple[object, ...], Answer] = OrderedDict()
        self._lock = threading.Lock()
        self.num_bytes = 0

    def get(self, key: tuple[object, ...]) -> Answer | None:
        """An answer that is there."""
        return self._answers.get(key)

    def of(self, key: tuple[object, ...], make: Callable[[], Answer]) -> Answer:
        """An answer, made if it is not there."""
        found = self._answers.get(key)
        return found if found is not None else self._keep(key, make())

    def _keep(self, key: tuple[object, ...], made: Answer) -> Answer:
        with self._lock:
            before = self._answers.pop(key, None)
            self.num_bytes += made.num_bytes - (before.num_bytes if before is not None else 0)
            self._answers[key] = made
            while self.num_bytes > self._most and len(self._answers) > 1:
                _, gone = self._answers.popitem(last=False)
                self.num_bytes -= gone.num_bytes
        return made


@dataclass(frozen=True)
class Snapshot:
    """All that is answered from, at one time.

    Attributes
    ----------
    source, exchange : str
    clock : Clock
    history : sequence of Published
        Of one bundle, ascending by session; the last is the newest, with all of its frames.
    registry : mapping
        Which bundles are in which state, and every move.
    loaded_at : datetime
    behind : str
        Why what is newest on the disk is not in it; empty where it is.
    damaged : sequence of str
        Older publications that are left out, and why.
    status : Status
        What the evening left beside it.
    simulated : bool
        Whether the prices are a sandbox's.
    """

    source: str
    exchange: str
    clock: Clock
    history: Sequence[Published]
    registry: Mapping[str, Any]
    loaded_at: datetime
    behind: str = ""
    damaged: Sequence[str] = ()
    status: Status = field(default_factory=Status)
    simulated: bool = False
    kept: Kept = field(default_factory=Kept)

    @property
    def newest(self) -> Published:
        """What was published last."""
        return self.history[-1]

    @cached_property
    def portfolio(self) -> Answer:
        """The target portfolio."""
        return self._table(TARGET, "portfolio")

    @cached_property
    def orders(self) -> Answer:
        """The orders."""
        return self._table(ORDERS, "orders")

    @cached_property
    def runs(self) -> Answer:
        """The registry."""
        return prepared(json_bytes(self.registry))

    def prepare(self) -> Snapshot:
        """Make what is asked for most."""
        for made in (self.runs, self.ranking(None, None, None)):
            if isinstance(made, Later):
                made.make()
        for name in (TARGET, ORDERS):
            if name in self.newest.frames:
                self._table(name, name)
        return self

    def ranking(self, day: date | None, horizon: int | None, top: int | None) -> Answer | Later:
        """The ranking of a session by a horizon.

        Raises
        ------
        NotFoundError
            The session or the horizon is not published.
        """
        of = self._published(day)
        by = of.horizon if horizon is None else horizon
        most = min(top or of.ranking.height, of.ranking.height)
        key = ("ranking", of.session, by, most)
        found = self.kept.get(key)
        if found is not None:
            return found
        return Later(lambda: self.kept.of(key, lambda: self._ranking(of, by, most)))

    def name(self, code: str) -> Later:
        """What is known of a name, by any spelling of its code."""
        found = self._codes.find(code) or code
        key = ("name", found)
        return Later(lambda: self.kept.of(key, lambda: self._name(found)))

    @cached_property
    def _codes(self) -> KnownCodes:
        """Every code that is served."""
        return KnownCodes(code for one in self.history for code in one.ranking["code"])

    def _published(self, day: date | None) -> Published:
        if day is None:
            return self.newest
        found = next((one for one in self.history if one.session == day), None)
        if found is None:
            first, last = self.history[0].session, self.newest.session
            raise NotFoundError(
                f"{day}: is not among the {len(self.history)} sessions served, {first} to {last}"
            )
        return found

    def _ranking(self, of: Published, horizon: int, top: int) -> Answer:
        frame = of.ranked_by(horizon)
        if horizon != of.horizon:
            frame = frame.with_columns(self._before(of, horizon).alias("before"))
        head = {
            **of.head(),
            "clock": str(self.clock),
            "horizon": horizon,
            "run": of.facts.get("run"),
            "dataset": of.facts.get("dataset"),
            "source": self.source,
            "num_names": frame.height,
        }
        return prepared(_with_rows(head, RANKING, frame.head(top)))

    def _before(self, of: Published, horizon: int) -> pl.Series:
        """Ranks by a horizon after the session before, in its order of the names."""
        place = self.history.index(of)
        codes = of.ranked_by(horizon).select("code")
        if place == 0:
            return pl.Series([None] * codes.height, dtype=pl.Int32)
        old = self.history[place - 1].ranked_by(horizon).select("code", "rank")
        joined = codes.join(old, on="code", how="left", maintain_order="left")
        return joined.get_column("rank")

    def _table(self, name: str, asked: str) -> Answer:
        """A frame of the newest publication, as rows.

        Raises
        ------
        NotFoundError
            The publication has none.
        """
        of = self.newest
        if name not in of.frames:
            raise NotFoundError(
                f"{asked}: the publication of {of.bundle} after {of.session} holds none"
            )
        return self.kept.of((name,), lambda: self._made_table(of, name))

    def _made_table(self, of: Published, name: str) -> Answer:
        head = {**of.head(), "source": self.source, "num_rows": of.frames[name].height}
        return prepared(_with_rows(head, name, of.frames[name]))

    def _name(self, code: str) -> Answer:
        """One name's ranks and scores, and its rows of every frame that is by name."""
        rows = [
            {"date": str(one.session), "of": one.ranking.height, **found}
            for one in self.history
            for found in one.ranking.filter(pl.col("code") == code).to_dicts()
        ]
        if not rows:
            raise NotFoundError(
                f"{code[:32]}: is in none of the {len(self.history)} rankings served"
            )
        known = {part: rows[-1].get(part) for part in ("name_ja", "name_en", "sector")}
        history = [{k: v for k, v in row.items() if k not in (*known, "code")} for row in rows]
        beside = {
            name: with_meaning(frame.filter(pl.col("code") == code).drop("code")).to_dicts()
            for name, frame in self.newest.frames.items()
            if name != RANKING and "code" in frame.columns
        }
        facts = {**self.newest.head(), "source": self.source, "code": code, **known}
        return prepared(json_bytes({**facts, "history": history, **beside}))


def with_meaning(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows by feature with what each feature means, where they do not say it themselves."""
    if "feature" not in frame.columns or "meaning" in frame.columns:
        return frame
    from gogooku.features.catalogue import CATALOGUE

    known = pl.DataFrame(
        [(one.name, one.meaning, one.unit) for one in CATALOGUE],
        schema={"feature": pl.String, "meaning": pl.String, "unit": pl.String},
        orient="row",
    )
    return frame.join(known, on="feature", how="left", maintain_order="left")


def _with_rows(head: Mapping[str, Any], name: str, frame: pl.DataFrame) -> bytes:
    """An object with the rows of a frame as its last entry."""
    rows = frame.write_json().encode()
    return json_bytes(head)[:-1] + b', "' + name.encode() + b'": ' + rows + b"}"
