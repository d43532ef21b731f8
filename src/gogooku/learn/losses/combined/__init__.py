"""Several losses, each with a weight."""
