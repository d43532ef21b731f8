"""gogooku: an evening ranking of the Tokyo market whose quality can be believed."""

__version__ = "0.1.0"
