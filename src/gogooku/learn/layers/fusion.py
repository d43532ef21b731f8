"""Parts of a temporal fusion: channels selected, patches enriched, carried forward and attended to.

Sources: Lim et al., Temporal Fusion Transformers for Interpretable Multi-horizon Time Series
Forecasting (International Journal of Forecasting 37, 2021) for the selection by context, the
static enrichment, the recurrent path and the gates around each; Nie et al., A Time Series is Worth
64 Words (ICLR 2023) for patches in the place of sessions.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

SECTORS: Final = 64
"""Sectors that are distinguished; one numbered beyond them counts as unknown."""


class ChannelSelection(nn.Module):
    """Channels weighed by the state of the market.

    The weights of a session are a softmax over channels; each channel is multiplied by its weight
    and by the number of channels, so that equal weights change nothing.

    Parameters
    ----------
    context, channels, hidden : int
        Widths of the market context M and of the history C; units of the layer between.
    """

    def __init__(self, *, context: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(context, hidden)
        self.outer = nn.Linear(hidden, channels)

    def forward(self, x_BNLC: Tensor, market_BM: Tensor) -> Tensor:
        """The history, its channels weighed; same shape."""
        weight_BC = self.weighed(x_BNLC, market_BM)
        return x_BNLC * (weight_BC.shape[1] * weight_BC)[:, None, None, :]

    def weighed(self, x_BNLC: Tensor, market_BM: Tensor) -> Tensor:
        """Weight of each channel, [B, C]; they add up to 1."""
        del x_BNLC
        logit_BC: Tensor = self.outer(functional.gelu(self.inner(market_BM)))
        return logit_BC.softmax(dim=-1)


class Patches(nn.Module):
    """A few sessions in a row become one token, and tokens know their place.

    Where the lookback is not a multiple of the patch, the oldest one is filled up with zeros.

    Parameters
    ----------
    lookback, patch, channels, width : int
        Sessions L, sessions of a patch, channels C, width W of a token.
    """

    def __init__(self, *, lookback: int, patch: int, channels: int, width: int) -> None:
        super().__init__()
        self.patch = patch
        self.count = -(-lookback // patch)
        self.missing = self.count * patch - lookback
        self.project = nn.Linear(patch * channels, width)
        self.place_PW = nn.Parameter(0.02 * torch.randn(self.count, width))

    def forward(self, x_BNLC: Tensor) -> Tensor:
        """Tokens [B, N, P, W], oldest first."""
        return self.content(x_BNLC) + self.place_PW

    def content(self, x_BNLC: Tensor) -> Tensor:
        """What tokens say of their sessions, without their place; [B, N, P, W]."""
        filled = functional.pad(x_BNLC, (0, 0, self.missing, 0))
        shape = (*x_BNLC.shape[:2], self.count, -1)
        out: Tensor = self.project(filled.reshape(shape))
        return out


class GatedPath(nn.Module):
    """``token + gate * value``, both linear in what a path gave.

    Parameters
    ----------
    width : int
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.both = nn.Linear(width, 2 * width)

    def forward(self, token_BNPW: Tensor, path_BNPW: Tensor) -> Tensor:
        """Tokens with the path added; same shape."""
        return token_BNPW + functional.glu(self.both(path_BNPW), dim=-1)

    def opened(self, token_BNPW: Tensor, path_BNPW: Tensor) -> Tensor:
        """Share of the path that the gate lets through, [B, N, P, W]."""
        del token_BNPW
        return torch.sigmoid(self.both(path_BNPW).chunk(2, dim=-1)[1])


class Recurrence(nn.Module):
    """A gated recurrent unit over the tokens, oldest first (Cho et al., 2014).

    Parameters
    ----------
    width : int
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.cell = nn.GRU(width, width, batch_first=True)
        self.gated = GatedPath(width)

    def forward(self, token_BNPW: Tensor) -> Tensor:
        """Tokens, each with what was carried to it; same shape."""
        carried, _ = self.cell(self.norm(token_BNPW).flatten(0, 1))
        out: Tensor = self.gated(token_BNPW, carried.view_as(token_BNPW))
        return out


class StaticEnrichment(nn.Module):
    """What a name is, beside each of its tokens: its sector, and the features of the session.

    Size and liquidity are among those features, as ranks. A sector begins as unknown does, and
    stays so until names of it are trained on.

    Parameters
    ----------
    level, width : int
        Features of the session, width W.
    """

    def __init__(self, *, level: int, width: int) -> None:
        super().__init__()
        self.sector = nn.Embedding(SECTORS + 1, width)
        nn.init.zeros_(self.sector.weight)
        self.level = nn.Linear(level, width)
        self.inner = nn.Linear(width, width)
        self.gated = GatedPath(width)

    def forward(self, token_BNPW: Tensor, level_BNF: Tensor, sector_BN: Tensor) -> Tensor:
        """Tokens that know whose they are; same shape."""
        place = torch.where(sector_BN < SECTORS, sector_BN + 1, 0)
        static_BNW = self.sector(place) + self.level(level_BNF)
        path = functional.gelu(self.inner(token_BNPW) + static_BNW.unsqueeze(2))
        out: Tensor = self.gated(token_BNPW, path)
        return out


class CausalAttention(nn.Module):
    """Each token looks at those before it and at itself.

    Parameters
    ----------
    width, heads : int
        Width W and attention heads, a divisor of it.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.gated = GatedPath(width)

    def forward(self, token_BNPW: Tensor) -> Tensor:
        """Tokens, each with what it looked at; same shape."""
        parts = self.project(self.norm(token_BNPW)).flatten(0, 1)
        by_head = parts.view(*parts.shape[:-1], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = by_head.unbind(0)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out: Tensor = self.gated(token_BNPW, seen.transpose(1, 2).reshape(token_BNPW.shape))
        return out
