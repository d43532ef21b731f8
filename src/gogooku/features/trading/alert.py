"""Daily margin alerts: who is on daily publication or under a margin regulation, and its balances.

A few percent of the names have rows, so values are null for the others, by contract; flags are 0
for them. A row stands until the next one and at most `STANDING_SESSIONS` sessions after it became
known (and 90 days after its application date): a name that left the list has no balance here,
however it looked when it left. Changes and windows are over publications of one spell on the list
(the application date before, at most `SPELL_DAYS` earlier), not over sessions; a correction
replaces what it corrects. Shares are on the forward basis of splits; the vendor's own change fields
are on a mixed basis and are not used.

Names of the earlier system that are not repeated: `dmi_credit_ratio` and `dmi_short_long_ratio`
(same ranks as `dmi_imbalance`), `dmi_neg_share_*`, `dmi_total*` (the sum of two that are here),
`dmi_reason_daily_publication` and `is_dmi_valid` (`dmi_on_alert`), `dmi_reason_count` (a sum of
flags), `dmi_impulse` and `dmi_days_since_*` (constant within a spell). `dmi_d_ratio_1d` is
`dmi_d_imbalance_1d`, `dmi_z26_net` is `dmi_z26_imbalance`. The length of the spell so far is left
out too: on the list it ranks as `dmi_alert_share_60`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.types import Axis, BoolArray, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.chains import (
    Chain,
    Standing,
    chained,
    first_day,
    relative_change,
    standing,
)
from gogooku.features.engine.combinators import Expression, col, declared, mean, over, ratio
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.kernels import Values
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.timeline import Timeline
from gogooku.features.trading.margin import ADV, SIDES, imbalance

STANDING_SESSIONS: Final = 5
SPELL_DAYS: Final = 14
"""Publications further apart than this belong to two spells; the longest holidays fit in."""
_STEPS: Final = 27
"""Rows of the longest window, of changes."""
SEVERITY: Final = {
    "101": 0.0,
    "102": 1.0,
    "002": 2.0,
    "001": 3.0,
    "003": 4.0,
    "004": 5.0,
    "005": 6.0,
    "006": 7.0,
}
"""Regulation classes by severity: lifted, watched, daily publication, caution of the securities
finance company, regulated, second to fourth stage. The numbers of the codes are not in order."""
REASONS: Final = (
    "restricted",
    "monitoring",
    "restricted_by_jsf",
    "precaution_by_jsf",
    "unclear_or_on_alert",
)
_BEFORE: Final = "the publication before"

_STOCK: Final = {
    **{f"al_{s}_shares": f"{s} balance, forward-basis shares" for s in SIDES},
    **{f"al_{s}_change_shares": f"{s} balance less that of {_BEFORE}" for s in SIDES},
}


def _alert_side(values: Values, chain: Chain, *, side: str) -> dict[str, FloatArray]:
    """Base columns of one side, per row of the chain."""
    shares = values[f"{side}_shares"]
    before = chain.before(shares)
    return {
        f"al_{side}_shares": shares,
        f"dmi_{side}_listed_ratio": values[f"{side}_listed_ratio"],
        f"dmi_std_share_{side}": k.ratio(values[f"{side}_standardized_shares"], shares),
        f"al_{side}_change_shares": shares - before,
        f"dmi_d_{side}_1d": relative_change(shares, before),
        f"dmi_z26_{side}": chain.zscore(shares, 26),
    }


def _published(tables: Tables, timeline: Timeline) -> BoolArray:
    """Listed names from the session on that knows the first row of the table; [T, N].

    Before it nobody can say that a name is not on the list.
    """
    first = tables.read("margin_alert", ()).get_column("available_at").sort().head(1)
    known = timeline.known_at(first.to_numpy().astype("datetime64[us]"))
    begins = int(known[0]) if len(known) else len(timeline.sessions)
    began = np.arange(len(timeline.sessions)) >= begins
    return timeline.listed_TN & began[:, np.newaxis]


def _on_alert(state: Standing, published_TN: BoolArray) -> FloatArray:
    return np.where(published_TN, state.known, np.nan)


def _reason(state: Standing, published_TN: BoolArray, *, given: FloatArray) -> FloatArray:
    """1 where it is given, 0 also where no row stands, null before the first list; [T, N]."""
    flag = np.where(state.row < state.num_rows, state.show(given), 0.0)
    return np.where(published_TN, flag, np.nan)


def make_alert(tables: Tables, timeline: Timeline) -> Made:
    """Base columns of the table ``margin_alert``; [T, N]."""
    sides = [f"{side}_{part}" for side in SIDES for part in ("shares", "listed_ratio")]
    sides += [f"{side}_standardized_shares" for side in SIDES]
    columns = ["code", "regulation", *sides, *(f"reason_{reason}" for reason in REASONS)]
    since = first_day(timeline, days=_STEPS * SPELL_DAYS)
    placed = timeline.place(tables.read("margin_alert", columns, since=since))
    state = standing(timeline, placed, sessions=STANDING_SESSIONS)
    chain = chained(placed, range(1, SPELL_DAYS + 1), asked=state.rows, steps=_STEPS)
    basis = timeline.share_basis(placed)
    values = {
        name: (placed.values(name) * (basis if name.endswith("_shares") else 1.0))[chain.rows]
        for name in sides
    }
    rows: dict[str, FloatArray] = {}
    for side in SIDES:
        rows |= _alert_side(values, chain, side=side)
    level = imbalance(rows["al_long_shares"], rows["al_short_shares"])
    severity = placed.frame.get_column("regulation").replace_strict(
        SEVERITY, default=None, return_dtype=pl.Float64
    )
    stage = severity.fill_null(float("nan")).to_numpy() / max(SEVERITY.values())
    rows |= {
        "dmi_tse_reg_level": stage[chain.rows],
        "dmi_d_imbalance_1d": level - chain.before(level),
        "dmi_z26_imbalance": chain.zscore(level, 26),
        "dmi_z26_d_short_1d": chain.zscore(rows["al_short_change_shares"], 26),
    }
    along = state.along(chain)
    makers: dict[str, Callable[[], FloatArray]] = {
        name: partial(along.show, column) for name, column in rows.items()
    }
    published = _published(tables, timeline)
    makers["dmi_on_alert"] = partial(_on_alert, state, published)
    for reason in REASONS:
        given = placed.values(f"reason_{reason}")
        makers[f"dmi_reason_{reason}"] = partial(_reason, state, published, given=given)
    return Lazy(makers)


# ----------------------------------------------------------------------------------- features

_ON: Final = col("dmi_on_alert")
_SPARSE: Final = "; only names on daily publication"
_alert = partial(declared, group="alert")
_flag = partial(published, group="alert", role=Role.MASK)


def _left(on: FloatArray) -> FloatArray:
    """1 where a spell ended within the last 20 sessions; the first of 21 can only start one."""
    ended = np.where(np.isnan(on), np.nan, ((k.shift(on, 1) == 1.0) & (on == 0.0)).astype(float))
    return k.rolling_extreme(ended, 20, kind="max")


def _alert_share(on: FloatArray, universe: FloatArray) -> FloatArray:
    member = (universe == 1.0) & ~np.isnan(on)
    total = np.where(member, on, 0.0).sum(axis=1)
    return k.ratio(total, member.sum(axis=1).astype(np.float64))


def _sparse(name: str, what: Expression, unit: str, meaning: str) -> Feature:
    """Declare a feature that only names on daily publication have."""
    return _alert(name, what, unit, f"{meaning}{_SPARSE}.", max_null_share=1.0)


def _shown_sparse(name: str, unit: str, meaning: str) -> Feature:
    """Declare a sparse base column that is a feature as it is."""
    return published(name, unit, f"{meaning}{_SPARSE}.", group="alert", max_null_share=1.0)


_BALANCES = (
    *(
        _sparse(
            f"dmi_{side}_to_adv20",
            ratio(col(f"al_{side}_shares"), ADV),
            "ratio",
            f"Daily {side} balance in days of mean volume of 20 sessions",
        )
        for side in SIDES
    ),
    _sparse(
        "dmi_imbalance",
        over(imbalance, col("al_long_shares"), col("al_short_shares")),
        "ratio",
        "Daily long less short balance over their sum",
    ),
    *(
        _shown_sparse(
            f"dmi_{side}_listed_ratio",
            "share",
            f"Daily {side} balance over listed shares, as published; none for funds",
        )
        for side in SIDES
    ),
    *(
        _shown_sparse(
            f"dmi_std_share_{side}", "share", f"Standardised share of the daily {side} balance"
        )
        for side in SIDES
    ),
)

_CHANGES = (
    *(
        _shown_sparse(
            f"dmi_d_{side}_1d",
            "ratio",
            f"Daily {side} balance less that of {_BEFORE}, over the mean of both",
        )
        for side in SIDES
    ),
    _shown_sparse("dmi_d_imbalance_1d", "ratio", f"dmi_imbalance less that of {_BEFORE}"),
    *(
        _sparse(
            f"dmi_d_{side}_to_adv20",
            ratio(col(f"al_{side}_change_shares"), ADV),
            "ratio",
            f"Change of the daily {side} balance against {_BEFORE} over mean volume of 20 sessions",
        )
        for side in SIDES
    ),
    _sparse(
        "dmi_d_net_to_adv20",
        ratio(col("al_long_change_shares") - col("al_short_change_shares"), ADV),
        "ratio",
        f"Change of long less short against {_BEFORE} over mean volume of 20 sessions",
    ),
    *(
        _shown_sparse(
            f"dmi_z26_{what}",
            "z",
            f"{meaning} among the 26 newest publications of the spell (21 at least), within +-10",
        )
        for what, meaning in (
            ("long", "Daily long balance"),
            ("short", "Daily short balance"),
            ("imbalance", "dmi_imbalance"),
            ("d_short_1d", "Change of the short balance in shares"),
        )
    ),
)

_STATE = (
    _flag(
        "dmi_on_alert",
        "flag",
        "1 where a daily balance stands: published within the last 5 sessions.",
    ),
    *(
        _flag(
            f"dmi_reason_{reason}",
            "flag",
            f"1 where the newest daily balance is published for: {reason}; 0 off the list.",
        )
        for reason in REASONS
    ),
    _alert(
        "dmi_left_20",
        over(_left, _ON, window=k.chain(20, 2)),
        "flag",
        "1 where a spell on daily publication ended within 20 sessions.",
        role=Role.MASK,
    ),
    _shown_sparse(
        "dmi_tse_reg_level",
        "share",
        "Severity of the regulation class, 0 (lifted) to 1 (fourth stage)",
    ),
    *(
        _alert(
            f"dmi_alert_share_{w}",
            mean(_ON, w),
            "share",
            f"Share of the last {w} sessions on daily publication; 0 for most names.",
        )
        for w in (60, 250)
    ),
    _alert(
        "dmi_mkt_alert_share",
        over(_alert_share, _ON, col("universe")),
        "share",
        "Share of the universe on daily publication.",
        role=Role.MARKET,
        axis=Axis.ACROSS,
    ),
)

ALERT: Final[tuple[Feature, ...]] = (*_BALANCES, *_CHANGES, *_STATE)
ALERT_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(tables=("margin_alert",), stock=_STOCK, market={}, make=make_alert, features=ALERT),
)
