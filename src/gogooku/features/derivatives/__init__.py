"""Options and futures as features of the market."""
