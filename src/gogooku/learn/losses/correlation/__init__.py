"""One minus the correlation of a session, and a squared-error anchor."""
