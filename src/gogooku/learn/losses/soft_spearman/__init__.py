"""One minus the rank correlation, made smooth."""
