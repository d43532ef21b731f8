"""How good the first places are, made smooth."""
