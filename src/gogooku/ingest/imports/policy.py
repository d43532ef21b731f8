"""What is wrong with a delivery of prices, and what happens to it: one table, as data.

Four policies and no fifth: the cell becomes null, the row is quarantined, the file is refused, or
the row is kept and counted. Nothing is repaired. Every nulled value is kept in ``defects`` and
every quarantined row in ``quarantine``, so that `gogooku.ingest.imports.defects.restore` gives back
what the file said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import polars as pl

from gogooku.ingest.imports.columns import NUMBERS, PRICES

TOLERANCE = 1e-6
"""Relative slack of comparisons between prices: ten roundings of single precision. On us_daily
1e-9 and 1e-6 find the same rows, so the slack hides nothing there."""

FAR = 1.2
"""An open (or close) this many times beyond the range of its session, while the close (or open)
lies inside the range, is itself the odd one out; a nearer one shows that the extreme is wrong."""

JUMP = 10.0
"""A close this many times the one before (or less than one part of it) is counted as absurd."""

SPARSE_SHARE = 0.01
"""A date with fewer rows than this share of the median of the 21 dates around it is not whole."""

FEWEST_SHOWN = 3
"""Rows that a message shows of a kind."""

STRAY_DAYS, STRAY_DATES = 100, 20
"""Days to its neighbours from which a date stands alone, in a file of so many dates or more."""

PARTIAL_SHARE = 0.5
"""A date with fewer closes than this share of the median of the 21 dates around is partial."""

FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2099, 12, 31)

MARKET_ROWS = 20
"""From this many stocks a date on, a date without any trade is no session."""


class Policy(StrEnum):
    """What an import does with a defect."""

    CELL_NULL = "cell null"
    QUARANTINED = "row quarantined"
    REFUSED = "file refused"
    KEPT = "kept, counted"


@dataclass(frozen=True)
class Rule:
    """One row of the policy table.

    ``mask`` is true for the rows that meet the rule (None: found elsewhere), ``targets`` are the
    cells that become null. Masks are written so that a missing or zero value never meets a rule
    about another value; ``high_below_low`` alone counts zeros, as the file's README does.
    """

    key: str
    rule: str
    policy: Policy
    meaning: str
    mask: pl.Expr | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A row of the printed table.

    Attributes
    ----------
    defect, policy, meaning : str
        From the rule.
    count : int
        Rows of the input that meet the rule.
    cells : int
        Cells that this rule made null: of kept rows, and not null already by an earlier rule.
    first : str
        The first such row by (date, code), or empty.
    """

    defect: str
    policy: str
    count: int
    cells: int
    first: str
    meaning: str


_open, _high, _low, _close = (pl.col(name) for name in ("open", "high", "low", "close"))
_up, _down = 1 + TOLERANCE, 1 - TOLERANCE
_in_range = (_close >= _low * _down) & (_close <= _high * _up)
_open_in_range = (_open >= _low * _down) & (_open <= _high * _up)
_close_far = ((_close > _high * FAR) & (_high > 0)) | ((_close < _low / FAR) & (_close > 0))
_far = ((_open > _high * FAR) & (_high > 0)) | ((_open < _low / FAR) & (_open > 0))


def _zero(column: str, meaning: str) -> Rule:
    return Rule(
        f"zero_{column}", f"{column} = 0", Policy.CELL_NULL, meaning, pl.col(column) == 0, (column,)
    )


