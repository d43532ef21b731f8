"""The ledger of trials: every evaluation of every run, and every hold-out, of a home.

Whoever picks the best of many tries has to say how many there were (Bailey & Lopez de Prado, "The
Deflated Sharpe Ratio", 2014), and nobody remembers. So `gogooku.runs.judge.evaluate` itself writes
each evaluation here; what was written stays, also when its run is removed or its data is forgotten.

One SQLite file, ``trials.sqlite``, with a rollback journal and full synchronisation: an entry is
there whole or not at all, whatever is killed, and two processes may write at once. It holds
figures, names, dates and hashes, nothing of a vendor. A damaged file is named, left as it is, and
nothing is judged until it has been dealt with. Where the home cannot be written the ledger is read
all the same, and what is in it already may be judged again.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from gogooku.core.errors import BusyError, ContractError, DataError, StorageError, UsageError
from gogooku.core.files import storage_errors, sync_path, write_point
from gogooku.core.folds import Span
from gogooku.runs.account_trials import ACCOUNTS_TABLE, AccountTrial

TRIALS_FILE = "trials.sqlite"
_OF_KEY = ("config", "features", "dataset", "content", "source", "exchange", "first", "last")
"""What a key cannot be the same and these be others of."""
LEDGER_FORMAT = "2"
_OLDER_FORMAT = "1"
"""Without accounts; it is read as it is, and upgraded by the first who writes."""
_LOCK_SECONDS = 30.0

_TABLES = f"""{ACCOUNTS_TABLE};
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials (
    key TEXT PRIMARY KEY, run TEXT NOT NULL, name TEXT NOT NULL, learner TEXT NOT NULL,
    config TEXT NOT NULL, features TEXT NOT NULL, seed INTEGER NOT NULL, labels TEXT NOT NULL,
    dataset TEXT NOT NULL, content TEXT NOT NULL, source TEXT NOT NULL, exchange TEXT NOT NULL,
    split TEXT NOT NULL, out_of_time INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
    judged_by TEXT NOT NULL, at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE skill (
    key TEXT NOT NULL, horizon INTEGER NOT NULL, rank_ic REAL, ratio REAL, n INTEGER NOT NULL,
    PRIMARY KEY (key, horizon)
) WITHOUT ROWID;
CREATE TABLE holdouts (
    source TEXT NOT NULL, name TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
    closed_from TEXT NOT NULL, dataset TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (source, name)
) WITHOUT ROWID;
CREATE TABLE spent (
    source TEXT NOT NULL, name TEXT NOT NULL, run TEXT NOT NULL, number INTEGER NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (source, name, run)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Figure:
    """What a trial came to at one horizon.

    Attributes
    ----------
    rank_ic, ratio : float or None
        Mean daily RankIC, and its mean over its standard deviation, not annualised; None where no
        session counted.
    n : int
        Sessions that counted.
    """

    rank_ic: float | None
    ratio: float | None
    n: int


@dataclass(frozen=True)
class Trial:
    """One evaluation of one run on one window.

    Attributes
    ----------
    key : str
        Run id and folder of the evaluation: the same evaluation is one trial however often it is
        asked for.
    run, name, learner : str
        Run id, the name it was started with, and the kind of its learner.
    config, features : str
        Hashes of what it was fitted with and of the features it was given: a trial of its own for
        each pair.
    seed : int
    labels : str
        ``true`` or ``shuffled``: a control on shuffled labels is no try.
    dataset, content : str
        Name and content hash of the dataset.
    source, exchange : str
        The market: one name on two exchanges is two markets, and counts never go across two.
    split : str
        Kind of its split; ``out_of_time`` says whether it is one of a walk-forward.
    first, last : date
        Of the tested sessions.
    judged_by : str
        Label variant.
    at : datetime
        UTC; when it was first written here.
    skill : mapping of int to Figure
        By horizon.
    """

    key: str
    run: str
    name: str
    learner: str
    config: str
    features: str
    seed: int
    labels: str
    dataset: str
    content: str
    source: str
    exchange: str
    split: str
    out_of_time: bool
    first: date
    last: date
    judged_by: str
    at: datetime
    skill: Mapping[int, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Holdout:
    """Sessions of a source that are kept for one last look.

    Attributes
    ----------
    source, name : str
        It holds for every dataset of the source, also for one that is built later.
    first, last : date
        The sessions that are kept, both included.
    closed_from : date
        The first session whose longest label ends inside: nothing from here on may be tested or
        validated on without spending it.
    dataset : str
        Where it was registered.
    at : datetime
        UTC.
    """

    source: str
    name: str
    first: date
    last: date
    closed_from: date
    dataset: str
    at: datetime

    def touches(self, windows: Sequence[Span]) -> bool:
        """Whether some of the sessions of a window lie in it, or have labels that end in it."""
        return any(low <= self.last and high >= self.closed_from for low, high in windows)


@dataclass(frozen=True)
class Spent:
    """A run that has looked at a hold-out: the ``number``-th one, and when."""

    source: str
    name: str
    run: str
    number: int
    at: datetime


class TrialLedger:
    """The ledger of a home; it is made by the first who writes."""

    def __init__(self, home: Path) -> None:
        self.path = home / TRIALS_FILE

    def record(self, trial: Trial) -> None:
        """Write an evaluation; one that is there already stays as it is, and nothing is written.

        Raises
        ------
        ContractError
            What is there under the same key is an evaluation of something else.
        DataError, BusyError, StorageError
            As every method: damaged, held by another process, or the disk is full.
        """
        if self._has(trial):
            return
        with self._writing() as connection:
            done = connection.execute(
                f"INSERT OR IGNORE INTO trials VALUES ({', '.join('?' * 18)})",  # noqa: S608
                (
                    *(trial.key, trial.run, trial.name, trial.learner, trial.config),
                    *(trial.features, trial.seed, trial.labels, trial.dataset, trial.content),
                    *(trial.source, trial.exchange, trial.split, int(trial.out_of_time)),
                    *(str(trial.first), str(trial.last), trial.judged_by, _text(trial.at)),
                ),
            )
            write_point("trials.half")
            if done.rowcount:
                connection.executemany(
                    "INSERT INTO skill VALUES (?, ?, ?, ?, ?)",
                    [
                        (trial.key, horizon, one.rank_ic, one.ratio, one.n)
                        for horizon, one in sorted(trial.skill.items())
                    ],
                )
        write_point("trials.recorded")

    def _has(self, trial: Trial) -> bool:
        """Whether an evaluation is there, and is that one: its key stands for all that it is of."""
        with self._reading() as connection:
            rows = [] if connection is None else connection.execute(
                "SELECT * FROM trials WHERE key = ?", (trial.key,)
            ).fetchall()  # fmt: skip
            there = [_trial(row, {}) for row in rows]
        other = [
            f"{name} {getattr(one, name)} (here {getattr(trial, name)})"
            for one in there
            for name in _OF_KEY
            if getattr(one, name) != getattr(trial, name)
        ]
        if other:
            raise ContractError(
                f"{self.path}: it is the ledger of other data. It has {trial.key} already, with "
                f"{', '.join(other)}, so none of its counts can be trusted for this home. Put the "
                "ledger of this home back, or move the file aside with those whose names begin "
                "with it, and keep them: a new one counts what is judged from then on, and knows "
                "no hold-out. Nothing was changed"
            )
        return bool(there)

    def trials(self) -> list[Trial]:
        """Every evaluation, in the order in which they were first made."""
        with self._reading() as connection:
            if connection is None:
                return []
            skill: dict[str, dict[int, Figure]] = {}
            for key, horizon, mean, ratio, n in connection.execute("SELECT * FROM skill"):
                skill.setdefault(key, {})[horizon] = Figure(rank_ic=mean, ratio=ratio, n=n)
            rows = connection.execute("SELECT * FROM trials ORDER BY at, key").fetchall()
            return [_trial(row, skill.get(row[0], {})) for row in rows]

    def record_account(self, entry: AccountTrial) -> None:
        """Write a backtest; one that is there already stays as it is, and nothing is written."""
        if any(one.key == entry.key for one in self.accounts()):
            return
        row = entry.row()
        with self._writing() as connection:
            connection.execute(
                f"INSERT OR IGNORE INTO accounts VALUES ({', '.join('?' * len(row))})",  # noqa: S608
                row,
            )
            write_point("trials.account")
        write_point("trials.recorded")

    def accounts(self) -> list[AccountTrial]:
        """Every backtest, in the order in which they were first made."""
        with self._reading() as connection:
            if connection is None or _format_of(connection) == _OLDER_FORMAT:
                return []
            rows = connection.execute("SELECT * FROM accounts ORDER BY at, key").fetchall()
            return [AccountTrial.of_row(row) for row in rows]

    def add_holdout(self, wanted: Holdout) -> None:
        """Register a hold-out.

        Raises
        ------
        UsageError
            There is one of that name.
        """
        with self._writing() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO holdouts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(wanted.source, wanted.name, str(wanted.first), str(wanted.last)),
                    *(str(wanted.closed_from), wanted.dataset, _text(wanted.at)),
                ),
            )
            if not done.rowcount:
                raise UsageError(
                    f"hold-out {wanted.name} of source {wanted.source} is registered already and "
                    "cannot be changed; choose another name"
                )

    def holdouts(self, source: str | None = None) -> list[Holdout]:
        """The hold-outs of a source, or all, by source and name."""
        with self._reading() as connection:
            rows = [] if connection is None else connection.execute(
                "SELECT * FROM holdouts WHERE ? IS NULL OR source = ? ORDER BY source, name",
                (source, source),
            ).fetchall()  # fmt: skip
            return [_holdout(row) for row in rows]

    def spend(self, holdout: Holdout, *, run: str, at: datetime) -> Spent:
        """Enter that a run looks at a hold-out; one that did already has spent it once."""
        with self._writing() as connection:
            named = (holdout.source, holdout.name)
            (count,) = connection.execute(
                "SELECT count(*) FROM spent WHERE source = ? AND name = ?", named
            ).fetchone()
            connection.execute(
                "INSERT OR IGNORE INTO spent VALUES (?, ?, ?, ?, ?)",
                (*named, run, count + 1, _text(at)),
            )
        write_point("trials.spent")
        return next(one for one in self.spent(holdout) if one.run == run)

    def spent(self, holdout: Holdout) -> list[Spent]:
        """Who has looked at a hold-out, the first one first."""
        with self._reading() as connection:
            rows = [] if connection is None else connection.execute(
                "SELECT * FROM spent WHERE source = ? AND name = ? ORDER BY number",
                (holdout.source, holdout.name),
            ).fetchall()  # fmt: skip
            return [_spent(row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all or nothing, one writer at a time, the others wait."""
        self._make()
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                _upgrade(connection)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The ledger as it is now; None where there is none yet."""
        if not os.path.lexists(self.path):
            yield None
            return
        with self._opened() as connection:
            yield connection

    def _make(self) -> None:
        """Put an empty ledger in its place, whole, where there is none."""
        if os.path.lexists(self.path):
            return
        building = self.path.with_name(f".{TRIALS_FILE}.new")
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self.path.with_name(f".{TRIALS_FILE}.lock").open("w")
        with lock, self._explained():
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.lexists(self.path):
                return
            self._refuse_left_over()
            building.unlink(missing_ok=True)
            connection = sqlite3.connect(building, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=DELETE")
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute("INSERT INTO facts VALUES ('schema', ?)", (LEDGER_FORMAT,))
            finally:
                connection.close()
            sync_path(building)
            write_point("trials.made")
            os.rename(building, self.path)
            sync_path(self.path.parent)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._refuse_emptied()
            connection = sqlite3.connect(self.path, timeout=_LOCK_SECONDS, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                self._check(connection)
                yield connection
            finally:
                connection.close()

    def _refuse_left_over(self) -> None:
        """What an interrupted writer left belongs to the ledger that is gone, not to a new one."""
        left = [one for one in ("-journal", "-wal") if os.path.lexists(f"{self.path}{one}")]
        if left:
            raise DataError(
                f"{self.path}: is gone, but {self.path.name}{left[0]} is there, which belongs to "
                "it. Put the ledger back, or move that file aside too."
            )

    def _refuse_emptied(self) -> None:
        """SQLite takes an empty file for a new ledger; ours is never empty."""
        if not self.path.is_file() or not self.path.stat().st_size:
            raise self._damaged("it is empty, or no file")

    def _check(self, connection: sqlite3.Connection) -> None:
        said = connection.execute("PRAGMA quick_check(1)").fetchone()
        if said is None or said[0] != "ok":
            raise self._damaged(str(said and said[0]))
        found = _format_of(connection)
        if found not in (LEDGER_FORMAT, _OLDER_FORMAT):
            raise DataError(
                f"{self.path}: written in format {found and found[:20]!r}, this program reads "
                f"format {LEDGER_FORMAT}; use the program that wrote it (a newer gogooku). Nothing "
                "was changed."
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite says into errors that name the file."""
        try:
            yield
        except sqlite3.Error as fault:
            code = getattr(fault, "sqlite_errorcode", None)
            primary = None if code is None else code & 0xFF
            if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BusyError(
                    f"{self.path}: another process holds it ({fault}); run the command again."
                ) from fault
            if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                raise StorageError(self._closed(str(fault))) from fault
            if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise StorageError(
                    f"{self.path}: cannot be written ({fault}); it is as it was. Free some space, "
                    "then run the same command."
                ) from fault
            raise self._damaged(str(fault)) from fault
        except ValueError as fault:
            raise self._damaged(f"an entry cannot be read: {fault}") from fault

    def _closed(self, fault: str) -> str:
        """What to say where the ledger, or its folder, may be read and not written."""
        if os.path.lexists(f"{self.path}-journal"):
            return (
                f"{self.path}: its last writer was stopped half-way, and what that left "
                f"({self.path.name}-journal) has to be rolled back before it can be read, which "
                f"this user may not ({fault}). Let a user who may write there run gogooku trials "
                "once; nothing is lost by it"
            )
        return (
            f"{self.path}: may not be written by this user ({fault}), and what was asked for has "
            "to be entered in it: a new evaluation, or a hold-out. Nothing was changed in it; what "
            "it holds can be read. Become a user who may write there, or set GOGOOKU_HOME to a "
            "copy of the home."
        )

    def _damaged(self, why: str) -> DataError:
        return DataError(
            f"{self.path}: the ledger of trials and hold-outs is damaged ({why}). Nothing was "
            "changed, the evaluations beside the runs are whole, and nothing is judged meanwhile: "
            "put a copy back, or move the file aside with those whose names begin with it, and "
            "keep them. A new ledger then counts what is judged from now on, and knows no hold-out"
        )


def _format_of(connection: sqlite3.Connection) -> str | None:
    found = connection.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone()
    return None if found is None else str(found[0])


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a ledger of the older format to this one, within the transaction of a writer."""
    if _format_of(connection) == _OLDER_FORMAT:
        connection.execute(ACCOUNTS_TABLE)
        write_point("trials.upgraded")
        connection.execute("UPDATE facts SET value = ? WHERE name = 'schema'", (LEDGER_FORMAT,))


def num_trials(
    trials: Sequence[Trial], *, source: str, exchange: str, first: date, last: date
) -> int:
    """How many different things were tried on sessions of a window: what a deflated figure needs.

    Distinct pairs of training settings (the seed among them) and features, judged on a test part
    that overlaps the window, of one source on one exchange, on true labels. One config judged by
    several labels, or again by a newer version, is one try. What was judged of a source of that
    name on another exchange, or before its exchange was put right, is of another market.
    """
    return len(tried(trials, source=source, exchange=exchange, first=first, last=last))


def tried(
    trials: Sequence[Trial], *, source: str, exchange: str, first: date, last: date
) -> dict[tuple[str, str], list[Trial]]:
    """The evaluations behind `num_trials`, by what was tried; the oldest first."""
    mine = [one for one in trials if (one.source, one.exchange) == (source, exchange)]
    found: dict[tuple[str, str], list[Trial]] = {}
    for one in mine:
        if one.labels == "true" and one.first <= last and one.last >= first:
            found.setdefault((one.config, one.features), []).append(one)
    return found


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def _trial(row: Sequence[object], skill: Mapping[int, Figure]) -> Trial:
    texts = [str(value) for value in row]
    return Trial(
        key=texts[0],
        run=texts[1],
        name=texts[2],
        learner=texts[3],
        config=texts[4],
        features=texts[5],
        seed=int(texts[6]),
        labels=texts[7],
        dataset=texts[8],
        content=texts[9],
        source=texts[10],
        exchange=texts[11],
        split=texts[12],
        out_of_time=texts[13] == "1",
        first=date.fromisoformat(texts[14]),
        last=date.fromisoformat(texts[15]),
        judged_by=texts[16],
        at=datetime.fromisoformat(texts[17]),
        skill=dict(sorted(skill.items())),
    )


def _holdout(row: Sequence[str]) -> Holdout:
    source, name, first, last, closed_from, dataset, at = row
    return Holdout(
        source=source,
        name=name,
        first=date.fromisoformat(first),
        last=date.fromisoformat(last),
        closed_from=date.fromisoformat(closed_from),
        dataset=dataset,
        at=datetime.fromisoformat(at),
    )


def _spent(row: tuple[str, str, str, int, str]) -> Spent:
    source, name, run, number, at = row
    return Spent(source=source, name=name, run=run, number=number, at=datetime.fromisoformat(at))
