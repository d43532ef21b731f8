"""Graph attention over a fixed number of neighbours.

Source: Brody et al., How Attentive are Graph Attention Networks? (ICLR 2022): the score of an edge
is ``a . LeakyReLU(W_l h_i + W_r h_j)``, with features e of the edge ``... + W_e e_ij)``. Neighbours
are gathered as [N, K, D]; no scatter.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

EDGE_FEATURES: Final = 3
_SLOPE = 0.2


def gather_neighbours(values_BND: Tensor, neighbour_BNK: Tensor) -> Tensor:
    """Rows of each name's neighbours, [B, N, K, D]; the content of index -1 means nothing."""
    num_days, num_names, num_peers = neighbour_BNK.shape
    offset = torch.arange(num_days, device=neighbour_BNK.device) * num_names
    index = (neighbour_BNK.clamp_min(0) + offset[:, None, None]).flatten()
    rows = values_BND.flatten(0, 1).index_select(0, index)
    return rows.view(num_days, num_names, num_peers, -1)


def edge_features(neighbour_BNK: Tensor, sector_BN: Tensor) -> Tensor:
    """What is known of each edge, float32 [B, N, 1 + K, 3]; the edge to the name itself is first.

    Whether it is that edge; the place among the neighbours, from 1 / K for the nearest to 1 for the
    farthest; whether both names are of one known sector.
    """
    num_peers = neighbour_BNK.shape[2]
    place_K = torch.arange(1, num_peers + 1, device=neighbour_BNK.device) / num_peers
    sector_BN1 = sector_BN.unsqueeze(-1)
    theirs_BNK = gather_neighbours(sector_BN1, neighbour_BNK).squeeze(-1)
    alike_BNK = ((theirs_BNK == sector_BN1) & (sector_BN1 >= 0)).to(place_K.dtype)
    place_BNK = place_K.expand_as(alike_BNK)
    peers = torch.stack([torch.zeros_like(place_BNK), place_BNK, alike_BNK], dim=-1)
    own = torch.zeros_like(peers[:, :, :1])
    own[..., 0] = 1.0
    return torch.cat([own, peers], dim=2)


class GraphAttention(nn.Module):
    """GATv2 with a self edge, behind a gated residual.

    ``h + sigmoid(gate) * attention(h)``; the gate begins at one half, so that gradients reach
    every weight at the first step.

    Parameters
    ----------
    hidden, heads : int
        Width D and heads, a divisor of D.
    dropout : float
        Share of attention weights dropped in training.
    edges : int
        Features E of an edge; 0 for none.
    """

    def __init__(self, hidden: int, *, heads: int, dropout: float, edges: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.left = nn.Linear(hidden, hidden)
        self.right = nn.Linear(hidden, hidden, bias=False)
        self.attend = nn.Parameter(torch.empty(heads, hidden // heads))
        nn.init.normal_(self.attend, std=1.0 / math.sqrt(hidden // heads))
        self.out = nn.Linear(hidden, hidden)
        self.gate = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.edge = nn.Linear(edges, hidden, bias=False) if edges else None

    def forward(
        self, h_BND: Tensor, neighbour_BNK: Tensor, edge_BNKE: Tensor | None = None
    ) -> Tensor:
        """Mix each name with its neighbours.

        Parameters
        ----------
        h_BND : float [B, N, D]
        neighbour_BNK : int64 [B, N, K]
            Positions on the N axis, -1 for none. The name itself is always added.
        edge_BNKE : float [B, N, 1 + K, E], where there are features of edges
            That of the name itself first.

        Returns
        -------
        float [B, N, D]
        """
        weight, values = self._attention(h_BND, neighbour_BNK, edge_BNKE)
        mixed = torch.einsum("bnkh,bnkhd->bnhd", self.dropout(weight), values).flatten(2)
        out: Tensor = h_BND + torch.sigmoid(self.gate(h_BND)) * self.out(mixed)
        return out

    def left_out(
        self, h_BND: Tensor, neighbour_BNK: Tensor, edge_BNKE: Tensor | None = None
    ) -> Tensor:
        """What stands in its place: each name by itself."""
        del neighbour_BNK, edge_BNKE
        return h_BND

    def _attention(
        self, h_BND: Tensor, neighbour_BNK: Tensor, edge_BNKE: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Weights [B, N, 1 + K, heads] of each name itself and its neighbours, and their values."""
        right_BND = self.right(h_BND)
        peers = gather_neighbours(right_BND, neighbour_BNK)
        values = self._by_head(torch.cat([right_BND.unsqueeze(2), peers], dim=2))
        summed = self._by_head(self.left(h_BND)).unsqueeze(2) + values
        if self.edge is not None:
            assert edge_BNKE is not None, "attention with features of edges, given none"
            rows = summed.flatten(3).flatten(0, 2)
            rows = torch.addmm(rows, edge_BNKE.flatten(0, 2), self.edge.weight.T)
            summed = rows.view_as(summed)
        logits = (functional.leaky_relu(summed, _SLOPE) * self.attend).sum(-1)
        own = torch.ones_like(neighbour_BNK[..., :1], dtype=torch.bool)
        present = torch.cat([own, neighbour_BNK >= 0], dim=2).unsqueeze(-1)
        return logits.masked_fill(~present, -torch.inf).softmax(dim=2), values

    def opened(
        self, h_BND: Tensor, neighbour_BNK: Tensor, edge_BNKE: Tensor | None = None
    ) -> Tensor:
        """Share of the peers that the gate lets through, [B, N, D]."""
        del neighbour_BNK, edge_BNKE
        return torch.sigmoid(self.gate(h_BND))

    def weighed(
        self, h_BND: Tensor, neighbour_BNK: Tensor, edge_BNKE: Tensor | None = None
    ) -> Tensor:
        """Weight of each name itself, then of its neighbours, [B, N, 1 + K]; heads averaged."""
        weight_BNKH, _ = self._attention(h_BND, neighbour_BNK, edge_BNKE)
        return weight_BNKH.mean(dim=-1)

    def _by_head(self, values: Tensor) -> Tensor:
        return values.view(*values.shape[:-1], self.heads, -1)
