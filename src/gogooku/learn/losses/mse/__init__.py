"""The squared error to the normal scores."""
