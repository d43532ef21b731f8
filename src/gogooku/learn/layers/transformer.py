"""Blocks of self-attention and a feed-forward part, each normalised before and added to its input.

Source: Vaswani et al., Attention Is All You Need (2017), with the normalisation before each part
(Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020).
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.layers.dropout import ByteDropout

_WIDER: Final = 2
"""Width of the feed-forward part over that of the block."""


class TransformerBlock(nn.Module):
    """One block over the second last axis of [S, P, D]: S sequences of P tokens.

    Parameters
    ----------
    hidden, heads : int
        Width D, and attention heads, a divisor of it.
    dropout : float
        Share of units dropped before each part is added, in training only.
    """

    def __init__(self, hidden: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(hidden)
        self.query_key_value = nn.Linear(hidden, 3 * hidden, bias=False)
        self.mixed = nn.Linear(hidden, hidden)
        self.feed_norm = nn.LayerNorm(hidden)
        self.wider = nn.Linear(hidden, _WIDER * hidden)
        self.narrower = nn.Linear(_WIDER * hidden, hidden)
        self.dropout = ByteDropout(dropout)

    def forward(self, x_SPD: Tensor) -> Tensor:
        """The same shape."""
        parts = self.query_key_value(self.attention_norm(x_SPD))
        by_head = parts.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = by_head.unbind(0)
        seen = functional.scaled_dot_product_attention(query, key, value)
        x_SPD = x_SPD + self.dropout(self.mixed(seen.transpose(1, 2).flatten(2)))
        fed = self.narrower(functional.gelu(self.wider(self.feed_norm(x_SPD))))
        out: Tensor = x_SPD + self.dropout(fed)
        return out
