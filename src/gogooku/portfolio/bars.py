"""The market that is traded: dense raw bars, and what is known of them at a decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import TOKYO, Clock, DateArray, Exchange, next_tokyo_sessions
from gogooku.core.errors import ContractError, DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.decide import History
from gogooku.portfolio.fill_config import FillPrice
from gogooku.portfolio.trailing import mean_traded_value, return_spread

_OPENS = {"tokyo": time(9, 0), "new_york": time(9, 30)}
_CLOSES = {"tokyo": time(15, 30), "new_york": time(16, 0)}
_EARLIER_CLOSE = time(15, 0)
_LATER_CLOSE_SINCE = date(2024, 11, 5)
"""Tokyo closed half an hour earlier until then."""
_ALL = slice(None)
_UNCHECKED = ("exchange", "clock", "sessions", "codes", "dividend", "fine_ticks", "lendable")


@dataclass(frozen=True)
class MarketBars:
    """Dense raw bars of a market.

    Attributes
    ----------
    exchange : Exchange
    clock : Clock
        When the decision after each session is taken.
    sessions : datetime64[D] [T]
    codes : tuple of str, length N
    open, high, low, close : float64 [T, N]
        Raw prices as traded; NaN where there was no trade.
    volume : float64 [T, N]
        Shares traded. Where it is 0 or NaN nobody traded, whatever the prices say: such a row is a
        vendor's filler, nothing is filled or marked on it.
    adjustment_factor : float64 [T, N]
        1 (or NaN) except on an ex-date: 0.5 for two new shares for one.
    limit_up, limit_down : float64 [T, N]
        1 where the session ended at, or touched, its limit, 0 where not, NaN where unknown. Known
        at the close only, and used by fills at the close only.
    listed : bool [T, N]
    universe : bool [T, N]
        Eligible at the decision of the session.
    dividend : float64 [T, N], optional
        Gross cash per share held at the close before the ex-date, on the ex-date; 0 or NaN for
        none. Without it results are price returns only.
    fine_ticks : bool [T, N], optional
        Where the finer tick table holds (TOPIX 500). Without it the usual, coarser one does.
    lendable : bool [T, N], optional
        Names that may be sold short at the decision. Without it every name is taken to be.
    """

    exchange: Exchange
    clock: Clock
    sessions: DateArray
    codes: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    adjustment_factor: FloatArray
    limit_up: FloatArray
    limit_down: FloatArray
    listed: BoolArray
    universe: BoolArray
    dividend: FloatArray | None = None
    fine_ticks: BoolArray | None = None
    lendable: BoolArray | None = None

    def __post_init__(self) -> None:
        """Refuse arrays off the axes, disorder, and prices or factors that are not positive."""
        shape = (len(self.sessions), len(self.codes))
        arrays = {
            name: np.asarray(value)
            for name, value in vars(self).items()
            if name not in _UNCHECKED or (name not in _UNCHECKED[:4] and value is not None)
        }
        wrong = {name: array.shape for name, array in arrays.items() if array.shape != shape}
        if wrong:
            raise ContractError(f"bars: {shape} sessions and names, but {wrong}")
        if (np.diff(self.sessions.astype(np.int64)) <= 0).any():
            raise DataError("bars: sessions repeat or are out of order")
        for name in ("open", "high", "low", "close", "adjustment_factor"):
            self._refuse(arrays[name] <= 0.0, f"values of {name} are not positive")
        for name in ("volume", "dividend"):
            if name in arrays:
                self._refuse(arrays[name] < 0.0, f"values of {name} are negative")

    def _refuse(self, bad_TN: BoolArray, what: str) -> None:
        if bad_TN.any():
            t, n = np.argwhere(bad_TN)[0]
            raise DataError(
                f"bars: {int(bad_TN.sum())} {what}, first {self.sessions[t]} {self.codes[n]}"
            )

    @cached_property
    def places(self) -> dict[str, int]:
        """Position of each code."""
        return {code: n for n, code in enumerate(self.codes)}

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.exchange.timezone)

    @cached_property
    def _decisions(self) -> npt.NDArray[np.datetime64]:
        return self.exchange.decision(self.sessions, self.clock)

    def price(self, t: int, kind: FillPrice, names: IntArray | slice = _ALL) -> FloatArray:
        """Prices of a session at which fills happen, [k]; NaN where nobody traded.

        For `FillPrice.VWAP_PROXY` (open + high + low + close) / 4: a proxy of the session's
        volume-weighted mean, which daily bars do not have.
        """
        if kind is FillPrice.OPEN:
            price = self.open[t][names]
        elif kind is FillPrice.CLOSE:
            price = self.close[t][names]
        else:
            price = (self.open[t][names] + self.close[t][names]) / 4.0
            price = price + (self.high[t][names] + self.low[t][names]) / 4.0
        return np.where(self.volume[t][names] > 0.0, price, np.nan)

    def traded_value(self, t: int, names: IntArray, *, sessions: int) -> FloatArray:
        """Mean traded value per session of the trailing sessions up to ``t``, [k].

        Volume times close, in the currency of the exchange; a session without a trade counts as
        zero. What a decision after session ``t`` knows.
        """
        rows = slice(max(t + 1 - sessions, 0), t + 1)
        return mean_traded_value(self.volume[rows, names], self.close[rows, names])

    def volatility(self, t: int, names: IntArray, *, sessions: int) -> FloatArray:
        """Standard deviation of the trailing session returns up to ``t``, [k].

        Close to close, adjusted for splits, between two sessions with trade; NaN with fewer than
        two returns.
        """
        rows = slice(max(t - sessions, 0), t + 1)
        factor = self.adjustment_factor[rows, names]
        close = np.where(self.volume[rows, names] > 0.0, self.close[rows, names], np.nan)
        base = close[:-1] * np.nan_to_num(factor[1:], nan=1.0)
        returns = close[1:] / base - 1.0
        return return_spread(returns, fewest=2)

    def history(self) -> History:
        """What decisions get their past from."""
        return History(
            close=self.close,
            adjustment_factor=self.adjustment_factor,
            universe=self.universe,
            volume=self.volume,
            lendable=self.lendable,
        )

    def instants(self, t: int, kind: FillPrice = FillPrice.OPEN) -> tuple[datetime, datetime]:
        """UTC instants of the decision after session ``t`` and of the next session's fill.

        A fill at the mean price of a session begins at its open.
        """
        decided: datetime = self._decisions[t].item()
        day = self._session_after(t)
        local = _OPENS.get(self.exchange.name, time(9, 0))
        if kind is FillPrice.CLOSE:
            local = _CLOSES.get(self.exchange.name, time(15, 0))
            if self.exchange.name == "tokyo" and day < _LATER_CLOSE_SINCE:
                local = _EARLIER_CLOSE
        filled = datetime.combine(day, local, tzinfo=self._zone)
        return decided.replace(tzinfo=UTC), filled.astimezone(UTC)

    def _session_after(self, t: int) -> date:
        """The session after one; after the last of the bars that of the exchange's calendar.

        Where the calendar of an exchange is not known, the next weekday.
        """
        if t + 1 < len(self.sessions):
            known: date = self.sessions[t + 1].item()
            return known
        last: date = self.sessions[t].item()
        if self.exchange is TOKYO:
            following: date = next_tokyo_sessions(last + timedelta(days=1), 1)[0].item()
            return following
        return last + timedelta(days=max(1, 7 - last.weekday()) if last.weekday() > 3 else 1)
