"""Features of one name's own bars: price, volatility, liquidity, limits."""
