"""The loss of quantiles."""
