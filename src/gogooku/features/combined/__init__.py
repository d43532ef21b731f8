"""Features made of others: interactions, ranks across names, masks."""
