"""Companies: listings, statements, valuation, events, dividends."""
