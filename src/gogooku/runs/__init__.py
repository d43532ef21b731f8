"""Named configurations: Python functions that return one, and nothing else."""
