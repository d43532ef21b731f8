"""The evening: one command from the vendor's bytes to a publication."""
