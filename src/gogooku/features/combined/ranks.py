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
from typing import Final

import numpy as np

from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Axis, Feature, FloatArray
from gogooku.features.bars.liquidity import LIQUIDITY
from gogooku.features.bars.price import PRICE
from gogooku.features.bars.volatility import VOLATILITY
from gogooku.features.company.statements import STATEMENTS
from gogooku.features.company.valuation import VALUATION
from gogooku.features.engine.combinators import (
    Expression,
    change,
    col,
    columns_of,
    declared,
    mean,
    over,
    sd,
    size,
)
from gogooku.features.engine.groups import FEWEST_MEMBERS
from gogooku.features.market.breadth import BREADTH

DECIMALS: Final = 9
"""Values that differ by less are equal."""

_rank = partial(declared, unit="rank", group="ranks", axis=Axis.ACROSS)
_UNIVERSE = col("universe")

_of: Final = columns_of(joined(PRICE, VOLATILITY, LIQUIDITY, BREADTH, STATEMENTS, VALUATION))


def _members(values_TN: FloatArray, universe_TN: FloatArray) -> FloatArray:
    """Rounded values of universe members, NaN elsewhere."""
    return np.where(universe_TN == 1.0, np.round(values_TN, DECIMALS), np.nan)


def _ranked(members_TN: FloatArray) -> FloatArray:
    """`centred_ranks` of the values as they are stored, float32: a third of the time, then exact.

    Ranks are multiples of a half, so the float32 ones are put back on them before the division.
    """
    fast = centred_ranks(members_TN.astype(np.float32)).astype(np.float64)
    count = np.maximum((~np.isnan(members_TN)).sum(axis=1, keepdims=True), 1).astype(np.float64)
    rank = np.rint(2.0 * ((fast + 0.5) * count + 0.5)) / 2.0
    return np.asarray((rank - 0.5) / count - 0.5)


def universe_rank(values_TN: FloatArray, universe_TN: FloatArray) -> FloatArray:
    """Rank among the members of the universe, in -0.5 to 0.5; [T, N]."""
    return _ranked(_members(values_TN, universe_TN))


def sector_rank(
    values_TN: FloatArray, universe_TN: FloatArray, sector_TN: FloatArray
) -> FloatArray:
    """Rank among the members of the name's sector, in -0.5 to 0.5; see the module for few."""
    members = _members(values_TN, universe_TN)
    out = _ranked(members)
    for kind in np.unique(sector_TN[~np.isnan(sector_TN)]):
        # only the names that are ever in it: all sectors together sort each name about once
        inside = sector_TN == kind
        names = np.flatnonzero(inside.any(axis=0))
        own = np.where(inside[:, names], members[:, names], np.nan)
        known = ~np.isnan(own)
        known &= known.sum(axis=1, keepdims=True) >= FEWEST_MEMBERS
        out[:, names] = np.where(known, _ranked(own), out[:, names])
    return out


def _rank_of(name: str) -> Expression:
    """Rank of a feature within the universe."""
    return over(universe_rank, _of(name), _UNIVERSE)


def _both(one: FloatArray, two: FloatArray, universe_TN: FloatArray) -> FloatArray:
    return 0.5 * (universe_rank(one, universe_TN) + universe_rank(two, universe_TN))


def _apart(one: FloatArray, two: FloatArray, universe_TN: FloatArray) -> FloatArray:
    return universe_rank(one, universe_TN) - universe_rank(two, universe_TN)


_CHANGES = tuple(
    _rank(
        name,
        change(_rank_of(of), sessions),
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
            f"ret_rank_mean_{w}",
            mean(_rank_of("ret_prev_1d"), w),
            meaning=f"Mean rank of the one-session return over {w} sessions: momentum to which no "
            "single session counts for much.",
        )
        for w in (20, 60)
    ),
    _rank(
        "ret_rank_sd_60",
        sd(_rank_of("ret_prev_1d"), 60),
        meaning="Standard deviation of the rank of the one-session return over 60 sessions.",
    ),
    _rank(
        "volume_rank_sd_60",
        sd(_rank_of("volume_ratio_20"), 60),
        meaning="Standard deviation of the rank of volume_ratio_20 over 60 sessions: attention "
        "comes in bursts.",
    ),
)

_SECTORS = tuple(
    _rank(
        f"{name}_rank_in_sec",
        over(sector_rank, _of(of), _UNIVERSE, col("sector")),
        meaning=f"Rank of {of} within the sector: {what}.",
        max_null_share=null_share,
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
        "volume_less_move_rank",
        over(_apart, _of("volume_ratio_20"), size(_of("ret_prev_1d")), _UNIVERSE),
        meaning="Rank of volume_ratio_20 less rank of the size of the return: much trading that "
        "moved little.",
    ),
    _rank(
        "value_mom_rank",
        over(_both, _of("val_book_to_price"), _of("mom_252_21"), _UNIVERSE),
        meaning="Mean rank of val_book_to_price and mom_252_21 (Asness, Moskowitz & Pedersen "
        "2013); null for names without documents.",
    ),
    _rank(
        "magic_formula_rank",
        over(_both, _of("val_earnings_yield"), _of("fs_roa_ttm"), _UNIVERSE),
        meaning="Mean rank of val_earnings_yield and fs_roa_ttm (Greenblatt 2005); null for names "
        "without documents.",
        max_null_share=0.6,
    ),
    _rank(
        "forecast_less_price_rank",
        0.5 * over(_apart, _of("stmt_rev_fore_op_year"), _of("ret_prev_60d"), _UNIVERSE),
        meaning="Half of rank of stmt_rev_fore_op_year less rank of ret_prev_60d: the forecast "
        "rose, the price did not follow; null without a forecast.",
        max_null_share=0.4,
    ),
)

RANKS: Final[tuple[Feature, ...]] = (*_CHANGES, *_MEANS, *_SECTORS, *_PAIRS)
