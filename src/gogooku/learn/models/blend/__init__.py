"""Several learners, or several seeds of one, as one: the mean of their ranks."""
