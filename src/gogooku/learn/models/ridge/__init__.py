"""Ridge regression, one per horizon."""
