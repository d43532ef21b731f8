"""The tables of learners and of losses, and how a row becomes a learner.

The rows are in `gogooku.learn.learners` and `gogooku.learn.losses.table`. A program that uses this
package may add its own with ``LEARNERS.register(LearnerRow(...))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from gogooku.core.registry import Row, Table, VariantConfig, load
from gogooku.core.types import Learner
from gogooku.core.variants import OneOf


@dataclass(frozen=True, kw_only=True)
class LearnerRow(Row):
    """One kind of learner.

    Attributes
    ----------
    learner : str
        Reference of what is called with the config and gives a `Learner`.
    checkpoint : str
        Reference of what is called with (folder, header, device=) and gives the `Checkpoint` that
        was saved there.
    network : str
        Reference of the torch module of a network, called with (config, num_features=,
        num_context=, num_horizons=); empty for what is no network.
    """

    learner: str
    checkpoint: str
    network: str = ""


class Need(StrEnum):
    """What a loss wants beside scores and labels."""

    RETURNS = "returns"
    """The labels as returns, before they are ranked."""
    STRIP = "strip"
    """The sessions of a step in a row, with the same names: `days_per_batch` of them."""
    QUANTILES = "quantiles"
    """The quantiles that the network gives beside its scores."""
    FEATURES = "features"
    """The last session's features."""
    PARTNER = "partner"
    """Another loss beside it: alone it teaches no scores."""
    PARTS = "parts"
    """Other losses, of which it is made: it needs what they need."""


@dataclass(frozen=True, kw_only=True)
class LossRow(Row):
    """One kind of loss.

    Attributes
    ----------
    function : str
        Reference of a function of (score_BNH, label_BNH, mask_BNH, weight_H, config) that gives a
        scalar; see `gogooku.learn.losses.batch` for what holds of them.
    needs : tuple of Need
        What else it wants. A function whose row has some is given ``inputs`` too.
    """

    function: str
    needs: tuple[Need, ...] = ()

    @property
    def splittable(self) -> bool:
        """Whether it is a mean over sessions: the sessions of a step may then come in parts.

        What is made of parts can be split if all of them can: `needs.splittable` asks them.
        """
        return Need.STRIP not in self.needs


LEARNERS: Final = Table[LearnerRow]("learner", "gogooku.learn.learners:ROWS")
LOSSES: Final = Table[LossRow]("loss", "gogooku.learn.losses.table:ROWS")
LossConfig = Annotated[VariantConfig, OneOf(LOSSES)]
"""The config of any loss of the table."""


def network_row(*, kind: str, meaning: str, config: str, network: str) -> LearnerRow:
    """The row of a network: fitted by the one training loop, kept as one kind of checkpoint."""
    return LearnerRow(
        kind=kind,
        meaning=meaning,
        config=config,
        learner="gogooku.learn.networks:NetworkLearner",
        checkpoint="gogooku.learn.networks:NetworkCheckpoint.load",
        network=network,
    )


def make_learner(config: VariantConfig) -> Learner:
    """Make the learner of a config; only what its kind needs is imported.

    Raises
    ------
    ConfigError
        No learner of this kind exists.
    """
    made: Learner = load(LEARNERS.row(config.kind).learner)(config)
    return made
