"""Which of two names is ahead."""
