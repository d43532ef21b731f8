"""What the parts of a fitted network do to its scores: gates, and scores with a part left out.

A layer that a network can do without says what stands in its place: it has a method ``left_out``
that is called like ``forward``. One that lets a share of something through has a method ``opened``,
and one that spreads a weight over things has ``weighed``; both are called like ``forward`` too.
Nothing here asks which network it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from gogooku.core.metrics import daily_rank_ic
from gogooku.learn.batches import DayReader
from gogooku.learn.forward import Forward
from gogooku.learn.layers.dropout import ByteDropout
from gogooku.learn.numerics import numeric_threads
from gogooku.learn.targets import DayLabels, spread_over

LEFT_OUT, OPENED, WEIGHED = "left_out", "opened", "weighed"
PROBED: Final = 2
"""Validation sessions on which gates are read after every epoch."""
EXAMINED: Final = 8
"""Validation sessions on which parts are left out, once a fit is over."""
_DROPOUTS = (nn.Dropout, ByteDropout)

Scores = np.ndarray[Any, np.dtype[np.float64]]


def layers_with(model: nn.Module, method: str) -> dict[str, nn.Module]:
    """Layers of a network that have a method, by name, in the order of the network."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if name and callable(getattr(layer, method, None))
    }


@contextmanager
def left_out(layer: nn.Module) -> Iterator[None]:
    """Put what stands in the place of a layer there; the layer itself does no work."""
    vars(layer)["forward"] = getattr(layer, LEFT_OUT)  # found before the method of its class
    try:
        yield
    finally:
        vars(layer).pop("forward")


@contextmanager
def _heard(model: nn.Module, method: str, hear: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Hear what a method of each layer that has it says of every input of the layer."""
    handles = [
        layer.register_forward_hook(
            lambda own, given, _, name=name: hear(name, getattr(own, method)(*given))
        )
        for name, layer in layers_with(model, method).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def gates(
    model: nn.Module, reader: DayReader, indices: Sequence[int], *, device: str
) -> dict[str, float]:
    """Mean share that each gate lets through on some sessions, in evaluation mode."""
    found: dict[str, list[float]] = {}

    def hear(name: str, opened: Tensor) -> None:
        found.setdefault(name, []).append(float(opened.float().mean()))

    forward = Forward(model, reader, device)
    model.eval()
    with torch.inference_mode(), _heard(model, OPENED, hear):
        for index in indices if layers_with(model, OPENED) else ():
            forward.scores(forward.batch([index]))
    return {name: float(np.mean(values)) for name, values in found.items()}


def weights_of(
    model: nn.Module, reader: DayReader, index: int, *, device: str
) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """What each layer that weighs things gives them on a session, as arrays by layer; one thread.

    Axes are those of the layer; names are packed as the session's universe is, and padded.
    """
    found: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}

    def hear(name: str, weight: Tensor) -> None:
        found[name] = weight[0].float().cpu().numpy()

    forward = Forward(model, reader, device)
    model.eval()
    with torch.inference_mode(), numeric_threads(1), _heard(model, WEIGHED, hear):
        forward.scores(forward.batch([index]))
    return found


def _scores(model: nn.Module, reader: DayReader, indices: Sequence[int], device: str) -> Scores:
    """Scores [t, N, H] in the mode that the network is in; NaN outside the universe."""
    rows, forward = [], Forward(model, reader, device)
    with torch.inference_mode():
        for index in indices:
            names = reader.names(index)
            score = forward.scores(forward.batch([index]))[0].cpu().numpy()
            row = np.full((reader.num_names, score.shape[1]), np.nan)
            row[names] = score[: len(names)]
            rows.append(row)
    return np.stack(rows)


def agreement(one_TNH: Scores, other_TNH: Scores) -> float:
    """Mean rank correlation of two scores over sessions and horizons; 0 where one is flat."""
    found = [
        np.nan_to_num(daily_rank_ic(one_TNH[:, :, h], other_TNH[:, :, h])).mean()
        for h in range(one_TNH.shape[2])
    ]
    return float(np.mean(found))


def _moved(whole_TNH: Scores, without_TNH: Scores) -> float:
    """How far scores move, as a share of their spread, when a part is left out."""
    shares = []
    for whole, without in zip(whole_TNH, without_TNH, strict=True):
        known = np.isfinite(whole).all(axis=1)
        change = (whole - without)[known]
        spread = np.maximum(whole[known].std(axis=0), np.finfo(np.float32).tiny)
        shares.append(np.minimum(change.std(axis=0) / spread, 100.0).mean())
    return float(np.mean(shares))


def examined(
    model: nn.Module, reader: DayReader, valid: DayLabels, *, device: str
) -> dict[str, Any]:
    """What each part of a fitted network does on a few validation sessions.

    The network is left as it was, in evaluation mode. It must be called where torch's generators
    are put back afterwards: layers may draw numbers in training mode.

    Returns
    -------
    dict
        ``sessions``; ``rank_ic`` [H] of the whole network; by part that can be left out,
        ``without``: ``moved``, how far the scores then move as a share of their spread, and
        ``rank_ic`` [H]; ``agreement``: mean rank correlation of the scores with those in training
        mode without dropout; ``off``: the setting that leaves a part out, where the network says.
    """
    indices = spread_over(EXAMINED, valid.indices.tolist())
    rows = np.flatnonzero(np.isin(valid.indices, indices))
    labels = DayLabels(valid.indices[rows], valid.values_TNH[rows], valid.through)
    model.eval()
    whole = _scores(model, reader, indices, device)
    without = {}
    for name, layer in layers_with(model, LEFT_OUT).items():
        with left_out(layer):
            score = _scores(model, reader, indices, device)
        without[name] = {
            "moved": _moved(whole, score),
            "rank_ic": labels.rank_ic(score.astype(np.float32)),
        }
    return {
        "sessions": len(indices),
        "rank_ic": labels.rank_ic(whole.astype(np.float32)),
        "without": without,
        "agreement": agreement(whole, _in_training(model, reader, indices, device)),
        "off": dict(getattr(model, "off", {})),
    }


def _in_training(
    model: nn.Module, reader: DayReader, indices: Sequence[int], device: str
) -> Scores:
    """Scores in training mode, dropout apart; the weights are put back, whatever layers did."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    for layer in model.modules():
        if isinstance(layer, _DROPOUTS):
            layer.eval()
    try:
        return _scores(model, reader, indices, device)
    finally:
        model.load_state_dict(before)
        model.eval()
