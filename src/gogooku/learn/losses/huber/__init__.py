"""The squared error, linear for large errors."""
