"""The dashboard: one page of what was published, in two languages, served or kept as a file."""
