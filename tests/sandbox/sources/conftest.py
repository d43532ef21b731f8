from datetime import date

import pytest

from gogooku.sandbox.market.market import MarketConfig, generate


@pytest.fixture(scope="package")
def firm_market():
    """A market whose companies report over three years."""
    return generate(
        MarketConfig(
            num_stocks=80,
            num_sessions=720,
            seed=5,
            num_sectors=6,
            num_branches=0,
            first_session=date(2022, 4, 1),
        )
    )
