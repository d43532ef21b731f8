"""Time the weekly graphs and all columns on them at the size of Tokyo: ten years, 4,400 names.

Run: python benchmarks/weekly_graphs.py [--sessions 2434] [--names 4400] [--members 2500]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.files import new_array
from gogooku.features.peers.peer_columns import peer_columns
from measure import measured


def panel(num_sessions: int, num_names: int, num_members: int) -> dict[str, npt.NDArray]:
    """Random walks with 33 sectors, hidden groups, untraded sessions and a moving universe."""
    rng = np.random.default_rng(0)
    shape = (num_sessions, num_names)
    sector, group = rng.integers(0, 33, num_names), rng.integers(0, 300, num_names)
    log_close = 0.015 * rng.standard_normal(shape)
    log_close += 0.01 * rng.standard_normal((num_sessions, 1))
    log_close += 0.008 * rng.standard_normal((num_sessions, 33))[:, sector]
    log_close += 0.008 * rng.standard_normal((num_sessions, 300))[:, group]
    close = np.exp(np.cumsum(log_close, axis=0))
    close[rng.random(shape) < 0.01] = np.nan
    universe = np.full(shape, np.nan)
    size = rng.standard_normal(num_names)
    for t in range(0, num_sessions, 20):
        size += 0.05 * rng.standard_normal(num_names)
        universe[t : t + 20, np.argsort(-size)[:num_members]] = 1.0
    week = (np.arange(num_sessions) % 5 == 0).astype(float)
    return {
        "close_TN": close,
        "sector_TN": np.tile(sector.astype(float), (num_sessions, 1)),
        "universe_TN": universe,
        "week_start_T": week,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=2434)
    parser.add_argument("--names", type=int, default=4400)
    parser.add_argument("--members", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    inputs = panel(args.sessions, args.names, args.members)
    with tempfile.TemporaryDirectory() as scratch:

        def in_file(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
            return new_array(Path(scratch) / f"{name}.npy", dtype=np.float32, shape=shape)

        with measured() as cost:
            made = peer_columns(**inputs, threads=args.threads, allocate=in_file)
        share = float(np.isfinite(made["peer_ret_5d"]).mean())
    held = sum(values.nbytes for values in inputs.values()) / 2**30
    print(
        json.dumps(
            {
                "sessions": args.sessions,
                "names": args.names,
                "members": args.members,
                "weeks": int(inputs["week_start_T"].sum()),
                "columns": len(made),
                "threads": args.threads,
                "wall_seconds": round(cost.wall_seconds, 1),
                "cpu_seconds": round(cost.cpu_seconds, 1),
                "anonymous_gib": round(cost.anonymous_gib, 2),
                "of_it_inputs_gib": round(held, 2),
                "filled": round(share, 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
