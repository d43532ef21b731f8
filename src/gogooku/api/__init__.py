"""The Python API: what ``import gogooku`` offers. It stands on the arrows of `gogooku.pipeline`."""
