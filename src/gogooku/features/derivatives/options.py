"""Options on the Nikkei 225: what the market pays for insurance, where, and how far ahead.

The base columns are those of `gogooku.features.derivatives.option_chain`: contracts out of the
money only.

Left out on purpose: medians over all strikes (they mix contracts in the money in), sums in
contracts or yen, ``idxopt_*`` copies, the theoretical price, which repeats the volatility,
``opt_iv_cmat_60d``, the sum of ``opt_iv_cmat_30d`` and ``opt_term_slope_30_60``, and sessions to
the special quotation (`days_to_sq` says it without the chain).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.types import Axis, Feature, Role
from gogooku.features.derivatives.option_chain import AT_MONEY, SERIES, make_options
from gogooku.features.engine.combinators import (
    Expression,
    change,
    col,
    declared,
    log,
    mean,
    ratio,
    z,
)
from gogooku.features.engine.inputs import InputTable, published

_option = partial(declared, group="options", role=Role.MARKET, axis=Axis.ACROSS, max_null_share=0.5)
"""Implied volatilities, underlying and settlement prices are delivered from 2016-07-19 on."""
_shown = partial(published, group="options", role=Role.MARKET, axis=Axis.ACROSS, max_null_share=0.5)

_MOVED: Final = "contracts that expire or change sides of the underlying move it"
_OUTSIDE: Final = f"out of the money; {_MOVED}"

_AT_MONEY: Final = col(AT_MONEY)
_INDEX_STEP: Final = change(log(col("mkt_close")), 1)
_VARIANCE: Final = SESSIONS_PER_YEAR * mean(_INDEX_STEP * _INDEX_STEP, 20)
_REALISED: Final = col("_opt_realised_20", _VARIANCE.lookback)


def _reversal(far: int, days: int) -> Expression:
    """Volatility of the put so many % below less that of the call as far above."""
    return col(f"io_iv_put{far}_{days}") - col(f"io_iv_call{far}_{days}")


_HIDDEN = (
    *(
        _option(
            f"_opt_{of}_log",
            log(col(f"io_put_{of}") + col(f"io_call_{of}")),
            "log",
            f"Log {what} of contracts out of the money.",
            max_null_share=1.0,
        )
        for of, what in (("oi", "open interest"), ("volume", "volume"))
    ),
    _option(
        "_opt_realised_20",
        _VARIANCE,
        "ratio",
        "Mean squared log return of the index over 20 sessions, a year.",
        max_null_share=1.0,
    ),
)

_LEVELS = (
    _shown(
        "opt_iv_cmat_30d",
        "ratio",
        "Implied volatility at the money, 30 calendar days ahead, a year.",
    ),
    _option(
        "opt_term_slope_30_60",
        col("io_iv_atm_60") - _AT_MONEY,
        "ratio",
        "Implied volatility at the money of 60 days less that of 30.",
    ),
    *(
        _option(
            f"opt_skew_{far}pct",
            col(f"io_iv_put{far}_30") - _AT_MONEY,
            "ratio",
            f"Volatility of the put {far} % below the underlying less that at the money, 30 days.",
        )
        for far in (5, 10)
    ),
    *(
        _option(
            f"opt_rr_{far}pct",
            _reversal(far, 30),
            "ratio",
            f"Volatility of the put {far} % below less that of the call {far} % above, 30 days.",
        )
        for far in (5, 10)
    ),
    _option(
        "opt_fly_10pct",
        0.5 * (col("io_iv_put10_30") + col("io_iv_call10_30")) - _AT_MONEY,
        "ratio",
        "Mean volatility 10 % out of the money on both sides less that at the money.",
    ),
    _option(
        "opt_rr_term_5pct",
        _reversal(5, 60) - _reversal(5, 30),
        "ratio",
        "opt_rr_5pct of 60 days less that of 30.",
    ),
    _shown(
        "opt_smile_width",
        "ratio",
        "Standard deviation of the volatilities of the near month within 10 %.",
    ),
)

_POSITIONS = (
    _option(
        "opt_oi_put_call_ratio",
        log(ratio(col("io_near_put_oi"), col("io_near_call_oi"))),
        "log",
        "Log open interest of puts over calls, near month, up to 10 % out of the money.",
    ),
    _option(
        "opt_pc_oi_ratio",
        log(ratio(col("io_put_oi"), col("io_call_oi"))),
        "log",
        f"Log open interest of puts over calls, all months, {_OUTSIDE}.",
    ),
    _option(
        "opt_pc_vol_ratio",
        log(ratio(col("io_put_volume"), col("io_call_volume"))),
        "log",
        f"Log volume of puts over calls, all months, {_OUTSIDE}.",
    ),
    _option(
        "opt_vol_oi_ratio",
        col("_opt_volume_log") - col("_opt_oi_log"),
        "log",
        "Log volume over open interest, all months, out of the money.",
    ),
    _shown(
        "opt_near_volume_share", "share", "Share of the near month in the volume out of the money."
    ),
    *(
        _shown(
            f"opt_oi_{side}_distance",
            "log",
            f"Mean log strike over underlying of {side}s out of the money, by open interest.",
        )
        for side in ("put", "call")
    ),
    _shown(
        "opt_night_jump",
        "return",
        "Night closes of near options within 5 % of the money, puts and calls, over their "
        "settlement before; null below 4 that traded at night.",
    ),
)

_CHANGES = (
    *(
        _option(
            f"opt_iv_chg_{h}d",
            change(log(_AT_MONEY), h),
            "log",
            f"Change of log opt_iv_cmat_30d over {h} sessions.",
        )
        for h in (1, 5)
    ),
    *(
        _option(name, change(col(of), 5), unit, f"Change of {what} over 5 sessions{more}.")
        for name, of, what, unit, more in (
            ("opt_skew_chg_5d", "opt_skew_5pct", "opt_skew_5pct", "ratio", ""),
            ("opt_term_slope_chg_5d", "opt_term_slope_30_60", "the term slope", "ratio", ""),
            (
                "opt_pc_oi_chg_5d",
                "opt_pc_oi_ratio",
                "opt_pc_oi_ratio, of contracts out of the money,",
                "log",
                f"; {_MOVED}",
            ),
            (
                "opt_oi_chg_5d",
                "_opt_oi_log",
                "log open interest, all months, out of the money,",
                "log",
                f"; {_MOVED}",
            ),
        )
    ),
    *(
        _option(
            name,
            z(col(of), 60),
            "z",
            f"{what} against its mean and spread of 60 sessions, within +-10.",
        )
        for name, of, what in (
            ("opt_iv_z_60", "opt_iv_cmat_30d", "opt_iv_cmat_30d"),
            ("opt_rr_z_60", "opt_rr_5pct", "opt_rr_5pct"),
            ("opt_pc_vol_z_60", "opt_pc_vol_ratio", "opt_pc_vol_ratio"),
            ("opt_volume_z_60", "_opt_volume_log", "Log volume, all months, out of the money,"),
        )
    ),
    _option(
        "opt_vrp_20",
        _AT_MONEY * _AT_MONEY - _REALISED,
        "ratio",
        "Implied variance of 30 days less realised variance of the index over 20 sessions "
        "(Bollerslev, Tauchen & Zhou 2009).",
    ),
    _option(
        "opt_vrp_log_20",
        0.5 * log(ratio(_AT_MONEY * _AT_MONEY, _REALISED)),
        "log",
        "Log of implied over realised volatility of the index.",
    ),
    _option(
        "opt_vrp_z_60",
        z(col("opt_vrp_20", _REALISED.lookback), 60),
        "z",
        "opt_vrp_20 against its mean and spread of 60 sessions, within +-10.",
    ),
)

OPTIONS: Final[tuple[Feature, ...]] = (*_HIDDEN, *_LEVELS, *_POSITIONS, *_CHANGES)
OPTIONS_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("index_options",), stock={}, market=SERIES, make=make_options, features=OPTIONS
    ),
)
