"""Ranks across names, where no column has the same ranks already.

The training tensor holds every stock feature as its rank within the universe of the session, so the
plain rank of a feature of the dataset (``*_cs_rank``, ``*_cs_pct`` of the earlier system) would be
a copy of it. Declared here, one by one, are only ranks that no single column gives: how far a name
moved in a ranking, its mean place in many daily rankings, its place among the names of its sector,
and the mean or the difference of two rankings.

A rank is ``(rank - 0.5)/n - 0.5`` among the n members of the universe that have the value, ties
sharing one; values are rounded to `DECIMALS` and to float32 first, so that rounding of adjusted
prices parts no tie. Names outside the universe have none. A sector with fewer than `FEWEST_MEMBERS`
members with the value, or an unknown one, is ranked in the whole universe.

Left out on purpose: ranks of yesterday's values (a lag), flags of the top and bottom fifth
(thresholds of a rank), ranks in the sector of returns up to 60 sessions (``rel_to_sec_*``
order nearly the same).
"""

from __future__ import annotations

from functools import partial
from itertools import chain as joined
from types import MappingProxyType
from typing import Final

import numpy as np

from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Axis, Feature, FloatArray
from gogooku.features.bars.liquidity import LIQUIDITY
from gogooku.features.bars.price import PRICE
from gogooku.features.bars.volatility import VOLATILITY
from gogooku.features.company.statements import STATEMENTS
from gogooku.features.company.valuation import VALUATION
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.kernels import Values, chain
from gogooku.features.market.breadth import BREADTH
from gogooku.features.market.sector import FEWEST_MEMBERS

DECIMALS: Final = 9
"""Values that differ by less are equal."""

_rank = partial(Feature, group="ranks", axis=Axis.ACROSS, unit="rank")

_LOOKBACK: Final = MappingProxyType(
    {
        feature.name: feature.lookback
        for feature in joined(
            PRICE, VOLATILITY, LIQUIDITY, BREADTH, STATEMENTS, VALUATION
        )
    }
)  # fmt: skip


def _members(values_TN: FloatArray, x: Values) -> FloatArray:
    """Rounded values of universe members, NaN elsewhere."""
    return np.where(x["universe"] == 1.0, np.round(values_TN, DECIMALS), np.nan)


def _ranked(members_TN: FloatArray) -> FloatArray:
    """`centred_ranks` of the values as they are stored, float32: a third of the time, then exact.

    Ranks are multiples of a half, so the float32 ones are put back on them before the division.
    """
    fast = centred_ranks(members_TN.astype(np.float32)).astype(np.float64)
    count = np.maximum((~np.isnan(members_TN)).sum(axis=1, keepdims=True), 1).astype(np.float64)
    rank = np.rint(2.0 * ((fast + 0.5) * count + 0.5)) / 2.0
    return np.asarray((rank - 0.5) / count - 0.5)


def universe_rank(values_TN: FloatArray, x: Values) -> FloatArray:
    """Rank among the members of the universe, in -0.5 to 0.5; [T, N]."""
    return _ranked(_members(values_TN, x))


def sector_rank(values_TN: FloatArray, x: Values) -> FloatArray:
    """Rank among the members of the name's sector, in -0.5 to 0.5; see the module for few."""
    members, sector = _members(values_TN, x), x["sector"]
    out = _ranked(members)
    for kind in np.unique(sector[~np.isnan(sector)]):
        # only the names that are ever in it: all sectors together sort each name about once
        inside = sector == kind
        names = np.flatnonzero(inside.any(axis=0))
        own = np.where(inside[:, names], members[:, names], np.nan)
        known = ~np.isnan(own)
        known &= known.sum(axis=1, keepdims=True) >= FEWEST_MEMBERS
        out[:, names] = np.where(known, _ranked(own), out[:, names])
    return out


def _rank_change(x: Values, *, of: str, sessions: int) -> FloatArray:
    ranks = universe_rank(x[of], x)
    return ranks - k.shift(ranks, sessions)


def _mean_rank(x: Values, *, of: str, window: int) -> FloatArray:
    return k.rolling_mean(universe_rank(x[of], x), window)


def _rank_spread(x: Values, *, of: str, window: int) -> FloatArray:
    return m.rolling_sd(universe_rank(x[of], x), window)


def _in_sector(x: Values, *, of: str) -> FloatArray:
    return sector_rank(x[of], x)


def _rank_pair(x: Values, *, first: str, second: str, sign: float) -> FloatArray:
    return 0.5 * (universe_rank(x[first], x) + sign * universe_rank(x[second], x))


def _volume_less_move(x: Values) -> FloatArray:
    volume = universe_rank(x["volume_ratio_20"], x)
    return volume - universe_rank(np.abs(x["ret_prev_1d"]), x)


