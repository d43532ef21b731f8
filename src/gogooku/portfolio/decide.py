"""What a decision may know, and the holdings that target weights come to.

A `Decision` holds the scores, the account and the past of the market, all up to and including the
session it is taken after. Construction is a function of it and of settings; nothing later is there
to be looked at, because the past is cut off at the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TypeVar

import numpy as np

from gogooku.core.errors import ContractError, DataError
from gogooku.core.metrics import VOLATILITY_SESSIONS as VOLATILITY_SESSIONS
from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, IntArray, Portfolio
from gogooku.portfolio.trailing import mean_traded_value, return_spread

ArrayT = TypeVar("ArrayT", FloatArray, IntArray)

WHOLE = 1e-9
"""Lots; what rounding of floats may take from a whole number."""
BETA_SESSIONS = 250
_FEWEST_SHARE = 0.5
"""Share of a window that must be there; with fewer returns the figure is not known."""


@dataclass(frozen=True)
class History:
    """The market as a whole, from which each decision gets its past.

    Attributes
    ----------
    close : float64 [T, N]
        Raw closes; NaN where there was no trade.
    adjustment_factor : float64 [T, N]
        1 (or NaN) except on an ex-date: 0.5 for two new shares for one.
    universe : bool [T, N]
    volume : float64 [T, N], optional
        Shares; where it is 0 nobody traded, whatever the close says.
    market_cap : float64 [T, N], optional
        As known at the decision of the session.
    sector : int64 [T, N], optional
        Group of each name as known at the decision; -1 where not known.
    sector_names : tuple of str
        What the groups are called.
    lendable : bool [T, N], optional
        Whether the shares can be borrowed to be sold short.
    index_close : float64 [T], optional
        Level of the market's index.
    """

    close: FloatArray
    adjustment_factor: FloatArray
    universe: BoolArray
    volume: FloatArray | None = None
    market_cap: FloatArray | None = None
    sector: IntArray | None = None
    sector_names: tuple[str, ...] = ()
    lendable: BoolArray | None = None
    index_close: FloatArray | None = None

    def __post_init__(self) -> None:
        """Refuse arrays off the axes and sectors without a name."""
        shape = self.close.shape
        for name, array in vars(self).items():
            if not isinstance(array, np.ndarray):
                continue
            wanted = shape[:1] if name == "index_close" else shape
            if array.shape != wanted:
                raise ContractError(f"history: {name} is {array.shape}, the closes {shape}")
        if self.sector is not None and self.sector.size:
            last = int(self.sector.max())
            if last >= len(self.sector_names):
                raise ContractError(
                    f"history: sector {last} has no name; there are {len(self.sector_names)} names"
                )

    @cached_property
    def returns(self) -> FloatArray:
        """Returns from close to close, splits taken out; worked out when first asked for.

        NaN where there was no trade; the first trade after a halt has the return since the last.
        """
        out = np.full(self.close.shape, np.nan)
        factor = np.nan_to_num(self.adjustment_factor, nan=1.0)
        carried = np.full(self.close.shape[1], np.nan)
        for t in range(len(out)):
            close, carried = self.traded_close(t), carried * factor[t]
            out[t] = close / carried - 1.0
            carried = np.where(np.isfinite(close), close, carried)
        return out

    def traded_close(self, t: int) -> FloatArray:
        """Closes [N] of a session, NaN where nobody traded."""
        close = self.close[t]
        return close if self.volume is None else np.where(self.volume[t] > 0.0, close, np.nan)

    @cached_property
    def market(self) -> FloatArray:
        """Mean return of each session's universe of the session before; NaN where it has none."""
        members = np.zeros_like(self.universe)
        members[1:] = self.universe[:-1]
        known = members & np.isfinite(self.returns)
        total = np.where(known, self.returns, 0.0).sum(axis=1)
        count = known.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def until(self, t: int) -> Past:
        """What is known at the decision after session ``t``."""
        return Past(self, t + 1)


