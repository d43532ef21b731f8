"""The nouns. Each refuses, when it is made, what would make it a lie.

Shape suffixes: T sessions, N stocks, L lookback, F features, H horizons, M market features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import Clock
from gogooku.core.calendar import DateArray as DateArray
from gogooku.core.config import Residence
from gogooku.core.errors import ConfigError, ContractError, DataError, NotFoundError
from gogooku.core.files import hash_json
from gogooku.core.folds import HORIZONS as HORIZONS
from gogooku.core.folds import PURGE_SESSIONS as PURGE_SESSIONS
from gogooku.core.folds import CrossFold as CrossFold
from gogooku.core.folds import Fold as Fold
from gogooku.core.journal import Journal, begin
from gogooku.core.metrics import Estimate
from gogooku.core.metrics import FloatArray as FloatArray
from gogooku.core.panel import PANEL_SCHEMA as PANEL_SCHEMA
from gogooku.core.panel import BoolArray as BoolArray
from gogooku.core.panel import IntArray as IntArray
from gogooku.core.panel import Panel as Panel
from gogooku.core.progress import Reporter, SilentReporter

# ------------------------------------------------------------------------------------- features


class Role(StrEnum):
    """What a feature describes."""

    STOCK = "stock"
    """One value per name; enters training as its rank or clipped z within the session."""
    MARKET = "market"
    """One value per session, the same for all names; enters training as context, never ranked."""
    MASK = "mask"
    """A 0/1 fact about a name."""


class Axis(StrEnum):
    """What a feature needs to see at once."""

    ALONG = "along"
    """Only the past of one name: computed in blocks of names."""
    ACROSS = "across"
    """The whole cross-section."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One declared feature.

    Attributes
    ----------
    name, group, unit, meaning : str
        Who it is; ``unit`` is one of ratio, return, z, rank, log, sessions, flag, share.
    inputs : tuple of str
        Base columns or other features; the only names that ``compute`` may read.
    compute : callable
        From a mapping of the inputs (float64 [T, n], NaN for null) to an array of the same shape
        (or [T] for a market feature). A pure function of the last ``lookback`` sessions.
    lookback : int
        Sessions of the past needed, the current one included.
    window : int or None
        Sessions of its inputs that it reads itself, whatever those look back; None: as many as its
        lookback allows. A small one saves making the rest.
    role : Role
    axis : Axis
    max_null_share : float
        Largest allowed share of nulls among universe rows after the first ``lookback`` sessions.
    """

    name: str
    group: str
    inputs: tuple[str, ...]
    compute: Callable[[Mapping[str, FloatArray]], FloatArray]
    lookback: int
    unit: str
    meaning: str
    window: int | None = None
    role: Role = Role.STOCK
    axis: Axis = Axis.ALONG
    max_null_share: float = 0.2

    @property
    def published(self) -> bool:
        """Whether it is a base column as it is: one column, one name."""
        return self.inputs == (self.name,)

    def __post_init__(self) -> None:
        """Refuse missing inputs and impossible lookbacks."""
        if not self.inputs:
            raise ConfigError(f"feature {self.name}: no inputs")
        if self.lookback < 1:
            raise ConfigError(f"feature {self.name}: lookback {self.lookback} is below 1")
        if self.window is not None and not 1 <= self.window <= self.lookback:
            raise ConfigError(
                f"feature {self.name}: window {self.window}, lookback {self.lookback}"
            )
        if not 0.0 <= self.max_null_share <= 1.0:
            raise ConfigError(f"feature {self.name}: max_null_share {self.max_null_share}")


# ----------------------------------------------------------------------------------- portfolios


@dataclass(frozen=True)
class Portfolio:
    """Target weights decided at the clock of one session and filled at a later open.

    Attributes
    ----------
    decided_at, filled_at : datetime
        UTC instants.
    weights : mapping of str to float
        Code to share of equity, negative for a short sale.
    max_weight : float
        Largest size of one weight.
    max_short : float
        Largest sum of the short weights, as a positive number; 0 is long only.
    max_long : float
        Largest sum of the long weights.
    seats : mapping of str to int
        The names that were chosen: 1 to buy, -1 to sell short. A weight may be 0 where a limit
        takes it, and a name without a seat may keep one where a limit does not let it go yet.
    notes : tuple of str
        What construction had to do, for people: names left out, a limit reached, a fallback.
    """

    decided_at: datetime
    filled_at: datetime
    weights: Mapping[str, float]
    max_weight: float = 1.0
    max_short: float = 0.0
    max_long: float = 1.0
    seats: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse fills before decisions and broken limits."""
        if self.filled_at <= self.decided_at:
            raise DataError(
                f"portfolio: filled at {self.filled_at}, decided only at {self.decided_at}"
            )
        values = list(self.weights.values())
        least = -self.max_weight if self.max_short > 0.0 else 0.0
        slack = 1e-9 if self.max_short > 0.0 else 0.0
        lowest, highest, total = min(values, default=0.0), max(values, default=0.0), sum(values)
        inside = lowest >= least - slack and highest <= self.max_weight + 1e-9
        if not inside or math.isnan(total):
            raise DataError(f"portfolio: a weight is outside {least:g} to {self.max_weight}")
        if lowest >= 0.0:
            sides = {"long": total}
        else:
            sides = {
                "long": sum([w for w in values if w > 0.0]),
                "short": -sum([w for w in values if w < 0.0]),
            }
        for side, size in sides.items():
            most = self.max_long if side == "long" else self.max_short
            if size > most + 1e-9:
                raise DataError(f"portfolio: {side} weights sum to {size:.6f}, above {most:g}")