CELL_RULES: tuple[Rule, ...] = (
    *(_zero(name, "zero means missing, not a price") for name in PRICES),
    _zero("volume", "zero means no trade or missing"),
    _zero("turnover_value", "zero means no trade or missing"),
    _zero("adjustment_factor", "zero means no event"),
    Rule(
        "high_below_low",
        "high < low",
        Policy.CELL_NULL,
        "neither can be trusted; rows whose high is zero are counted, their low is kept",
        _high < _low * _down,
        ("high", "low"),
    ),
    Rule(
        "open_far_from_range",
        f"open beyond {FAR} x [low, high], close inside",
        Policy.CELL_NULL,
        "three prices agree, the open does not",
        _far & _in_range,
        ("open",),
    ),
    Rule(
        "close_far_from_range",
        f"close beyond {FAR} x [low, high], open inside",
        Policy.CELL_NULL,
        "three prices agree, the close does not",
        _close_far & _open_in_range,
        ("close",),
    ),
    Rule(
        "close_above_high",
        "close > high > 0",
        Policy.CELL_NULL,
        "a price above it shows that the high is wrong; the close is kept",
        (_close > _high * _up) & (_high > 0),
        ("high",),
    ),
    Rule(
        "close_below_low",
        "0 < close < low",
        Policy.CELL_NULL,
        "a price below it shows that the low is wrong; the close is kept",
        (_close < _low * _down) & (_close > 0),
        ("low",),
    ),
    Rule(
        "open_above_high",
        "open > high > 0",
        Policy.CELL_NULL,
        "the high is wrong; the open is kept",
        (_open > _high * _up) & (_high > 0),
        ("high",),
    ),
    Rule(
        "open_below_low",
        "0 < open < low",
        Policy.CELL_NULL,
        "the low is wrong; the open is kept",
        (_open < _low * _down) & (_open > 0),
        ("low",),
    ),
)
"""Applied in this order to what the earlier ones left; counted on the input."""

NON_FINITE = Rule(
    "non_finite", "NaN or infinite number", Policy.CELL_NULL, "not a number", None, NUMBERS
)

UNTRADED = Rule(
    "no_trade",
    "volume 0 and one flat price, no volume and the last close, or the row before again",
    Policy.CELL_NULL,
    "filled in by the vendor: nobody could trade at it",
    None,
    ("open", "high", "low", "close"),
)

FACTOR_CONTRADICTED = Rule(
    "factor_contradicted",
    "a factor that makes the move of its row larger",
    Policy.CELL_NULL,
    "taken as 1.0: the prices show no such event",
    None,
    ("adjustment_factor",),
)

FIRST_ROW_RULES: tuple[Rule, ...] = (
    Rule(
        "no_date",
        "row without a date",
        Policy.QUARANTINED,
        "belongs to no session",
        pl.col("date").is_null(),
    ),
    Rule(
        "no_code",
        "row without a code",
        Policy.QUARANTINED,
        "belongs to no stock",
        pl.col("code").is_null(),
    ),
    Rule(
        "date_out_of_range",
        f"date outside {FIRST_DATE} to {LAST_DATE}",
        Policy.QUARANTINED,
        "a typing error; it would move the last session",
        ~pl.col("date").is_between(FIRST_DATE, LAST_DATE),
    ),
    Rule(
        "negative_volume",
        "volume < 0",
        Policy.QUARANTINED,
        "what the row means is unknown",
        pl.col("volume") < 0,
    ),
    Rule(
        "negative_turnover",
        "turnover value < 0",
        Policy.QUARANTINED,
        "what the row means is unknown",
        pl.col("turnover_value") < 0,
    ),
)
"""Looked at on single rows, before dates are compared; the first one that fits is the reason."""

DATE_RULES: tuple[Rule, ...] = (
    Rule(
        "not_a_session",
        "date on which the exchange was closed",
        Policy.QUARANTINED,
        "Tokyo only, whose calendar is known",
    ),
    Rule(
        "date_without_trade",
        "no stock of the market traded that date",
        Policy.QUARANTINED,
        f"a holiday filled in by the vendor (files of {MARKET_ROWS} or more stocks a date)",
    ),
    Rule(
        "sparse_date",
        f"fewer than {SPARSE_SHARE:.0%} of the usual rows, or {STRAY_DAYS} days from other dates",
        Policy.QUARANTINED,
        "a stray date: usual is the median of the 21 dates around it; the second with half of all",
    ),
    Rule(
        "outside_listing",
        "row outside its listed_from to listed_to",
        Policy.QUARANTINED,
        "only where the file has listing columns",
    ),
)

