"""J-Quants V2: endpoints as data, client, plan, sync, raw store and ledger."""
