"""Search for settings: trials over purged folds, counted, and judged on sessions it never saw."""
