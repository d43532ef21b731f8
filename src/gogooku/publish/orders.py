"""The target portfolio and the orders of an evening, with company names and reasons.

Between two decisions of a bundle (``portfolio.rebalance_every``) the target of the last one stands,
and what of it is not yet held is ordered again. Holdings that are stated for the first time are an
account of another size: for them it is decided anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.errors import NotFoundError
from gogooku.core.metrics import FloatArray
from gogooku.core.terms import terms_of
from gogooku.core.types import Dataset, Portfolio
from gogooku.portfolio.backtest import TradeConfig
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.book import Side
from gogooku.portfolio.decide import History
from gogooku.portfolio.plan import SIDES, Plan, plan_orders
from gogooku.portfolio.signal import rows_of
from gogooku.portfolio.tonight import Account, decision_of, last_closes, targets_of
from gogooku.predict.predictor import Predictor, Ranking
from gogooku.publish.holdings import Holdings, read_holdings
from gogooku.publish.paper import Followed, Published, follow
from gogooku.publish.publication import (
    ORDERS,
    TARGET,
    Publication,
    open_publication,
    published_sessions,
)
from gogooku.runs.attribution import history_of
from gogooku.runs.trade import market_bars

PORTFOLIO: Final = "portfolio"
"""Key of the account among the facts of a publication."""
ORDERS_CSV: Final = "orders.csv"
HOLDINGS: Final = "holdings"
"""Of an account that was stated."""
BELOW_ONE_LOT: Final = "below_one_lot"
"""Of a name with a weight that buys no whole lot."""

ORDER_SCHEMA: Final[Mapping[str, Any]] = {
    "side": pl.String,
    "code": pl.String,
    "name_ja": pl.String,
    "name_en": pl.String,
    "shares": pl.Int64,
    "reference_price": pl.Float64,
    "value": pl.Float64,
    "reason": pl.String,
}
"""Sales first, each side in the order of rank. The reference price is the last close."""
TARGET_SCHEMA: Final[Mapping[str, Any]] = {
    "code": pl.String,
    "name_ja": pl.String,
    "name_en": pl.String,
    "weight": pl.Float64,
    "shares": pl.Int64,
    "price": pl.Float64,
    "value": pl.Float64,
    "seat": pl.Int8,
    "held": pl.Int64,
    "ordered": pl.Int64,
    "left": pl.String,
}
"""Names of the target, best first, and what is held besides. ``weight`` is that of the decision,
``shares`` what is aimed at, ``seat`` 1 for a name that was chosen to be bought, -1 to be sold
short; ``held`` before the orders, ``ordered`` with its sign; ``left`` why the two are not
``shares``, empty where they are."""


@dataclass(frozen=True)
class Desk:
    """A bundle's market, read once for all sessions of an evening.

    Attributes
    ----------
    predictor : Predictor
    bars : MarketBars
    history : History
    names : polars.DataFrame
        (code, name_en, name_ja).
    config : TradeConfig
    """

    predictor: Predictor
    bars: MarketBars
    history: History
    names: pl.DataFrame
    config: TradeConfig


@dataclass(frozen=True)
class Tonight:
    """What an evening has to trade.

    Attributes
    ----------
    target, orders : polars.DataFrame
        `TARGET_SCHEMA`, `ORDER_SCHEMA`.
    facts : mapping
        The account: where it was taken from, when it was decided, cash before and after, notes.
    """

    target: pl.DataFrame
    orders: pl.DataFrame
    facts: Mapping[str, Any]

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """By the names of a publication."""
        return {TARGET: self.target, ORDERS: self.orders}


def open_desk(
    predictor: Predictor, dataset: Dataset, names: pl.DataFrame, config: TradeConfig
) -> Desk:
    """Read the market of a dataset.

    Raises
    ------
    DataError
        A file is damaged.
    """
    bars = market_bars(dataset)
    return Desk(predictor, bars, history_of(dataset, bars), names, config)


def make_orders(
    desk: Desk, made: Ranking, before: Publication | None, holdings: Holdings | None
) -> Tonight:
    """The target and the orders after a session.

    Parameters
    ----------
    made : Ranking
        Of the session.
    before : Publication or None
        The last one of the same bundle with a target; None for its first.
    holdings : Holdings or None
        What is held after the session; None for what follows from ``before``, as if its orders had
        been filled at their reference, and before the first for an empty account.

    Raises
    ------
    DataError
        An optimisation has no solution, the market lacks what the settings need, or nothing is
        held and there is no cash.
    """
    bars, config = desk.bars, desk.config
    t = _index(bars, made.date)
    last = last_closes(bars, t)
    old = None if before is None else _followed(bars, t, before, config)
    account, basis = _account(bars, last, old, holdings, config)
    sized = basis
    if old is not None and _stands(old, t, basis, config):
        sized = old.sized
        weights, seats, decided = old.weights, old.seats, old.decided
        targets, notes = _standing(account, old), _said(holdings)
    else:
        chosen, targets = _decided(desk, t, made, account)
        weights, seats, decided = chosen.weights, chosen.seats, t
        notes = [*chosen.notes, *_said(holdings)]
    plan = plan_orders(bars, t, account, targets, config)
    sheet = _Sheet(desk, t, account, targets, plan, weights, seats)
    terms = terms_of(bars.exchange.name)
    facts = {
        "basis": basis,
        "decided": str(bars.sessions[decided].item()),
        "sized": sized,
        "currency": terms.currency,
        "cash": account.cash,
        "cash_after": plan.cash,
        "equity": account.equity,
        "lot": config.lot_size,
        "notes": notes,
    }
    return Tonight(target=sheet.target(), orders=sheet.orders(), facts=facts)


def holdings_after(desk: Desk, day: date, path: Path, *, cash: float | None) -> Holdings:
    """What an account holds after a session, as a file says it.

    Raises
    ------
    DataError
        As `gogooku.publish.holdings.read_holdings`.
    """
    bars = desk.bars
    return read_holdings(
        path,
        codes=bars.codes,
        last_N=last_closes(bars, _index(bars, day)),
        may_short=desk.config.portfolio.stance.shorts,
        cash=cash,
    )


def last_target(home: Path, source: str, bundle: str, *, before: date) -> Publication | None:
    """The last publication of a bundle before a session that has a target; None where none has.

    Raises
    ------
    DataError
        It is damaged.
    """
    for day in reversed(published_sessions(home, source, bundle)):
        if day < before and (found := open_publication(home, source, day, bundle)).has(TARGET):
            return found
    return None


def orders_csv(orders: pl.DataFrame) -> bytes:
    """Orders for a spreadsheet: UTF-8 with a byte order mark, lines as Windows ends them."""
    return b"\xef\xbb\xbf" + orders.write_csv(line_terminator="\r\n").encode()


def _said(holdings: Holdings | None) -> list[str]:
    if holdings is None or holdings.cash is not None:
        return []
    return ["no cash is stated beside the holdings: none is taken, sales pay for purchases"]


def _index(bars: MarketBars, day: date) -> int:
    return int(np.flatnonzero(bars.sessions == np.datetime64(day))[0])


def _followed(bars: MarketBars, t: int, before: Publication, config: TradeConfig) -> Followed:
    account = before.facts[PORTFOLIO]
    published = Published(
        target=before.frame(TARGET),
        session=before.session,
        decided=date.fromisoformat(account["decided"]),
        sized=str(account["sized"]),
        cash=float(account["cash"]),
        cash_after=float(account["cash_after"]),
    )
    return follow(bars, t, published, config=config)


def _account(
    bars: MarketBars,
    last: FloatArray,
    old: Followed | None,
    holdings: Holdings | None,
    config: TradeConfig,
) -> tuple[Account, str]:
    """The account, and where it is from: ``holdings``, ``target`` or ``new``."""
    if holdings is not None:
        previous = None if old is None else old.account.previous
        shares = holdings.shares_on(bars.codes)
        return Account(holdings.cash or 0.0, shares, last, previous), HOLDINGS
    if old is not None:
        return old.account, "target"
    return Account(config.initial_cash, np.zeros(len(last), dtype=np.int64), last), "new"


def _stands(old: Followed, t: int, basis: str, config: TradeConfig) -> bool:
    """Whether the last decision holds: it is no older than it may be, and of this account's size.

    Stated holdings are another account than the one that follows what was published.
    """
    if t - old.decided >= config.portfolio.rebalance_every:
        return False
    return basis != HOLDINGS or old.sized == HOLDINGS


def _standing(account: Account, old: Followed) -> dict[int, int]:
    """Targets of a decision that stands: what is held beside them is sold first."""
    beside = [n for n in np.flatnonzero(account.shares_N).tolist() if n not in old.targets]
    nothing = [n for n, count in old.targets.items() if not count]
    rest = {n: count for n, count in old.targets.items() if count}
    return {**dict.fromkeys([*beside, *nothing], 0), **rest}


def _decided(
    desk: Desk, t: int, made: Ranking, account: Account
) -> tuple[Portfolio, dict[int, int]]:
    config = desk.config
    decision = decision_of(
        desk.bars,
        t,
        scores_until(desk, t, made),
        account,
        history=desk.history,
        lot=config.lot_size,
        fill=config.fills.price,
    )
    return targets_of(decision, config=config.portfolio, costs=config.costs)


def scores_until(desk: Desk, t: int, made: Ranking) -> FloatArray:
    """Scores [L, N] of a session and of as many before it as smoothing needs, oldest first.

    Earlier sessions are scored again; those that the run was trained on, or in which there was
    nobody to rank, are none.
    """
    rows = [_row(desk, made)]
    for row in range(t - 1, max(t - rows_of(desk.config.portfolio.smoothing), -1), -1):
        day = desk.bars.sessions[row].item()
        try:
            earlier = desk.predictor.ranking(day, horizon=made.horizon)
        except NotFoundError:
            break
        rows.append(_row(desk, earlier))
    return np.stack(rows[::-1])


def _row(desk: Desk, made: Ranking) -> FloatArray:
    wide = made.forecast.wide().select("code", score=f"score_{made.horizon}")
    frame = pl.DataFrame({"code": pl.Series(desk.bars.codes, dtype=pl.String)})
    found = frame.join(wide, on="code", how="left", maintain_order="left")
    return found.get_column("score").cast(pl.Float64).fill_null(np.nan).to_numpy()


@dataclass(frozen=True)
class _Sheet:
    """Targets and a plan as people read them."""

    desk: Desk
    t: int
    account: Account
    targets: Mapping[int, int]
    plan: Plan
    weights: Mapping[str, float]
    seats: Mapping[str, int]

    def target(self) -> pl.DataFrame:
        codes, last = self.desk.bars.codes, self.account.last_N
        place = {code: n for n, code in enumerate(codes)}
        chosen = [place[code] for code in dict.fromkeys((*self.weights, *self.seats))]
        names = dict.fromkeys([*chosen, *self.targets])
        rows = []
        for n in names:
            code, shares = codes[n], self.targets.get(n, 0)
            rows.append(
                {
                    "code": code,
                    "weight": self.weights.get(code, 0.0),
                    "shares": shares,
                    "price": float(last[n]) if np.isfinite(last[n]) else None,
                    "value": shares * float(last[n]) if shares else 0.0,
                    "seat": self.seats.get(code, 0),
                    "held": int(self.account.shares_N[n]),
                    "ordered": self.plan.change_of(n),
                    "left": ", ".join(self._left(n, code, shares)),
                }
            )
        return self._named(rows, TARGET_SCHEMA)

    def _left(self, n: int, code: str, shares: int) -> tuple[str, ...]:
        small = self.weights.get(code, 0.0) != 0.0 and not shares
        return (*self.plan.left.get(n, ()), *((BELOW_ONE_LOT,) if small else ()))

    def orders(self) -> pl.DataFrame:
        codes, last = self.desk.bars.codes, self.account.last_N
        rows = [
            {
                "side": side.value,
                "code": codes[n],
                "shares": count,
                "reference_price": float(last[n]),
                "value": count * float(last[n]),
                "reason": self._reason(side, n),
            }
            for side in SIDES
            for n, count in self.plan.orders[side].items()
        ]
        return self._named(rows, ORDER_SCHEMA)

    def _reason(self, side: Side, n: int) -> str:
        """Why a name is traded."""
        held, target, code = int(self.account.shares_N[n]), self.targets[n], self.desk.bars.codes[n]
        if side in (Side.BUY, Side.SHORT):
            return "bigger" if held * target > 0 else "new"
        if held * target > 0:
            return "smaller"
        if not self.desk.bars.universe[self.t, n]:
            return "leaves the list"
        return "limit" if self.seats.get(code) else "left the ranking"

    def _named(self, rows: list[dict[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
        """Rows with company names; null where one is not known."""
        own = {name: kind for name, kind in schema.items() if not name.startswith("name_")}
        frame = pl.DataFrame(rows, schema=own)
        joined = frame.join(self.desk.names, on="code", how="left", maintain_order="left")
        return joined.select(*schema)
