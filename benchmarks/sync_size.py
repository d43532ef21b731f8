"""What a synced home takes on disk, endpoint by endpoint: rows of a session, bytes of a row.

Run: ``python benchmarks/sync_full.py --size full --plan premium --sessions 63 --folder FOLDER``, a
quarter of every endpoint with all names, then ``python benchmarks/sync_size.py FOLDER/home``. Its
lines are `gogooku.ingest.jquants.sizes.MEASURED`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.sizes import stored_in
from gogooku.ingest.source import read_source
from gogooku.tables.parts import parts_folder

SOURCE = "sandbox"


def blocks(folder: Path) -> int:
    """Bytes of blocks of all files below a folder."""
    return sum(one.stat().st_blocks * 512 for one in folder.rglob("*") if one.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    home = parser.parse_args().home
    held = stored_in(open_store(home, SOURCE))
    tables = parts_folder(home, SOURCE)
    bars = read_source(home, SOURCE).folder / "quotes"
    total, typed, answers = 0, 0, 0
    for name in ENDPOINTS:
        one = held.get(name)
        if one is None or not one.rows:
            print(f'        "{name}": nothing was held')
            continue
        of = blocks(tables / name) + (blocks(bars) if name == "quotes" else 0)
        total, typed, answers = total + one.num_bytes, typed + of, answers + one.answers
        rows, raw = one.rows / one.sessions, one.num_bytes / one.rows
        print(f'        "{name}": Rate({rows:.4g}, {raw:.3g}, {of / one.rows:.3g}),')
    below = blocks(home / "raw")
    more = (below - total) / answers
    print(f"bodies {total:,} bytes, raw/ on the disk {below:,}: {more:,.0f} more an answer")
    print(f"tables and bars {typed:,} bytes")


if __name__ == "__main__":
    main()
