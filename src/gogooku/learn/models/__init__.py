"""Learners, one folder each: its configuration, and its code."""
