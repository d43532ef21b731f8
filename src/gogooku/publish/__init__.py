"""Publications: what one bundle says after one session, kept as an immutable folder."""
