"""Every feature of a dataset has its declaration and its line in the reference."""

from __future__ import annotations

from typing import Any, Final

from gogooku.audit.findings import Check, Checked, Finding
from gogooku.audit.sample import declared
from gogooku.core.types import Dataset, Feature
from gogooku.features.catalogue import described
from gogooku.features.reference import feature_page

UNITS: Final = frozenset(
    {"ratio", "return", "z", "rank", "log", "sessions", "flag", "share"}
)  # fmt: skip
_MIN_MEANING = 11


def check_documentation(dataset: Dataset) -> Checked:
    """Look every feature up."""
    features, page = declared(dataset), feature_page()
    found = []
    for name in (*dataset.features, *dataset.market_features):
        if name not in features:
            what = "is not in the catalogue, so its meaning is unknown"
            found.append(Finding(check=Check.DOCUMENTATION, features=(name,), what=what))
            continue
        lacking = missing(features[name], described(features[name]), page)
        if lacking:
            what = f"undocumented: {', '.join(lacking)}"
            found.append(Finding(check=Check.DOCUMENTATION, features=(name,), what=what))
    count = len(dataset.features) + len(dataset.market_features)
    return Checked(found, {"undocumented": len(found), "features": count})


def missing(feature: Feature, said: dict[str, Any], page: str) -> list[str]:
    """What is not said of a feature."""
    lacking = []
    if len(feature.meaning.strip()) < _MIN_MEANING:
        lacking.append("its meaning")
    if feature.unit not in UNITS:
        lacking.append(f"a known unit (it says {feature.unit!r})")
    if not said["source"]:
        lacking.append("its source")
    if f"| `{feature.name}` |" not in page:
        lacking.append("its line in the reference")
    return lacking