_CHANGES = tuple(
    _rank(
        name=name,
        inputs=(of, "universe"),
        compute=partial(_rank_change, of=of, sessions=sessions),
        lookback=chain(sessions + 1, _LOOKBACK[of]),
        window=sessions + 1,
        meaning=f"Rank of {of} less its rank {sessions} sessions ago: {what}.",
    )
    for name, of, sessions, what in (
        ("mom_20_rank_chg_20", "ret_prev_20d", 20, "did the winners of two months change places"),
        ("mom_120_rank_chg_20", "ret_prev_120d", 20, "rise in the ranking of half a year"),
        ("vol_20_rank_chg_20", "volatility_20d", 20, "became restless against the others"),
        ("vol_60_rank_chg_60", "volatility_60d", 60, "became restless over a quarter"),
        ("adv20_rank_chg_5", "adv20_log", 5, "attention gained in a week"),
        ("adv20_rank_chg_60", "adv20_log", 60, "attention gained in a quarter"),
        ("high_252_rank_chg_20", "dist_high_252", 20, "came nearer to the high than others did"),
        ("beta_uni_rank_chg_60", "beta_uni_60d", 60, "moved from quiet to market-driven"),
    )
)

_MEANS = (
    *(
        _rank(
            name=f"ret_rank_mean_{w}",
            inputs=("ret_prev_1d", "universe"),
            compute=partial(_mean_rank, of="ret_prev_1d", window=w),
            lookback=chain(w, _LOOKBACK["ret_prev_1d"]),
            window=w,
            meaning=f"Mean rank of the one-session return over {w} sessions: momentum to which no "
            "single session counts for much.",
        )
        for w in (20, 60)
    ),
    _rank(
        name="ret_rank_sd_60",
        inputs=("ret_prev_1d", "universe"),
        compute=partial(_rank_spread, of="ret_prev_1d", window=60),
        lookback=chain(60, _LOOKBACK["ret_prev_1d"]),
        window=60,
        meaning="Standard deviation of the rank of the one-session return over 60 sessions.",
    ),
    _rank(
        name="volume_rank_sd_60",
        inputs=("volume_ratio_20", "universe"),
        compute=partial(_rank_spread, of="volume_ratio_20", window=60),
        lookback=chain(60, _LOOKBACK["volume_ratio_20"]),
        window=60,
        meaning="Standard deviation of the rank of volume_ratio_20 over 60 sessions: attention "
        "comes in bursts.",
    ),
)

_SECTORS = tuple(
    _rank(
        name=f"{name}_rank_in_sec",
        inputs=(of, "universe", "sector"),
        compute=partial(_in_sector, of=of),
        lookback=_LOOKBACK[of],
        window=1,
        max_null_share=null_share,
        meaning=f"Rank of {of} within the sector: {what}.",
    )
    for name, of, null_share, what in (
        ("adv60", "adv60_log", 0.2, "leader or follower of its industry"),
        ("mom_252_21", "mom_252_21", 0.2, "winner of its industry"),
        ("high_252", "dist_high_252", 0.2, "nearness to the high, against peers"),
        ("amihud_60", "amihud_60", 0.2, "hard to trade for its industry"),
        ("op_margin", "fs_op_margin", 0.5, "margins compare within an industry only; null in the "
         "first year of documents"),
        ("roe", "fs_roe_ttm", 0.6, "profitable for its industry; null in the first year of "
         "documents"),
        ("equity_ratio", "fs_equity_ratio", 0.2, "cautious for its industry; null before the first "
         "results"),
        ("cfo_margin", "fs_ttm_cfo_margin", 0.5, "earns cash for its industry; null in the first "
         "year of documents"),
    )
)  # fmt: skip

_PAIRS = (
    _rank(
        name="volume_less_move_rank",
        inputs=("volume_ratio_20", "ret_prev_1d", "universe"),
        compute=_volume_less_move,
        lookback=max(_LOOKBACK["volume_ratio_20"], _LOOKBACK["ret_prev_1d"]),
        window=1,
        meaning="Rank of volume_ratio_20 less rank of the size of the return: much trading that "
        "moved little.",
    ),
    _rank(
        name="value_mom_rank",
        inputs=("val_book_to_price", "mom_252_21", "universe"),
        compute=partial(_rank_pair, first="val_book_to_price", second="mom_252_21", sign=1.0),
        lookback=max(_LOOKBACK["val_book_to_price"], _LOOKBACK["mom_252_21"]),
        window=1,
        meaning="Mean rank of val_book_to_price and mom_252_21 (Asness, Moskowitz & Pedersen "
        "2013); null for names without documents.",
    ),
    _rank(
        name="magic_formula_rank",
        inputs=("val_earnings_yield", "fs_roa_ttm", "universe"),
        compute=partial(_rank_pair, first="val_earnings_yield", second="fs_roa_ttm", sign=1.0),
        lookback=max(_LOOKBACK["val_earnings_yield"], _LOOKBACK["fs_roa_ttm"]),
        window=1,
        max_null_share=0.6,
        meaning="Mean rank of val_earnings_yield and fs_roa_ttm (Greenblatt 2005); null for names "
        "without documents.",
    ),
    _rank(
        name="forecast_less_price_rank",
        inputs=("stmt_rev_fore_op_year", "ret_prev_60d", "universe"),
        compute=partial(
            _rank_pair, first="stmt_rev_fore_op_year", second="ret_prev_60d", sign=-1.0
        ),
        lookback=max(_LOOKBACK["stmt_rev_fore_op_year"], _LOOKBACK["ret_prev_60d"]),
        window=1,
        max_null_share=0.4,
        meaning="Half of rank of stmt_rev_fore_op_year less rank of ret_prev_60d: the forecast "
        "rose, the price did not follow; null without a forecast.",
    ),
)

RANKS: Final[tuple[Feature, ...]] = (*_CHANGES, *_MEANS, *_SECTORS, *_PAIRS)
