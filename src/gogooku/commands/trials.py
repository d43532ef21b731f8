"""`gogooku trials`: everything that was ever judged or traded in a home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.runs.account_trials import AccountTrial
from gogooku.runs.trials import TrialLedger, num_trials


def trials(home: Path) -> Answer:
    """Every evaluation and account in the ledger, and how many things were tried on each source.

    Raises
    ------
    DataError
        The ledger is damaged.
    """
    ledger = TrialLedger(home)
    found, accounts = ledger.trials(), ledger.accounts()
    markets = sorted({(one.source, one.exchange) for one in found})
    counts = []
    for source, exchange in markets:
        mine = [one for one in found if (one.source, one.exchange) == (source, exchange)]
        first, last = min(one.first for one in mine), max(one.last for one in mine)
        number = num_trials(mine, source=source, exchange=exchange, first=first, last=last)
        counts.append({"source": source, "exchange": exchange, "tries": number})
    rows = [
        [
            *(one.at.date(), one.run, one.source, one.split, one.first, one.last),
            *(one.judged_by, one.labels, one.seed),
            " ".join(
                f"h{horizon} {figure.ratio:+.3f}"
                for horizon, figure in one.skill.items()
                if figure.ratio is not None
            ),
        ]
        for one in found
    ]
    columns = [
        *("when", "run", "source", "split", "from", "to", "judged by", "labels", "seed"),
        "mean RankIC / its deviation",
    ]
    said = [
        f"{one['source']} ({one['exchange']}): {one['tries']} different settings judged"
        for one in counts
    ]
    return Answer(
        facts={
            "tries": counts,
            "trials": [
                {**asdict(one), "skill": {f"h{h}": asdict(f) for h, f in one.skill.items()}}
                for one in found
            ],
            "accounts": [asdict(one) for one in accounts],
        },
        parts=[
            *([table("evaluations", columns, rows), *said] if rows else ["nothing was judged yet"]),
            *([_accounts(accounts)] if accounts else []),
        ],
    )


def _accounts(accounts: Sequence[AccountTrial]) -> object:
    """Backtests with their ratios, a row each."""
    rows = [
        [
            *(one.at.date(), one.key, one.source, one.first, one.last, one.n, one.labels),
            *(None if ratio is None else f"{ratio:+.4f}" for ratio in (one.sharpe, one.excess)),
        ]
        for one in accounts
    ]
    columns = ["when", "backtest", "source", "from", "to", "sessions", "labels"]
    return table("accounts, net, a session", [*columns, "Sharpe ratio", "of the excess"], rows)
