"""Accounts in the ledger of trials: what a backtest earned above its benchmark, deflated by tries.

Each backtest of each run is entered with its Sharpe ratios per session, so that the best of many
accounts is held against what the best of as many worthless ones would show (Bailey & Lopez de
Prado, "The Deflated Sharpe Ratio", 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.metrics import number_or_none
from gogooku.evaluate.sharpe import deflated_sharpe, expected_best_sharpe
from gogooku.portfolio.measures import session_returns

ACCOUNTS_TABLE: Final = """CREATE TABLE accounts (
    key TEXT PRIMARY KEY, run TEXT NOT NULL, config TEXT NOT NULL, features TEXT NOT NULL,
    account TEXT NOT NULL, labels TEXT NOT NULL, source TEXT NOT NULL, exchange TEXT NOT NULL,
    first TEXT NOT NULL, last TEXT NOT NULL, at TEXT NOT NULL, sharpe REAL, excess REAL,
    n INTEGER NOT NULL
) WITHOUT ROWID"""


@dataclass(frozen=True)
class AccountTrial:
    """One backtest of one run.

    Attributes
    ----------
    key : str
        Run id and folder of the backtest: the same account is one entry however often it is asked
        for.
    run : str
        Run id.
    config, features, account : str
        Hashes of what the run was fitted with, of the features it was given, and of the settings of
        the account: a try of its own for each three.
    labels : str
        ``true`` or ``shuffled``: a control on shuffled labels is no try.
    source, exchange : str
    first, last : date
        Of the account.
    at : datetime
        UTC; when it was first written here.
    sharpe, excess : float or None
        Mean over standard deviation of the account's returns by session after costs, and of those
        less the benchmark's; not annualised. None where it is not known.
    n : int
        Sessions.
    """

    key: str
    run: str
    config: str
    features: str
    account: str
    labels: str
    source: str
    exchange: str
    first: date
    last: date
    at: datetime
    sharpe: float | None
    excess: float | None
    n: int

    def row(self) -> tuple[Any, ...]:
        """As `ACCOUNTS_TABLE` has it."""
        values = {**vars(self), "first": str(self.first), "last": str(self.last)}
        return tuple({**values, "at": self.at.isoformat(timespec="microseconds")}.values())

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> AccountTrial:
        """From a row of the table; a `ValueError` where it is none."""
        key, run, config, features, account, labels, source, exchange, *rest = row
        first, last, at, sharpe, excess, n = rest
        return cls(
            key=str(key),
            run=str(run),
            config=str(config),
            features=str(features),
            account=str(account),
            labels=str(labels),
            source=str(source),
            exchange=str(exchange),
            first=date.fromisoformat(str(first)),
            last=date.fromisoformat(str(last)),
            at=datetime.fromisoformat(str(at)),
            sharpe=None if sharpe is None else float(sharpe),
            excess=None if excess is None else float(excess),
            n=int(n),
        )


@dataclass(frozen=True)
class MoneyTries:
    """What was tried on the sessions of an account.

    Attributes
    ----------
    count : int
        Different accounts that were traded, and different settings that were judged and never
        traded: who picks the best has seen both.
    ratios : sequence of float
        Net excess Sharpe ratio per session of each account that has one.
    """

    count: int
    ratios: Sequence[float]


def money_tries(
    judged: Sequence[tuple[str, str]],
    accounts: Sequence[AccountTrial],
    *,
    source: str,
    exchange: str,
    first: date,
    last: date,
) -> MoneyTries:
    """Tries on sessions that overlap a window, of one source, on true labels.

    Parameters
    ----------
    judged : sequence of (config, features)
        What was judged on the window, see `gogooku.runs.trials.tried`.
    """
    found: dict[tuple[str, str, str], AccountTrial] = {}
    for one in accounts:
        here = (one.source, one.exchange, one.labels) == (source, exchange, "true")
        if here and one.first <= last and one.last >= first:
            found[one.config, one.features, one.account] = one
    traded = {(config, features) for config, features, _ in found}
    ratios = [one.excess for one in found.values() if one.excess is not None]
    return MoneyTries(len(found) + len(set(judged) - traded), ratios)


def deflated_account(daily: pl.DataFrame, tries: MoneyTries) -> dict[str, Any]:
    """How likely the true net excess Sharpe ratio is above the best of as many worthless tries.

    The spread of the tries' ratios is that of the accounts in the ledger; with fewer than two it is
    that of chance alone, ``1 / (n - 1)``.

    Parameters
    ----------
    daily : polars.DataFrame
        ``equity`` and ``benchmark`` of a backtest.

    Returns
    -------
    dict
        tries, accounts (those with a ratio), spread_of (``accounts`` or ``chance``), excess (the
        ratio per session), best_of_worthless, probability, n; null where not known.
    """
    excess = session_returns(daily, "equity") - session_returns(daily, "benchmark")
    count, known = max(tries.count, 1), len(tries.ratios)
    by_accounts = known > 1
    chance = 1.0 / max(len(excess) - 1, 1)
    variance = float(np.var(tries.ratios, ddof=1)) if by_accounts else chance
    found = deflated_sharpe(excess, trials=count, variance=variance)
    best = expected_best_sharpe(trials=count, variance=variance)
    return {
        "tries": count,
        "accounts": known,
        "spread_of": "accounts" if by_accounts else "chance",
        "excess": number_or_none(found.sharpe),
        "best_of_worthless": best,
        "probability": number_or_none(found.probability),
        "n": found.n,
    }


def deflated_words(found: Mapping[str, Any]) -> str:
    """What `deflated_account` found, in a sentence."""
    tries = f"{found['tries']:,} tries" if found["tries"] > 1 else "1 try"
    if found["probability"] is None:
        return f"net excess Sharpe ratio: not known over {found['n']:,} sessions, after {tries}"
    return (
        f"net excess Sharpe ratio: {found['excess']:+.4f} a session over {found['n']:,} sessions; "
        f"the best of {tries} worth nothing would show {found['best_of_worthless']:+.4f}, and the "
        f"probability that the true ratio is above that is {found['probability']:.2f}"
    )
