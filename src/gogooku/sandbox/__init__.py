"""A simulated exchange: a generated market with known expected returns."""
