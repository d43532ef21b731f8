"""Futures on TOPIX and on the Nikkei 225: the night, the basis, the carry and who holds what.

The base columns are those of `gogooku.features.derivatives.future_chain`.

Left out on purpose: whole-day returns (the index's own, a session late), the four quadrants of
price and open interest (`fut_price_oi_5_topixf` is one number for them), night and day returns of
the Nikkei (the index moves as TOPIX does: they enter as the difference), z-scores of the night
return and of the basis (nearly their ranks), mini and micro contracts, sessions to the special
quotation (`days_to_large_sq` says it without the list of contracts).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gogooku.core.types import Axis, Feature, Role
from gogooku.features.derivatives.future_chain import PRODUCTS, SERIES, make_basis, make_futures
from gogooku.features.engine.combinators import (
    change,
    col,
    declared,
    log,
    mean,
    ratio,
    sign,
    total,
    z,
)
from gogooku.features.engine.inputs import InputTable, published
from gogooku.features.engine.kernels import FLAT

_future = partial(declared, group="futures", role=Role.MARKET, axis=Axis.ACROSS)
_shown = partial(published, group="futures", role=Role.MARKET, axis=Axis.ACROSS)

_INTEREST: Final = {"topixf": col("fut_oi_chg_1d_topixf"), "nk225f": col("fu_nk225f_oi_chg")}
"""Log change of open interest of each product."""

_NIGHT, _DAY = (
    mean(col(f"fut_{part}_ret_topixf") * col(f"fut_{part}_ret_topixf"), 20)
    for part in ("on", "day")
)
"""Mean squared return of the night and of the day of 20 sessions."""

_HIDDEN = (
    *(
        _future(
            f"_fut_volume_log_{short}",
            log(col(f"fu_{short}_volume")),
            "log",
            f"Log volume of {product} futures.",
            max_null_share=1.0,
        )
        for short, product in PRODUCTS.items()
    ),
)

_PRICES = (
    _shown(
        "fut_on_ret_topixf", "return", "Night close of the TOPIX future over the settlement before."
    ),
    _shown(
        "fut_on_range_topixf", "log", "Log high over low of the night session of the TOPIX future."
    ),
    _shown(
        "fut_day_ret_topixf", "return", "Close over open of the day session of the TOPIX future."
    ),
    *(
        _future(
            f"fut_nt_{part}_ret",
            col(f"fu_nk225f_{of}_ret") - col(f"fut_{part}_ret_topixf"),
            "return",
            f"Return of the {of} session of the Nikkei future less that of TOPIX.",
        )
        for part, of in (("on", "night"), ("day", "day"))
    ),
    _future(
        "fut_on_share_20_topixf",
        ratio(_NIGHT, _NIGHT + _DAY, floor=FLAT**2),
        "share",
        "Share of the night in the squared returns of 20 sessions, night and day.",
    ),
)

_CARRY = (
    *(
        _shown(
            f"fut_basis_{short}",
            "log",
            f"Log settlement of the {product} future over its index.",
            max_null_share=0.5 if short == "nk225f" else 0.2,
        )
        for short, product in PRODUCTS.items()
    ),
    *(
        _shown(
            f"fut_term_slope_{short}",
            "log",
            f"Log price of the next {product} future over the central one, a year.",
        )
        for short, product in PRODUCTS.items()
    ),
    _shown(
        "fut_carry_ann_topixf",
        "log",
        "fut_basis_topixf a year of the days to the special quotation, at least 7 days.",
    ),
    _future(
        "fut_basis_chg_5d_topixf",
        change(col("fut_basis_topixf"), 5),
        "log",
        "Change of fut_basis_topixf over 5 sessions.",
    ),
)

_POSITIONS = (
    _shown(
        "fut_oi_chg_1d_topixf",
        "log",
        "Log change of open interest of TOPIX futures listed on both dates.",
    ),
    *(
        _future(
            f"fut_oi_chg_5d_{short}",
            total(_INTEREST[short], 5),
            "log",
            f"Sum of 5 daily log changes of open interest of {product} futures, contract "
            "by contract.",
        )
        for short, product in PRODUCTS.items()
    ),
    *(
        _future(
            f"fut_vol_z60_{short}",
            z(col(f"_fut_volume_log_{short}"), 60),
            "z",
            f"Log volume of {product} futures against mean and spread of 60 sessions.",
        )
        for short, product in PRODUCTS.items()
    ),
    _future(
        "fut_vol_oi_ratio_topixf",
        log(ratio(col("fu_topixf_volume"), col("fu_topixf_oi"))),
        "log",
        "Log volume over open interest of TOPIX futures.",
    ),
    _future(
        "fut_nt_vol_ratio",
        col("_fut_volume_log_nk225f") - col("_fut_volume_log_topixf"),
        "log",
        "Log contracts traded of Nikkei over TOPIX futures.",
    ),
    _shown(
        "fut_next_oi_share_topixf",
        "share",
        "Share of the next contract in its and the central one's open interest.",
    ),
    *(
        _future(
            f"fut_price_oi_5_{short}",
            total(sign(col(f"fu_{short}_settle_ret")) * _INTEREST[short], 5),
            "log",
            f"Sum over 5 sessions of open interest changes of {product} futures, signed by "
            "the price: positive when positions are opened with the move.",
        )
        for short, product in PRODUCTS.items()
    ),
)

FUTURES: Final[tuple[Feature, ...]] = (*_HIDDEN, *_PRICES, *_CARRY, *_POSITIONS)
_BASIS: Final = ("fut_basis_topixf", "fut_carry_ann_topixf", "fut_basis_nk225f")
FUTURES_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("futures",),
        stock={},
        market=SERIES,
        make=make_futures,
        features=tuple(f for f in FUTURES if f.name not in _BASIS),
    ),
    *(
        InputTable(
            tables=("futures", spots),
            stock={},
            market={},
            make=partial(make_basis, short=short),
            features=tuple(f for f in FUTURES if f.name in _BASIS and short in f.name),
        )
        for short, spots in (("topixf", "topix"), ("nk225f", "index_options"))
    ),
)
