"""What the pages say in Python is run, on a small home."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(import gogooku as gg\n.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "README.ja.md", "docs/python.md"])
def test_the_python_of_a_page_runs_as_it_stands(page, tour_home, tmp_path):
    pytest.importorskip("plotly", reason="plotly is not installed: pip install 'gogooku[plots]'")
    (code,) = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    environment = {**os.environ, "GOGOOKU_HOME": str(home)}  # noqa: TID251
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
