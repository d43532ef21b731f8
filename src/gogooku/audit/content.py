"""Files are what the manifest says, and the training tensor is what the raw values encode to."""

from __future__ import annotations

import numpy as np

from gogooku.audit.findings import Check, Checked, Finding
from gogooku.audit.sample import Sample, declared
from gogooku.core.types import Dataset
from gogooku.dataset.tensors import encode
from gogooku.dataset.verify import damaged_parts

_SESSIONS = 10
_STEP = 1e-3
"""Half precision near 1; ranks are finer below."""


def check_content(dataset: Dataset, sample: Sample) -> Checked:
    """Hash every file, and encode some sampled sessions again."""
    found = [
        Finding(check=Check.CONTENT, what=f"{name}: content differs from the manifest; rebuild: "
                "gogooku build")
        for name in damaged_parts(dataset)
    ]  # fmt: skip
    if not dataset.valid_TN.any():
        what = "universe: no session has a member; lower universe.min_traded_value"
        found.append(Finding(check=Check.CONTENT, what=what))
    return Checked([*found, *_encoded(dataset, sample)])


def _encoded(dataset: Dataset, sample: Sample) -> list[Finding]:
    features = declared(dataset)
    if set(dataset.features) - set(features):
        return []  # said by the documentation check; without a unit there is no encoding
    order = [features[name] for name in dataset.features]
    picked = np.unique(np.linspace(0, len(sample.days) - 1, _SESSIONS).round().astype(np.int64))
    differs: dict[str, list[str]] = {}
    for s in picked if len(sample.days) else ():
        t = int(sample.sessions[s])
        members = np.flatnonzero(dataset.valid_TN[t])
        stored_NF = np.asarray(dataset.x_TNF[t])[members].astype(np.float32)
        made_NF = encode(sample.days[s], order).T.astype(np.float32)
        gap_F = np.abs(stored_NF - made_NF).max(axis=0, initial=0.0)
        for f in np.flatnonzero(~(gap_F <= _STEP)):
            differs.setdefault(dataset.features[f], []).append(str(dataset.sessions[t]))
    return [
        Finding(
            check=Check.CONTENT,
            features=(name,),
            what=f"the training tensor is not what the stored values encode to, on {len(days)} of "
            f"{len(picked)} sessions",
            value=float(len(days)),
            limit=0.0,
            sessions=tuple(days),
        )
        for name, days in differs.items()
    ]
