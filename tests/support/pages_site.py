"""Building the pages as a site, where what builds it is installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mkdocs", "material", "mkdocs_static_i18n")
ABSENT = [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site, warnings being errors.

    Not with ``--quiet``: warnings that are not logged are not counted, and nothing is an error.
    """
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1", "HOME": str(site.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
