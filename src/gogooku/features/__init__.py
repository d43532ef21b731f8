"""Declared features: pure functions of the past, on dense [sessions x names] arrays."""
