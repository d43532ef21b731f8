"""Where searches are kept."""

import subprocess
import sys

from gogooku.search.folder import files_of, studies_folder


def test_a_study_leaves_three_files(tmp_path):
    folder = studies_folder(tmp_path) / "ridge-1"
    assert {one.rsplit("/", 1)[-1] for one in files_of(folder).values()} == {
        "best.toml", "page.html", "result.json",
    }  # fmt: skip
    assert all(one.startswith(str(folder)) for one in files_of(folder).values())


def test_asking_where_they_are_loads_no_library():
    code = "import sys, gogooku.search.folder; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
