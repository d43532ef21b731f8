"""Settings of momentum and reversal."""

from __future__ import annotations

from typing import Literal

from gogooku.core.registry import VariantConfig


class SingleFeatureConfig(VariantConfig):
    """One feature that is the score, with a sign.

    Attributes
    ----------
    feature : str
        Its name; alternatives are separated by ``|``, and the first that the dataset has counts.
    """

    feature: str


class MomentumConfig(SingleFeatureConfig):
    """One past return, as it is: what went up will go on."""

    kind: Literal["momentum"] = "momentum"
    feature: str = "mom_252_21|ret_prev_120d"


class ReversalConfig(SingleFeatureConfig):
    """One past return, turned round: what went up will come back."""

    kind: Literal["reversal"] = "reversal"
    feature: str = "ret_prev_5d"
