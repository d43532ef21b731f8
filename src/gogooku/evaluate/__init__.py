"""How good is it, really: splits, walk-forward, skill with its error, comparisons, the report."""
