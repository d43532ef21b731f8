"""A dataset in the formats of other programs."""
