"""What a name costs: earnings, book value and market value as the vendor reckons them.

The vendor gives one row per name and session, known at the next one; per-share values are brought
to the forward basis of `close`, so yields use today's price with yesterday's knowledge of earnings.
Past return on equity is in `gogooku.features.company.statements`; the vendor's own price multiples
are the same yields at yesterday's price and are not repeated.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gogooku.core.types import Axis, Feature, FloatArray
from gogooku.features.company.quarters import CLIP, growth
from gogooku.features.engine.chains import first_day, standing
from gogooku.features.engine.combinators import (
    change,
    clipped,
    col,
    declared,
    filled,
    log,
    mean,
    over,
    ratio,
    z,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import CLOSE, STALE_LIMIT
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.sector import excess

YEAR: Final = 250

_PER_SHARE: Final = {
    "val_eps": "eps_yen",
    "val_forward_eps": "forward_eps_yen",
    "val_bps": "bps_yen",
}
_WHOLE: Final = {
    "val_forward_return_on_equity": "forward_roe_ratio",
    "val_market_cap": "market_cap_yen",
}


def _make_valuation(tables: Tables, timeline: Timeline) -> Made:
    columns = ("code", *_PER_SHARE.values(), *_WHOLE.values())
    rows = tables.read("valuation", columns, since=first_day(timeline, days=0))
    placed = timeline.place(rows)
    state = standing(timeline, placed, sessions=STALE_LIMIT)
    basis = timeline.share_basis(placed)

    def column(name: str, *, basis: FloatArray | None = None) -> FloatArray:
        values = placed.values(name)
        return state.show(values if basis is None else values / basis)

    return Lazy(
        {name: partial(column, of, basis=basis) for name, of in _PER_SHARE.items()}
        | {name: partial(column, of) for name, of in _WHOLE.items()}
    )


VALUATION_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("valuation",),
        stock={
            "val_eps": "yen per share, forward basis: profit of the last twelve months",
            "val_forward_eps": "yen per share, forward basis: the company's forecast",
            "val_bps": "yen per share, forward basis: book value",
            "val_forward_return_on_equity": "ratio: the company's forecast",
            "val_market_cap": "yen",
        },
        market={},
        make=_make_valuation,
    ),
)
"""Null where the newest row became known more than `STALE_LIMIT` sessions ago, or describes a day
more than `gogooku.features.engine.chains.OLDEST_DAYS` back."""


# ------------------------------------------------------------------------------------ features

_NULLS = "null for names without documents."

_valuation = partial(declared, group="valuation")
_CLOSE: Final = filled(col("close"))

_NO_FORECAST: Final = 0.4
"""Null share where the company's forecast is needed: not every one gives it, fewer in 2020."""


def _null_share(of: str) -> float:
    return _NO_FORECAST if "forward" in of else 0.2


_YIELDS = tuple(
    _valuation(
        name,
        clipped(ratio(col(of), _CLOSE), CLIP),
        "ratio",
        f"{words} per share over the last known close; {_NULLS}",
        max_null_share=_null_share(of),
    )
    for name, of, words in (
        ("val_earnings_yield", "val_eps", "Profit of the last twelve months"),
        ("val_forward_earnings_yield", "val_forward_eps", "The company's forecast of profit"),
        ("val_book_to_price", "val_bps", "Book value"),
    )
)

_LEVELS = (
    _valuation(
        "val_log_market_cap",
        log(col("val_market_cap")),
        "log",
        f"Log of the market value in yen of the session before; {_NULLS}",
    ),
    _valuation(
        "val_turnover_to_market_cap",
        log(ratio(mean(col("turnover"), 20), col("val_market_cap"))),
        "log",
        f"Log of the mean traded value of 20 sessions over the market value; {_NULLS}",
    ),
    _valuation(
        "val_forward_roe",
        clipped(col("val_forward_return_on_equity"), CLIP),
        "ratio",
        f"Return on equity of the company's forecast, by the vendor; {_NULLS}",
        max_null_share=_NO_FORECAST,
    ),
)

_CHANGES = (
    _valuation(
        "val_forward_growth",
        clipped(over(growth, col("val_forward_eps"), col("val_eps")), CLIP),
        "ratio",
        f"Forecast of profit per share against the last twelve months'; {_NULLS}",
        max_null_share=_NO_FORECAST,
    ),
    *(
        _valuation(
            f"val_forward_eps_change_{w}",
            clipped(ratio(change(col("val_forward_eps"), w), _CLOSE), CLIP),
            "ratio",
            f"Change of the forecast profit per share in {w} sessions over the last known "
            f"close; {_NULLS}",
            max_null_share=_NO_FORECAST,
        )
        for w in (20, 60)
    ),
    *(
        _valuation(
            f"{of}_z_{YEAR}",
            z(col(of, CLOSE), YEAR),
            "z",
            f"{words} against its own {YEAR} sessions, clipped at 10; {_NULLS}",
            max_null_share=_null_share(of),
        )
        for of, words in (
            ("val_forward_earnings_yield", "Forward earnings yield"),
            ("val_book_to_price", "Book to price"),
        )
    ),
    *(
        _valuation(
            f"{of}_sec_gap",
            excess(col(of, CLOSE)),
            "ratio",
            f"{words} less the mean of the sector; {_NULLS}",
            axis=Axis.ACROSS,
            max_null_share=_null_share(of),
        )
        for of, words in (
            ("val_forward_earnings_yield", "Forward earnings yield"),
            ("val_book_to_price", "Book to price"),
        )
    ),
)

VALUATION: Final[tuple[Feature, ...]] = (*_YIELDS, *_LEVELS, *_CHANGES)
"""All features of the group."""
