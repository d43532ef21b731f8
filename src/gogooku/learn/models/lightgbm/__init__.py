"""Gradient-boosted trees by LightGBM, one model per horizon."""