# -------------------------------------------------------------------------------------- reports


@dataclass(frozen=True)
class Report:
    """Measures with their sample counts and intervals.

    ``values`` maps a dotted name such as ``h5.rank_ic`` to an `Estimate`.
    """

    values: Mapping[str, Estimate]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a figure that does not say how many observations it rests on."""
        for name, estimate in self.values.items():
            if estimate.n < 0 or (math.isfinite(estimate.value) and estimate.n == 0):
                raise DataError(f"report: {name} has no sample count")

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``metrics.json``."""
        return {
            "metrics": {name: e.to_json() for name, e in sorted(self.values.items())},
            "facts": dict(self.facts),
        }


# ------------------------------------------------------------------------------------- datasets


def feature_hash(names: Sequence[str], clock: Clock) -> str:
    """Hash of an ordered feature list: what a checkpoint and a dataset must share.

    A feature at another clock knows other rows, so it is another feature.
    """
    return hash_json([*names] if clock is Clock.EVENING else [*names, str(clock)])


class SessionRows(Protocol):
    """Rows by session: an array, or rows that are checked when they are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sessions, names, and what each name has."""

    def __getitem__(self, key: Any, /) -> Any:
        """A session, or a span of them, as an array.

        Raises
        ------
        DataError
            Its bytes are not those that were written.
        """


