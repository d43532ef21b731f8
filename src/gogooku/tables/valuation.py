"""Valuation ratios as the vendor computes them; the time of their publication is not known."""

from __future__ import annotations

from gogooku.tables.checks import not_below
from gogooku.tables.conversion import Table, event_day, number, stock_code
from gogooku.tables.statements import PER_SHARE

VALUATION = Table(
    name="valuation",
    event_date="event_date",
    columns=(
        event_day(),
        stock_code(),
        number("eps_yen", "EPS", f"{PER_SHARE}, last twelve months"),
        number("forward_eps_yen", "FwdEPS", f"{PER_SHARE}, the company's forecast"),
        number("bps_yen", "BPS", PER_SHARE),
        number("roe_ratio", "ROE", "fraction, last twelve months"),
        number("forward_roe_ratio", "FwdROE", "fraction, the company's forecast"),
        number("per_ratio", "PER", "times earnings"),
        number("forward_per_ratio", "FwdPER", "times forecast earnings"),
        number("pbr_ratio", "PBR", "times book value"),
        number("market_cap_yen", "MktCap", "yen (million yen on the wire)", 1e6),
    ),
    key=("event_date", "code"),
    checks=(not_below(["market_cap_yen"], 0.0, what="market value"),),
    session=True,
)
