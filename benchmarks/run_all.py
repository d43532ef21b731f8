"""Run every benchmark that the README's numbers come from, one after the other.

    python benchmarks/run_all.py [PRICES.parquet]

Those on real prices need the file; without it they are named and left out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_PRICES = HERE.parents[1] / "shared" / "data" / "us_daily.parquet"
SYNTHETIC = ("sandbox_market.py", "feature_kernels.py", "demo_gates.py", "sync_full.py")
REAL = ("import_us_daily.py", "build_us_daily.py", "us_daily_skill.py")


def run(name: str, *arguments: str) -> int:
    print(f"== {name} {' '.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, str(HERE / name), *arguments], check=False).returncode


def main() -> int:
    prices = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PRICES
    codes = {name: run(name) for name in SYNTHETIC}
    if prices.exists():
        codes |= {name: run(name, str(prices)) for name in REAL}
    else:
        print(f"left out, no file of prices: {', '.join(REAL)}")
    for name, code in codes.items():
        print(f"{name}: exit {code}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main())
