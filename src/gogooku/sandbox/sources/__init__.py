"""The sources of the sandbox exchange: every endpoint's rows, rendered from one market."""

from __future__ import annotations

from gogooku.core.errors import ContractError
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.sources.wire import Wire


def wires(market: Market) -> dict[str, Wire]:
    """Wire of every endpoint, in the order of `ENDPOINTS`.

    Raises
    ------
    ContractError
        An endpoint has no wire, two of them, or a wire is of no endpoint.
    """
    from gogooku.sandbox.sources import (
        derivatives,
        dividends,
        earnings,
        flows,
        indices,
        listings,
        margin,
        prices,
        shorts,
        statements,
        trading,
        valuation,
    )

    parts = (listings, prices, indices, statements, dividends, earnings, valuation, derivatives)
    found: dict[str, Wire] = {}
    names: list[str] = []
    for module in (*parts, margin, shorts, flows, trading):
        wired = module.wires(market)
        names += wired
        found |= wired
    if sorted(names) != sorted(ENDPOINTS):
        twice = {name for name in names if names.count(name) > 1}
        wrong = sorted(set(names) ^ set(ENDPOINTS) | twice)
        raise ContractError(
            f"sandbox: {len(wrong)} endpoints without a wire, or wired twice or unknown: "
            f"{', '.join(wrong)}; give each endpoint one wire in sandbox/sources"
        )
    return {name: found[name] for name in ENDPOINTS}
