"""ATFT-GAT-FAN: history, peers and a market-gated linear skip."""
