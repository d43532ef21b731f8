"""Make the README's picture: the head of the demo's report and the first places of its ranking.

    python benchmarks/picture.py REPORT.html [--language en|ja] --output FILE.png

``REPORT.html`` is what `gogooku demo` or `gogooku report` printed as the path of the page; it must
say that its market is simulated, since pages of real prices are for their reader alone. A style
hides the chapters between and behind, and ranks after the ninth; nothing else is changed. Needs
Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
SIMULATED: Final = "SIMULATED MARKET"
WIDTH: Final = 1120
HEIGHT: Final = 1190
STYLE: Final = """<style>
section { display: none }
#warnings, #chapter-names, #ranking { display: block }
#title-chapter-names, #ranking tr:nth-child(n + 10) { display: none }
</style>"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--language", choices=["en", "ja"], default="en")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    text = options.report.read_text(encoding="utf-8")
    if SIMULATED not in text:
        print(f"{options.report}: not a page of a simulated market", file=sys.stderr)
        return 1
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        print("no Chromium on this machine: apt-get install chromium", file=sys.stderr)
        return 1
    if options.language == "ja":
        text = text.replace('data-lang="en"', 'data-lang="ja"', 1)
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(text.replace("</head>", f"{STYLE}</head>", 1), encoding="utf-8")
        subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
        shutil.copy(shot, options.output)
    print(f"{options.output}: {options.output.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
