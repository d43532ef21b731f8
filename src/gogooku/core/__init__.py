"""Nouns and laws of the system; imports nothing else of ours."""
