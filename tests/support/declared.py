"""Features declared for a test."""

from gogooku.core.types import Feature


def declare(name, **changes):
    """A feature that nobody computes."""
    settings = {
        "group": "test",
        "inputs": ("close",),
        "compute": lambda columns: columns["close"],
        "lookback": 1,
        "unit": "ratio",
        "meaning": "A feature of a test.",
    }
    if "concept" in Feature.__dataclass_fields__:
        settings["concept"] = name
    return Feature(name=name, **(settings | changes))