REFUSALS: tuple[Rule, ...] = (
    Rule("no_close_column", "no date, code or close column", Policy.REFUSED, "nothing to import"),
    Rule("empty", "no bytes, or no rows", Policy.REFUSED, "a failed export"),
    Rule("truncated", "Parquet cut short, CSV not readable", Policy.REFUSED, "a failed download"),
    Rule("two_date_forms", "dates written in two forms", Policy.REFUSED, "days may be swapped"),
    Rule("not_a_number", "a cell that is not a number or date", Policy.REFUSED, "a wrong column"),
    Rule("repeated_key", "(date, code) more than once", Policy.REFUSED, "which row holds?"),
    Rule(
        "not_the_field",
        "values that cannot be what the column was taken for",
        Policy.REFUSED,
        "returns, rates, a row counter, prices of two kinds",
    ),
    Rule(
        "factor_meaning",
        "factors that fit the prices in no one way",
        Policy.REFUSED,
        "what does the column mean?",
    ),
    Rule("not_daily", "weekly or monthly bars", Policy.REFUSED, "labels would span weeks"),
    Rule("negative_price", "a price or a factor < 0", Policy.REFUSED, "a wrong column"),
    Rule("index_differs", "two index closes on one date", Policy.REFUSED, "not a market index"),
    Rule("listing_differs", "two listing dates for one code", Policy.REFUSED, "which one holds?"),
)
"""Found before anything is stored; a table of a finished import shows them with count 0."""

WARNINGS: tuple[Rule, ...] = (
    Rule("no_close", "row without a close", Policy.KEPT, "listed, no trade that session"),
    Rule(
        "absurd_jump",
        f"close > {JUMP:g} x or < 1/{JUMP:g} of the one before",
        Policy.KEPT,
        "may be true; look at it before believing a backtest",
    ),
    Rule("no_factor", "no adjustment factor", Policy.KEPT, "taken as 1.0: no split"),
    Rule(
        "factor_carried",
        "a factor on a quarantined row",
        Policy.KEPT,
        "put on the next row of its code",
    ),
    Rule(
        "missing_split",
        "close moves like a split that no factor explains",
        Policy.KEPT,
        "refused where it is certain, taken as a split or believed as missing_splits says",
    ),
    Rule(
        "beyond_limit",
        "close beyond the daily price limit, no usual split",
        Policy.KEPT,
        "Tokyo, raw prices; a wrong price, or a base price set anew",
    ),
    Rule(
        "code_gap",
        "a code comes back after 20 sessions or more without a row",
        Policy.KEPT,
        "a suspension, or another company? see other_company",
    ),
    Rule(
        "sparse_code",
        "a code with rows on fewer than half of its sessions",
        Policy.KEPT,
        "weekly bars, or a vendor that leaves out sessions without a trade",
    ),
    Rule(
        "ends_untraded",
        "a code whose last 20 rows or more have no trade",
        Policy.KEPT,
        "suspended, or delisted and filled in: it counts as listed",
    ),
    Rule(
        "missing_session",
        "a session without any row",
        Policy.KEPT,
        "Tokyo by its calendar; elsewhere gaps of three weekdays or more",
    ),
    Rule(
        "partial_date",
        f"fewer than {PARTIAL_SHARE:.0%} of the usual closes",
        Policy.KEPT,
        "a download cut short? usual is the median of the 21 dates around it",
    ),
    Rule(
        "sector_changes",
        "sector differs from the code's row before",
        Policy.KEPT,
        "the last one is used for all dates, so earlier dates look ahead",
    ),
    Rule(
        "code_spellings",
        "a code that is written otherwise than it is kept",
        Policy.KEPT,
        "blanks, width, case, a tail .0, or a second spelling of one company",
    ),
    Rule(
        "number_codes",
        "code column holds numbers",
        Policy.KEPT,
        "leading zeros, if there were any, were lost before the import",
    ),
)

POLICY_TABLE: tuple[Rule, ...] = (
    NON_FINITE,
    UNTRADED,
    *CELL_RULES,
    FACTOR_CONTRADICTED,
    *FIRST_ROW_RULES,
    *DATE_RULES,
    *REFUSALS,
    *WARNINGS,
)
"""The whole policy; docs/data.md repeats it and a test compares the two."""


def outcome(rule: Rule, *, count: int = 0, cells: int = 0, first: str = "") -> Outcome:
    """Make the row of the table for a rule."""
    return Outcome(rule.key, rule.policy.value, count, cells, first, rule.meaning)
