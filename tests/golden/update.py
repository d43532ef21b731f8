"""Commit the golden values of the code as it is now.

Run after an intended numerical change, in the same commit, with a line in LOG.md:

    python tests/golden/update.py            # features, losses, ridge, ledger, schema
    python tests/golden/update.py --market   # also the market itself, from its config
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.golden import DATA, compute, differences, read_golden, write_golden, write_market


def main() -> None:
    DATA.mkdir(exist_ok=True)
    if "--market" in sys.argv[1:]:
        write_market()
    with tempfile.TemporaryDirectory() as folder:
        values = compute(Path(folder))
    found = differences(read_golden(), values)
    write_golden(values)
    sys.stdout.write("\n".join(found[:20]) + f"\n{len(found)} change(s) written to {DATA}\n")


if __name__ == "__main__":
    main()