@dataclass(frozen=True)
class Past:
    """A market up to and including one session; later rows cannot be reached from here.

    Figures that are not known are NaN: a name with fewer than half of a window's returns has no
    volatility and no beta.
    """

    _history: History = field(repr=False)
    _stop: int

    def returns(self, sessions: int) -> FloatArray:
        """Returns [L, N] of the last sessions (fewer at the start), oldest first; a view."""
        return self._history.returns[self._rows(sessions)]

    def market(self, sessions: int) -> FloatArray:
        """Returns of the equal-weighted universe over the same sessions."""
        return self._history.market[self._rows(sessions)]

    def traded_value(self, sessions: int = VOLATILITY_SESSIONS) -> FloatArray:
        """Volume times close, mean of a session; one without a trade counts as zero.

        Raises
        ------
        DataError
            The bars have no volume.
        """
        rows = self._rows(sessions)
        volume = self._wanted("volume", self._history.volume)
        return mean_traded_value(volume[rows], self._history.close[rows])

    @property
    def has_market_cap(self) -> bool:
        """Whether the market's capitalisations are known."""
        return self._history.market_cap is not None

    def market_cap(self) -> FloatArray:
        """Market capitalisation; a `DataError` if the bars have none."""
        return np.asarray(self._wanted("market_cap", self._history.market_cap)[self._stop - 1])

    @cached_property
    def volatility(self) -> FloatArray:
        """Standard deviation of the session returns of each name."""
        returns = self.returns(VOLATILITY_SESSIONS)
        return return_spread(returns, fewest=_FEWEST_SHARE * VOLATILITY_SESSIONS)

    @cached_property
    def beta(self) -> FloatArray:
        """Slope of each name's returns on those of the equal-weighted universe."""
        returns, market = self.returns(BETA_SESSIONS), self.market(BETA_SESSIONS)
        known = np.isfinite(returns) & np.isfinite(market)[:, None]
        count = np.maximum(known.sum(axis=0), 1)
        x = np.where(known, market[:, None], 0.0)
        y = np.where(known, returns, 0.0)
        x_mean, y_mean = x.sum(axis=0) / count, y.sum(axis=0) / count
        joint = (x * y).sum(axis=0) - count * x_mean * y_mean
        spread = (x * x).sum(axis=0) - count * x_mean**2
        enough = (known.sum(axis=0) >= _FEWEST_SHARE * VOLATILITY_SESSIONS) & (spread > 0.0)
        return np.where(enough, joint / np.where(enough, spread, 1.0), np.nan)

    @property
    def sector(self) -> IntArray:
        """Sector of each name, an index into `sector_names`; -1 where not known."""
        return np.asarray(self._wanted("sector", self._history.sector)[self._stop - 1])

    @property
    def sector_names(self) -> tuple[str, ...]:
        """What the sectors are called."""
        return self._history.sector_names

    @property
    def lendable(self) -> BoolArray:
        """Whether each name can be borrowed; every name where the bars do not say."""
        flags = self._history.lendable
        if flags is None:
            return np.ones(self._history.close.shape[1], dtype=np.bool_)
        return np.asarray(flags[self._stop - 1])

    def _rows(self, sessions: int) -> slice:
        return slice(max(0, self._stop - sessions), self._stop)

    @staticmethod
    def _wanted(name: str, array: ArrayT | None) -> ArrayT:
        if array is None:
            raise DataError(
                f"construction: the bars have no {name}; choose settings that do not need it, or "
                "a dataset that has it"
            )
        return array


@dataclass(frozen=True)
class Decision:
    """Everything that target weights may depend on.

    Attributes
    ----------
    session : date
        After whose close it is taken.
    decided_at, filled_at : datetime
        UTC instants of the decision and of the next open.
    codes : tuple of str, length N
    score_N : float64 [N]
        Scores; NaN outside the universe and where there is none.
    scores_LN : float64 [L, N]
        Scores of every session up to this one, the last row without the mask of the universe.
    equity : float
        In the market's currency.
    shares_N : int64 [N]
        Held; negative when sold short.
    price_N : float64 [N]
        Last raw prices; NaN where there never was one.
    lot_size : int
    past : Past
    previous : Portfolio, optional
        What the decision before chose.
    places : mapping, optional
        Position of each code, where it is worked out already.
    """

    session: date
    decided_at: datetime
    filled_at: datetime
    codes: tuple[str, ...]
    score_N: FloatArray
    scores_LN: FloatArray
    equity: float
    shares_N: IntArray
    price_N: FloatArray
    lot_size: int
    past: Past
    previous: Portfolio | None = None
    places: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays off the axis of names and an account without equity."""
        names = len(self.codes)
        for name in ("score_N", "shares_N", "price_N"):
            shape = getattr(self, name).shape
            if shape != (names,):
                raise ContractError(f"decision {self.session}: {name} is {shape}, names {names}")
        if self.scores_LN.ndim != 2 or self.scores_LN.shape[1] != names:
            raise ContractError(
                f"decision {self.session}: past scores are {self.scores_LN.shape}, names {names}"
            )
        if not self.equity > 0.0:
            raise DataError(
                f"decision {self.session}: equity is {self.equity}; nothing is left to be invested"
            )

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Position of each code."""
        if self.places is not None:
            return self.places
        return {code: n for n, code in enumerate(self.codes)}

    @cached_property
    def weights(self) -> FloatArray:
        """Holdings at the last prices as shares of equity; 0 where nothing is held."""
        held = self.shares_N != 0
        return np.where(held, self.shares_N * np.where(held, self.price_N, 0.0), 0.0) / self.equity


def whole_lots(shares: FloatArray, lot: int) -> IntArray:
    """Whole lots, rounded towards zero, in shares."""
    lots = np.floor(np.abs(shares) / lot + WHOLE)
    return (np.sign(shares) * lots).astype(np.int64) * lot


def lots_of(portfolio: Portfolio, decision: Decision) -> tuple[IntArray, IntArray, BoolArray]:
    """Target holdings in whole lots, rounded towards zero, in the order of the weights.

    Sized with the equity and the last prices of the decision. A weight that is what is held and
    whole lots more or less is just that: odd shares are left where construction left them.

    Returns
    -------
    names, shares : int64 [k]
        Positions and target holdings.
    known : bool [k]
        Whether the name has a price. Without one nothing is ordered, and what is held of it stays.
    """
    weights = portfolio.weights
    names = np.fromiter(map(decision.place.__getitem__, weights), np.int64, count=len(weights))
    weight = np.fromiter(weights.values(), np.float64, count=len(weights))
    price, lot = decision.price_N[names], decision.lot_size
    value = price * lot
    known = np.isfinite(value)
    if np.count_nonzero(known) < len(known):
        value = np.where(known, value, 1.0)
    lots = weight * decision.equity / value
    shares = np.trunc(lots + np.copysign(WHOLE, lots)) * lot
    held = decision.shares_N[names]
    if lot > 1 and np.count_nonzero(held % lot):
        moved = lots - held / lot
        as_held = np.abs(moved - np.rint(moved)) <= WHOLE * np.maximum(np.abs(moved), 1.0)
        shares = np.where(as_held, held + np.rint(moved) * lot, shares)
    return names, shares.astype(np.int64), known
