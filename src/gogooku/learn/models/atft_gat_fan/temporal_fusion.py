"""The history read by a temporal fusion: channels selected, patches enriched, read by place."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from gogooku.learn.layers.fusion import (
    CausalAttention,
    ChannelSelection,
    Patches,
    Recurrence,
    StaticEnrichment,
)
from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig


class TemporalFusion(nn.Module):
    """From the history of a name to the hidden state of the trunk.

    Each part adds to the tokens behind a gate of its own, and each can be left out. The readout has
    a weight for every unit of every token: pooling over them would lose the order of sessions.

    Parameters
    ----------
    config : AtftGatFanConfig
        Of the whole network; its ``fusion`` says which parts there are.
    channels, context, level : int
        Channels C of the history, and widths of the market context and of the session's features.
    """

    def __init__(
        self, config: AtftGatFanConfig, *, channels: int, context: int, level: int
    ) -> None:
        super().__init__()
        parts, width = config.fusion, config.fusion.width
        self.select = (
            ChannelSelection(context=context, channels=channels, hidden=width)
            if parts.select
            else None
        )
        self.patches = Patches(
            lookback=config.lookback, patch=parts.patch, channels=channels, width=width
        )
        self.recurrence = Recurrence(width) if parts.recurrent else None
        self.enrich = StaticEnrichment(level=level, width=width) if parts.static else None
        self.attention = CausalAttention(width, heads=parts.heads) if parts.attention else None
        self.readout = nn.Linear(self.patches.count * width, config.hidden)

    def forward(
        self, x_BNLC: Tensor, market_BM: Tensor, level_BNF: Tensor, sector_BN: Tensor
    ) -> Tensor:
        """Hidden state [B, N, hidden] from history, market context, features and sectors."""
        if self.select is not None:
            x_BNLC = self.select(x_BNLC, market_BM)
        token = self.patches(x_BNLC)
        if self.recurrence is not None:
            token = self.recurrence(token)
        if self.enrich is not None:
            token = self.enrich(token, level_BNF, sector_BN)
        if self.attention is not None:
            token = self.attention(token)
        out: Tensor = self.readout(token.flatten(2))
        return out

    def read_crop(self, x_BNLC: Tensor, crop: slice, masked_BNP: Tensor) -> Tensor:
        """Tokens [B, N, P, W] of some patches in a row, read as if there were none before them.

        They know neither their place in the window nor whose they are: by either, two crops could
        be matched without a look at what is in them. Nor are channels selected.

        Parameters
        ----------
        x_BNLC : Tensor
            The whole window.
        crop : slice
            Its patches.
        masked_BNP : bool
            Where the content of a patch of the crop is hidden.
        """
        token = self.patches.content(x_BNLC)[:, :, crop].masked_fill(masked_BNP[..., None], 0.0)
        if self.recurrence is not None:
            token = self.recurrence(token)
        if self.attention is not None:
            token = self.attention(token)
        return token

    def crop_weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Weights that `read_crop` reads with, by name."""
        read = ("patches.project.", "recurrence.", "attention.")
        return ((name, one) for name, one in self.named_parameters() if name.startswith(read))

    def left_out(
        self, x_BNLC: Tensor, market_BM: Tensor, level_BNF: Tensor, sector_BN: Tensor
    ) -> Tensor:
        """What stands in its place: nothing of the history."""
        del market_BM, level_BNF, sector_BN
        return x_BNLC.new_zeros(*x_BNLC.shape[:2], self.readout.out_features)
