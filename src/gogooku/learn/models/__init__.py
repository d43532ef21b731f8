"""Networks, each beside its configuration."""
