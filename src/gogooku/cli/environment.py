"""The environment: read here and nowhere else."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from gogooku.cli.shared import chosen_options
from gogooku.commands.arguments import usable_home


def home_folder() -> Path:
    """Where everything is kept: ``--home``, else ``GOGOOKU_HOME``, else ``~/.gogooku``."""
    chosen_home = chosen_options().home
    if chosen_home is not None:
        return usable_home(chosen_home)
    return usable_home(os.environ.get("GOGOOKU_HOME") or "~/.gogooku")  # noqa: TID251


def program_call() -> str:
    """How this program is called from here: by its name where a shell finds it, or its path."""
    called = Path(sys.argv[0])
    if called.stem == "__main__" and called.parent.name == "gogooku":
        return f"{shlex.quote(sys.executable)} -m gogooku"
    found = shutil.which("gogooku")
    if called.name != "gogooku" or (found and Path(found).samefile(called)):
        return "gogooku"
    return shlex.quote(str(called.absolute()))


def api_keys() -> str:
    """Keys that the server of rankings takes, ``GOGOOKU_API_KEYS``; empty where there are none."""
    return os.environ.get("GOGOOKU_API_KEYS", "")  # noqa: TID251


def chosen(names: Sequence[str]) -> dict[str, str]:
    """Those of some variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}  # noqa: TID251
