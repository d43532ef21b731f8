"""Peers by co-movement: weekly graphs, monthly neighbours, and the features made of them."""
