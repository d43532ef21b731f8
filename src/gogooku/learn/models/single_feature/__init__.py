"""One feature with a sign: momentum and reversal."""
