"""Bytes in: files and wires, and the one writer of raw data."""
