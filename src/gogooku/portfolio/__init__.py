"""From scores to a ledger: costs, construction, a broker-like backtest, risk."""