@dataclass(frozen=True)
class Dataset:
    """Features on disk: training tensors, Parquet by year and a manifest.

    Attributes
    ----------
    folder : Path
    manifest : mapping
        ``features`` (ordered stock features), ``market_features``, ``sessions``, ``codes``,
        ``content_hash``, ``clock``, and more.
    x_TNF : float16 [T, N, F]; a session, or a span of them, is read at a time
        Encoded stock features: ranks in +-0.5 or clipped z, 0 where null.
    market_TM : float32 [T, M]
        Market context in its own units, NaN unknown; a learner fits its scale on train dates.
    valid_TN : bool [T, N]
        In the universe that session: ranked, trained on, listed at night.
    sector_TN : int32 [T, N]
        Sector index, -1 where unknown.
    neighbour_BNK : int32 [B, N, K] and ``neighbour_block_T`` int32 [T]
        Peers by past co-movement, rebuilt every few sessions; the row of ``neighbour_block_T``
        says which table a session uses. Index -1 means no neighbour.
    raw_channels : tuple of str
        Names of the raw channels; empty in a dataset of an earlier version, which has none, and of
        those that the source gives only.
    raw_TNC : float16 [T, N, C]; a session, or a span of them, is read at a time
        Levels and sizes of each listed name in fixed units, as known at the session's clock. NaN
        where the session had no trade or the value is not known. Their hash is ``parts.raw`` of
        the manifest, beside the content hash: what is made from them depends on both.
    """

    folder: Path
    manifest: Mapping[str, Any]
    sessions: DateArray
    codes: tuple[str, ...]
    features: tuple[str, ...]
    market_features: tuple[str, ...]
    x_TNF: SessionRows
    market_TM: npt.NDArray[np.float32]
    valid_TN: BoolArray
    sector_TN: npt.NDArray[np.int32]
    neighbour_BNK: SessionRows
    neighbour_block_T: npt.NDArray[np.int32]
    raw_channels: tuple[str, ...] = ()
    raw_TNC: SessionRows = field(default_factory=lambda: np.empty((0, 0, 0), dtype=np.float16))

    def __post_init__(self) -> None:
        """Refuse a manifest that does not match the files."""
        t, n, f = self.x_TNF.shape
        claims = {
            "sessions": (len(self.sessions), t),
            "codes": (len(self.codes), n),
            "features": (len(self.features), f),
            "market features": (len(self.market_features), self.market_TM.shape[1]),
            "market sessions": (self.market_TM.shape[0], t),
            "valid rows": (self.valid_TN.shape[0], t),
            "neighbour blocks": (len(self.neighbour_block_T), t),
            "raw channels": (len(self.raw_channels), self.raw_TNC.shape[2]),
        }
        if self.raw_channels:
            claims["raw sessions"] = (self.raw_TNC.shape[0], t)
            claims["raw names"] = (self.raw_TNC.shape[1], n)
        wrong = {name: pair for name, pair in claims.items() if pair[0] != pair[1]}
        if wrong:
            raise ContractError(
                f"dataset {self.folder.name}: manifest and files differ in {wrong}; "
                "rebuild it: gogooku build"
            )
        if self.manifest["feature_hash"] != self.feature_hash:
            raise ContractError(
                f"dataset {self.folder.name}: its feature list does not have the hash it states; "
                "rebuild it: gogooku build"
            )

    @property
    def clock(self) -> Clock:
        """When the decision of each session is taken."""
        return Clock(self.manifest["clock"])

    @property
    def feature_hash(self) -> str:
        """Hash of the ordered stock and market feature names, and of the clock."""
        return feature_hash([*self.features, "|", *self.market_features], self.clock)

    @property
    def content_hash(self) -> str:
        """Hash of the content, no time, path or chunk size inside."""
        return str(self.manifest["content_hash"])

    def index_of(self, day: date) -> int:
        """Position of a session; a `NotFoundError` says what the dataset covers."""
        found = np.flatnonzero(self.sessions == np.datetime64(day, "D"))
        if not len(found):
            raise NotFoundError(
                f"{day} is not a session of dataset {self.folder.name} "
                f"({self.sessions[0]} to {self.sessions[-1]})"
            )
        return int(found[0])


class Outcome(StrEnum):
    """What happened to a name between entry and exit of its label."""

    NORMAL = "normal"
    NO_ENTRY = "no_entry"
    """No open on the next session: the label is null."""
    LATE_EXIT = "late_exit"
    """Suspended at the exit open: the first later open is used."""
    DELISTED = "delisted"
    """Gone before the exit: the terminal close is used."""
    UNRESOLVED = "unresolved"
    """The exit lies beyond the data: null, and never trained or judged on."""
    STALE_EXIT = "stale_exit"
    """No open for a year after the exit, though still listed: the last close is used."""


OUTCOMES = tuple(Outcome)


