"""Typed rows with two clocks, and the one point-in-time join."""
