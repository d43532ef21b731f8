"""What a name costs: earnings, book value and market value as the vendor reckons them.

The vendor gives one row per name and session, known at the next one; per-share values are brought
to the forward basis of `close`, so yields use today's price with yesterday's knowledge of earnings.
Past return on equity is in `gogooku.features.company.statements`; the vendor's own price multiples
are the same yields at yesterday's price and are not repeated.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray
from gogooku.features.company.quarters import CLIP, growth
from gogooku.features.engine import kernels as k
from gogooku.features.engine.chains import first_day, standing
from gogooku.features.engine.combinators import clipped, col, declared, log, z
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import CLOSE, STALE_LIMIT, Values
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.sector import sector_mean

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


VALUATION_INPUTS: Final = (
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

_valuation = partial(Feature, group="valuation")
_valuation_of = partial(declared, group="valuation")

_NO_FORECAST: Final = 0.4
"""Null share where the company's forecast is needed: not every one gives it, fewer in 2020."""


def _null_share(of: str) -> float:
    return _NO_FORECAST if "forward" in of else 0.2


def _clipped_yield(x: Values, *, of: str) -> FloatArray:
    return np.clip(k.ratio(x[of], k.forward_fill(x["close"])), -CLIP, CLIP)


def _forecast_growth(x: Values) -> FloatArray:
    return np.clip(growth(x["val_forward_eps"], x["val_eps"]), -CLIP, CLIP)


def _forecast_change(x: Values, *, sessions: int) -> FloatArray:
    change = x["val_forward_eps"] - k.shift(x["val_forward_eps"], sessions)
    return np.clip(k.ratio(change, k.forward_fill(x["close"])), -CLIP, CLIP)


def _against_sector(x: Values, *, of: str) -> FloatArray:
    return x[of] - sector_mean(x[of], x["sector"], x["universe"])


def _turnover_to_value(x: Values) -> FloatArray:
    traded = k.rolling_mean(x["turnover"], 20)
    return k.log_positive(k.ratio(traded, x["val_market_cap"]))


_YIELDS = tuple(
    _valuation(
        name=name,
        inputs=(of, "close"),
        compute=partial(_clipped_yield, of=of),
        lookback=CLOSE,
        unit="ratio",
        max_null_share=_null_share(of),
        meaning=f"{words} per share over the last known close; {_NULLS}",
    )
    for name, of, words in (
        ("val_earnings_yield", "val_eps", "Profit of the last twelve months"),
        ("val_forward_earnings_yield", "val_forward_eps", "The company's forecast of profit"),
        ("val_book_to_price", "val_bps", "Book value"),
    )
)

_LEVELS = (
    _valuation_of(
        "val_log_market_cap",
        log(col("val_market_cap")),
        "log",
        f"Log of the market value in yen of the session before; {_NULLS}",
    ),
    _valuation(
        name="val_turnover_to_market_cap",
        inputs=("turnover", "val_market_cap"),
        compute=_turnover_to_value,
        lookback=20,
        unit="log",
        meaning=f"Log of the mean traded value of 20 sessions over the market value; {_NULLS}",
    ),
    _valuation_of(
        "val_forward_roe",
        clipped(col("val_forward_return_on_equity"), CLIP),
        "ratio",
        f"Return on equity of the company's forecast, by the vendor; {_NULLS}",
        max_null_share=_NO_FORECAST,
    ),
)

_CHANGES = (
    _valuation(
        name="val_forward_growth",
        inputs=("val_forward_eps", "val_eps"),
        compute=_forecast_growth,
        lookback=1,
        unit="ratio",
        max_null_share=_NO_FORECAST,
        meaning=f"Forecast of profit per share against the last twelve months'; {_NULLS}",
    ),
    *(
        _valuation(
            name=f"val_forward_eps_change_{w}",
            inputs=("val_forward_eps", "close"),
            compute=partial(_forecast_change, sessions=w),
            lookback=max(w + 1, CLOSE),
            unit="ratio",
            max_null_share=_NO_FORECAST,
            meaning=f"Change of the forecast profit per share in {w} sessions over the last known "
            f"close; {_NULLS}",
        )
        for w in (20, 60)
    ),
    *(
        _valuation_of(
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
            name=f"{of}_sec_gap",
            inputs=(of, "sector", "universe"),
            compute=partial(_against_sector, of=of),
            lookback=CLOSE,
            axis=Axis.ACROSS,
            unit="ratio",
            max_null_share=_null_share(of),
            meaning=f"{words} less the mean of the sector; {_NULLS}",
        )
        for of, words in (
            ("val_forward_earnings_yield", "Forward earnings yield"),
            ("val_book_to_price", "Book to price"),
        )
    ),
)

VALUATION: Final[tuple[Feature, ...]] = (*_YIELDS, *_LEVELS, *_CHANGES)
"""All features of the group."""
