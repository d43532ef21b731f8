"""An exchange that never existed: a generated market with known expected returns."""
