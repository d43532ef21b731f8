"""Serving: the same scores that were evaluated, over HTTP."""
