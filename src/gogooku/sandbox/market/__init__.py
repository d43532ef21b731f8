"""A generated market with known expected returns."""
