"""Runs: trained once, then judged and traded under settings of their own, all beside the run."""
