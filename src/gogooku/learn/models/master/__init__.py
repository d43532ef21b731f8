"""MASTER: a market-guided transformer, the published reference."""
