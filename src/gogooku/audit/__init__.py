"""Checks of a built dataset against what it claims to be."""
