"""The likelihood of the whole order."""
