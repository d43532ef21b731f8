"""Who trades: margin, short selling, flows, breakdown by kind of order, halves of the day."""
