"""Datasets: from a panel to tensors, labels and tables on disk, grown evening by evening."""
