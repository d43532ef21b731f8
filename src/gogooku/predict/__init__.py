"""From a run and a dataset to the ranking of a session; whom a network listens to."""
