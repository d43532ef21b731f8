"""How much of what is held changes from session to session."""
