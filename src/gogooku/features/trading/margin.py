"""Margin balances of every name: how large, which way they move, what is usual for the name.

One definition for both eras. Until applications of 2026-09-24 there is one balance a week, from
2026-09-25 one a session. Every observation is compared with the one whose application date is
nearest to seven days before its own (of 5 to 16 days; of two equally near the older), and one-step
changes are scaled to seven days. Windows over "weeks" follow these steps, so a window of 52 holds
52 observations about a week apart in both eras, whatever weekday it ends on; an era is never named.

A balance stands until the next one, at most 20 sessions after it became known and `OLDEST_DAYS` of
`gogooku.features.engine.chains` after its application date. Shares are on the forward basis of
splits. Names of the earlier system that are not repeated: `margin_credit_ratio` (same ranks as
`margin_imbalance`), `margin_neg_share_*` (one less `margin_std_share_*`), `margin_days_since` and
`margin_impulse` (the same for all names, and constant in the daily era), `margin_issue_type`
(`is_borrowable`). `ratio_z52` is `margin_imbalance_z52`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.chains import (
    Chain,
    chained,
    first_day,
    relative_change,
    shown,
    standardised,
    standing,
)
from gogooku.features.engine.combinators import (
    Expression,
    col,
    declared,
    known,
    mean,
    over,
    ratio,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.kernels import Values
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.breadth import FEWEST_MEMBERS

WEEK_DAYS: Final = (7, 8, 6, 9, 5, *range(10, 17))
"""Days between an observation and the one it is compared with, the preferred first. A week of at
most two sessions has no balances, so the step over it is two weeks: at most 16 days."""
STANDING_SESSIONS: Final = k.STALE_LIMIT
_STEPS: Final = 52
"""Rows of the longest window."""
SIDES: Final = ("long", "short")

_STOCK: Final = {
    **{f"mi_{s}_shares": f"{s} balance, forward-basis shares" for s in SIDES},
    **{f"mi_{s}_change_shares": f"change of the {s} balance per 7 days, shares" for s in SIDES},
}


def imbalance(long: FloatArray, short: FloatArray) -> FloatArray:
    """Long less short over their sum."""
    return k.ratio(long - short, long + short)


def _balance_side(rows: Values, *, side: str, chain: Chain) -> dict[str, FloatArray]:
    """Base columns of one side, per row."""
    shares, share = rows[side], k.ratio(rows[f"{side}_standardized"], rows[side])
    per_week = 7.0 / chain.days
    before = chain.before(shares)
    change = relative_change(shares, before) * per_week
    usual, variance = chain.mean_var(change, 26)
    return {
        f"mi_{side}_shares": shares,
        f"mi_{side}_change_shares": (shares - before) * per_week,
        f"margin_d_{side}_wow": change,
        f"margin_std_share_{side}": share,
        f"margin_d_std_share_{side}_wow": (share - chain.before(share)) * per_week,
        f"margin_d_{side}_13w": relative_change(shares, chain.before(shares, 13)),
        f"margin_{side}_z52": chain.zscore(shares, 52),
        f"margin_d_{side}_z26": standardised(change, usual, variance),
        f"margin_{side}_vol26": k.root(variance),
    }


def make_margin(tables: Tables, timeline: Timeline) -> Made:
    """Base columns of the table ``margin_interest``; [T, N]."""
    parts = [f"{side}{part}" for side in SIDES for part in ("", "_standardized")]
    columns = ["code", *(f"{part}_shares" for part in parts)]
    since = first_day(timeline, days=_STEPS * max(WEEK_DAYS))
    placed = timeline.place(tables.read("margin_interest", columns, since=since))
    state = standing(timeline, placed, sessions=STANDING_SESSIONS)
    chain = chained(placed, WEEK_DAYS, asked=state.rows, steps=_STEPS)
    basis = timeline.share_basis(placed)
    rows = {part: (placed.values(f"{part}_shares") * basis)[chain.rows] for part in parts}
    long, short = rows["long"], rows["short"]
    level, gross = imbalance(long, short), long + short
    made = {
        **_balance_side(rows, side="long", chain=chain),
        **_balance_side(rows, side="short", chain=chain),
        "margin_d_imbalance_wow": (level - chain.before(level)) * (7.0 / chain.days),
        "margin_d_imbalance_13w": level - chain.before(level, 13),
        "margin_imbalance_z52": chain.zscore(level, 52),
        "margin_gross_mom4": k.log_positive(k.ratio(gross, chain.mean_var(gross, 4)[0])),
    }
    return shown(made, state.along(chain))


# ----------------------------------------------------------------------------------- features

_margin = partial(declared, group="margin", max_null_share=0.3)
"""Balances are delivered from 2012-02-10 on."""
_shown = partial(published, group="margin", max_null_share=0.3)


ADV: Final = col("_margin_adv20", 20)
"""Mean adjusted volume of 20 sessions, the scale of balances."""
_LONG, _SHORT = (col(f"mi_{side}_shares") for side in SIDES)


def _share_at_prices(
    whole: FloatArray, part: FloatArray, close: FloatArray, universe: FloatArray
) -> FloatArray:
    """Sum of a part over that of the whole, at current prices, of universe members; [T]."""
    top, bottom = part * close, whole * close
    member = (universe == 1.0) & ~np.isnan(top) & ~np.isnan(bottom)
    total = np.where(member, bottom, 0.0).sum(axis=1)
    total[member.sum(axis=1) < FEWEST_MEMBERS] = np.nan
    return k.ratio(np.where(member, top, 0.0).sum(axis=1), total)


def _at_prices(whole: Expression, part: Expression) -> Expression:
    return over(_share_at_prices, whole, part, col("close"), col("universe"))


_WARM_UP = "null until the name has enough weekly steps"

_LEVELS = (
    _margin(
        "_margin_adv20",
        mean(col("volume"), 20),
        "ratio",
        "Mean adjusted volume of 20 sessions, the scale of balances.",
        max_null_share=1.0,
    ),
    *(
        _margin(
            f"margin_{side}_to_adv20",
            ratio(col(f"mi_{side}_shares"), ADV),
            "ratio",
            f"Margin {side} balance in days of mean volume of 20 sessions.",
        )
        for side in SIDES
    ),
    _margin(
        "margin_imbalance",
        over(imbalance, _LONG, _SHORT),
        "ratio",
        "Margin long less short balance over their sum (same ranks as long / short).",
    ),
    *(
        _shown(
            f"margin_std_share_{side}",
            "share",
            f"Standardised (exchange-set terms) share of the {side} balance.",
        )
        for side in SIDES
    ),
)

_CHANGES = (
    *(
        _shown(
            f"margin_d_{side}_wow",
            "ratio",
            f"Change of the {side} balance per week over the mean of both balances.",
        )
        for side in SIDES
    ),
    *(
        _margin(
            f"margin_d_{side}_to_adv20",
            ratio(col(f"mi_{side}_change_shares"), 5.0 * ADV),
            "ratio",
            f"Change of the {side} balance per week over five days of mean volume.",
        )
        for side in SIDES
    ),
    _margin(
        "margin_d_net_to_adv20",
        ratio(col("mi_long_change_shares") - col("mi_short_change_shares"), 5.0 * ADV),
        "ratio",
        "Change of long less short balance per week over five days of mean volume.",
    ),
    _shown("margin_d_imbalance_wow", "ratio", "Change of margin_imbalance per week."),
    *(
        _shown(
            f"margin_d_std_share_{side}_wow",
            "share",
            f"Change of margin_std_share_{side} per week.",
        )
        for side in SIDES
    ),
    _shown(
        "margin_gross_mom4",
        "log",
        "Log of long + short balance over its mean of the last 4 weekly steps.",
    ),
    *(
        _shown(
            f"margin_d_{what}_13w",
            "ratio",
            f"{meaning} against 13 weekly steps before; {_WARM_UP}.",
            max_null_share=0.4,
        )
        for what, meaning in (
            ("long", "Long balance (difference over the mean)"),
            ("short", "Short balance (difference over the mean)"),
            ("imbalance", "margin_imbalance"),
        )
    ),
)

_UNUSUAL = (
    *(
        _shown(
            f"margin_{what}_z52",
            "z",
            f"{what.capitalize()} among its 52 newest weekly steps, within +-10; {_WARM_UP} (42).",
            max_null_share=0.5,
        )
        for what in ("long", "short", "imbalance")
    ),
    *(
        _shown(
            f"margin_d_{side}_z26",
            "z",
            f"margin_d_{side}_wow among its 26 newest weekly steps, within +-10; {_WARM_UP} (21).",
            max_null_share=0.4,
        )
        for side in SIDES
    ),
    *(
        _shown(
            f"margin_{side}_vol26",
            "ratio",
            f"Standard deviation of margin_d_{side}_wow over 26 weekly steps; {_WARM_UP} (21).",
            max_null_share=0.4,
        )
        for side in SIDES
    ),
)

_STATE = (
    _margin(
        "is_margin_valid",
        known(_LONG),
        "flag",
        "1 where a margin balance stands: known, and at most 20 sessions old.",
        role=Role.MASK,
    ),
)

_market = partial(_margin, role=Role.MARKET, axis=Axis.ACROSS)

_WHOLE = (
    _market(
        "margin_mkt_imbalance",
        _at_prices(_LONG + _SHORT, _LONG - _SHORT),
        "ratio",
        "Long less short balances over their sum, of the universe at current prices.",
    ),
    *(
        _market(
            f"margin_mkt_d_{side}_wow",
            _at_prices(col(f"mi_{side}_shares"), col(f"mi_{side}_change_shares")),
            "ratio",
            f"Change of {side} balances per week over the balances, of the universe at "
            "current prices.",
        )
        for side in SIDES
    ),
)

MARGIN: Final[tuple[Feature, ...]] = (*_LEVELS, *_CHANGES, *_UNUSUAL, *_STATE, *_WHOLE)
MARGIN_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("margin_interest",), stock=_STOCK, market={}, make=make_margin, features=MARGIN
    ),
)
