"""Losses of the networks, one folder each: its configuration, and its function."""
