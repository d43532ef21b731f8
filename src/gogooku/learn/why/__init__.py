"""What each feature adds to a score, a way for each kind of learner."""
