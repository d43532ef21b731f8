"""Artefacts made older than they are."""

import os
import shutil
from datetime import UTC, datetime, timedelta

from gogooku.core.files import MANIFEST_FILE

NOW = datetime(2027, 6, 1, tzinfo=UTC)


def aged(path, days):
    """Make an artefact so many days old."""
    moment = (NOW - timedelta(days=days)).timestamp()
    for one in (path, path / MANIFEST_FILE):
        if one.exists():
            os.utime(one, (moment, moment), follow_symlinks=False)
    return path


def another_dataset(home, name, days):
    """A dataset of the same source that nothing needs."""
    (first,) = [p.parent for p in (home / "datasets").glob(f"[!.]*/{MANIFEST_FILE}")][:1]
    shutil.copytree(first, home / "datasets" / name)
    return aged(home / "datasets" / name, days)
