"""A J-Quants V2 look-alike on loopback."""
