"""Why a network does not learn: weights out of reach of the gradient, scores that went flat.

What steps do to the weights is read from the optimiser, before and after it moves them, so that the
loop needs to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

FLOOR: Final = 1e-12
"""Norm of a gradient at and below which a weight was not reached."""


def gradient_norms(model: nn.Module) -> dict[str, float]:
    """Norm of the gradient of every parameter; 0 for one that the loss does not reach."""
    return {
        name: 0.0 if weight.grad is None else float(weight.grad.norm())
        for name, weight in model.named_parameters()
    }


def unreached(norms: Mapping[str, float], *, floor: float = FLOOR) -> list[str]:
    """Names of parameters whose gradient is at most ``floor``."""
    return sorted(name for name, norm in norms.items() if not norm > floor)


def score_spread(score_TNH: npt.NDArray[np.float32]) -> list[float]:
    """Mean over sessions of the standard deviation of scores across names, per horizon.

    A spread that falls towards 0 is a collapse: every name gets the same score.
    """
    known = np.isfinite(score_TNH)
    count = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, score_TNH, 0.0).astype(np.float64)
    mean = filled.sum(axis=1) / count
    squares = np.where(known, (filled - mean[:, None]) ** 2, 0.0).sum(axis=1)
    spread: list[float] = np.sqrt(squares / count).mean(axis=0).tolist()
    return spread


_SUMS: Final = ("steps", "gradient", "moved", "largest")


class StepWatch:
    """What the steps of an optimiser do to the weights it holds, by part of the network.

    A part is what the network itself is made of: ``graph`` of ``graph.left.weight``. Watching
    changes no weight and draws no random number.

    Parameters
    ----------
    model : nn.Module
    optimizer : torch.optim.Optimizer
        Weights of the model that it does not hold are not watched.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        named = [(name, w) for name, w in model.named_parameters() if id(w) in held]
        self._names = [name for name, _ in named]
        self._weights: list[Tensor] = [weight for _, weight in named]
        tops = [name.partition(".")[0] for name in self._names]
        self.parts = list(dict.fromkeys(tops))
        self._part_of = torch.tensor([self.parts.index(top) for top in tops])
        self._begin()
        optimizer.register_step_pre_hook(self._before)
        optimizer.register_step_post_hook(self._after)

    def _begin(self) -> None:
        self._steps = 0
        self._before_step: list[Tensor] = []
        self._gradient = self._moved = torch.zeros(len(self.parts))
        self._largest = torch.zeros(len(self._names))

    def sums(self) -> dict[str, Tensor]:
        """What has been added up since the last epoch, to go on from with `put`."""
        steps = torch.tensor(self._steps)
        tensors = (steps, self._gradient, self._moved, self._largest)
        return {name: one.clone() for name, one in zip(_SUMS, tensors, strict=True)}

    def put(self, sums: Mapping[str, Tensor]) -> None:
        """Go on from what `sums` gave; from nothing if it is empty."""
        self._begin()
        if sums:
            steps, self._gradient, self._moved, self._largest = (sums[name] for name in _SUMS)
            self._steps = int(steps)

    @torch.no_grad()
    def _before(self, *_: Any) -> None:
        norms = _norms([torch.zeros(()) if w.grad is None else w.grad for w in self._weights])
        self._largest = torch.maximum(self._largest.to(norms.device), norms)
        self._gradient = self._gradient.to(norms.device) + self._by_part(norms)
        self._before_step = list(torch._foreach_add(self._weights, 0.0))

    @torch.no_grad()
    def _after(self, *_: Any) -> None:
        before = self._before_step
        moved = _norms(list(torch._foreach_sub(self._weights, before)))
        size = self._by_part(_norms(before)).clamp_min(FLOOR)
        self._moved = self._moved.to(moved.device) + self._by_part(moved) / size
        self._before_step = []
        self._steps += 1

    def _by_part(self, norms: Tensor) -> Tensor:
        """Norm of each part from the norms of its weights."""
        squares = torch.zeros(len(self.parts), device=norms.device)
        return squares.index_add_(0, self._part_of.to(norms.device), norms.square()).sqrt()

    def epoch(self) -> dict[str, Any]:
        """What the steps since the last call did, for the event of an epoch.

        Returns
        -------
        dict
            ``steps``: their number. ``parts``: by part, the mean over steps of the ``gradient``
            norm that the optimiser was given (after clipping), and of the ``update`` as a share of
            the weights' norm.
            ``unreached``: weights that no step's gradient reached. Empty without a step.
        """
        if not self._steps:
            return {}
        gradient, moved = self._gradient / self._steps, self._moved / self._steps
        found = zip(self.parts, gradient.tolist(), moved.tolist(), strict=True)
        largest = dict(zip(self._names, self._largest.tolist(), strict=True))
        steps = self._steps
        self._begin()
        return {
            "steps": steps,
            "parts": {part: {"gradient": g, "update": m} for part, g, m in found},
            "unreached": unreached(largest),
        }


def _norms(values: list[Tensor]) -> Tensor:
    """Norms of some tensors, [P]."""
    device = next((one.device for one in values if one.ndim), torch.device("cpu"))
    return torch.stack(torch._foreach_norm([one.float().to(device) for one in values]))
