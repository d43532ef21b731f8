"""How much the scores follow given features."""
