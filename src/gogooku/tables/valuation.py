"""Valuation ratios as the vendor computes them; the time of their publication is not known."""

from __future__ import annotations

from gogooku.tables.checks import not_below
from gogooku.tables.conversion import Table, event_day, number, stock_code

_PER_SHARE = "yen per share on the basis of event_date"

VALUATION = Table(
    name="valuation",
    event_date="event_date",
    columns=(
        event_day(),
        stock_code(),
        number("eps_yen", "EPS", f"{_PER_SHARE}, last twelve months"),
        number("forward_eps_yen", "FwdEPS", f"{_PER_SHARE}, the company's forecast"),
        number("bps_yen", "BPS", _PER_SHARE),
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