@dataclass(frozen=True)
class Labels:
    """Forward returns, in a table of their own.

    Attributes
    ----------
    raw_TNH, excess_TNH, residual_TNH : float32 [T, N, H]
        Open-to-open forward return; less the universe's mean; less sector and trailing beta.
    outcome_TNH : int8 [T, N, H]
        Index into `OUTCOMES`.
    late_TNH : int16 [T, N, H]
        Sessions from the planned exit to the open that was used: such a label is known only then.
    tradable_TN : bool [T, N]
        The next session had an open that was not locked at a limit. Masks the loss and the fill,
        never the selection.
    resolved_TH : datetime64[D] [T, H]
        The session at whose open each label was known, NaT where beyond the data.
    """

    folder: Path
    manifest: Mapping[str, Any]
    horizons: tuple[int, ...]
    sessions: DateArray
    codes: tuple[str, ...]
    raw_TNH: npt.NDArray[np.float32]
    excess_TNH: npt.NDArray[np.float32]
    residual_TNH: npt.NDArray[np.float32]
    outcome_TNH: npt.NDArray[np.int8]
    late_TNH: npt.NDArray[np.int16]
    tradable_TN: BoolArray
    resolved_TH: DateArray

    def __post_init__(self) -> None:
        """Refuse a label on a date whose label is not resolved yet."""
        unresolved = np.isnat(self.resolved_TH)
        for h, horizon in enumerate(self.horizons):
            early = np.isfinite(self.raw_TNH[unresolved[:, h], :, h])
            if early.any():
                raise DataError(
                    f"labels: {int(early.sum())} values at horizon {horizon} on dates whose label "
                    "is not resolved yet"
                )

    def variant(self, name: str) -> npt.NDArray[np.float32]:
        """Labels of one variant: ``raw``, ``excess`` or ``residual``."""
        return {
            "raw": self.raw_TNH,
            "excess": self.excess_TNH,
            "residual": self.residual_TNH,
        }[name]

    def known_before(self, t: int, *, variant: str, cutoff: int) -> npt.NDArray[np.float32]:
        """Labels [N, H] of session ``t``, NaN where not known before session ``cutoff`` opens.

        A suspended name's label resolves late; used as is, it would carry news from beyond the
        purge into training.
        """
        values = np.array(self.variant(variant)[t])
        exits = t + 1 + np.array(self.horizons)[None, :] + self.late_TNH[t]
        values[exits >= cutoff] = np.nan
        return values


# ------------------------------------------------------------------------------------- learners


class Checkpoint(Protocol):
    """Weights, everything fitted, the ordered feature list and the config: one artefact."""

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons of the last axis of the scores."""

    @property
    def trained_through(self) -> Mapping[int, date]:
        """Per horizon, the last date at which a label used in fitting or selection resolved."""

    def scores(self, dataset: Dataset, indices: IntArray) -> npt.NDArray[np.float32]:
        """Scores [t, N, H] for session indices; NaN for names outside the universe.

        Each session is scored on its own, so a session's scores do not depend on which others
        are asked for.

        Raises
        ------
        ContractError
            The dataset's feature names, order or hash differ from those trained on.
        """

    def save(self, folder: Path) -> None:
        """Write the checkpoint's files into an existing empty folder."""


def ignore_event(event: Mapping[str, Any]) -> None:
    """Drop an event: the default listener."""
    del event


@dataclass(frozen=True)
class FitExecution:
    """Where a fit runs and what it reports; never what it learns.

    Attributes
    ----------
    threads : int
        Numeric threads. They change the last bits of training, so they are in the stamp.
    device : str
        Torch device of the networks: ``cpu``, ``cuda`` or ``cuda:N``. It changes the last bits of
        training too, so it is in the stamp.
    reporter : Reporter
        Progress for people.
    events : callable
        Receives one JSON-like mapping per event: a line of ``events.jsonl``.
    work : Path or None
        Folder for resumable state; None keeps no state.
    journal : Journal or None
        Where the events go, if those of an interrupted fit can be taken back there.
    save_seconds : float
        Seconds of training after which the state is written again.
    stall_seconds : float
        Seconds without a sign of life after which the stage is named; 0 for never.
    compiled : bool
        Whether a network is compiled before it is trained; changes the last bits too.
    residence : Residence
        Whether the training tensor lies on the device.
    processes : int
        Processes that fit a network together; changes the last bits too, and what dropout draws.
    """

    threads: int = 1
    device: str = "cpu"
    reporter: Reporter = field(default_factory=SilentReporter)
    events: Callable[[Mapping[str, Any]], None] = ignore_event
    work: Path | None = None
    journal: Journal | None = None
    save_seconds: float = 60.0
    stall_seconds: float = 300.0
    compiled: bool = False
    residence: Residence = Residence.AUTO
    processes: int = 1

    def begin(self) -> None:
        """Events from here on are those of one fit; those from before it was killed are dropped.

        A fit that goes on from state of its own then goes on behind the events of that state.
        """
        if self.journal is not None and self.work is not None:
            begin(self.journal, self.work)


class Learner(Protocol):
    """Something that can be fitted on one fold."""

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
        chosen: Checkpoint | None = None,
    ) -> Checkpoint:
        """Fit on the train part, select on the validation part, never see the test part.

        Parameters
        ----------
        chosen : Checkpoint, optional
            What this learner made of the same fold. What was selected then (rounds, epochs, a
            penalty) is taken from it, and the fit is on the train and the validation part together.
        """
