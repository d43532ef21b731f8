"""Releases: which model is in service, as an immutable folder and one pointer."""
