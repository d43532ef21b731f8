"""README's evening, followed to the letter in an empty home, ends with a ranking over HTTP."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def evening_of(page):
    """The commands of the block that plays an evening."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if "gogooku sandbox serve" in block]
    return found


def test_both_readmes_play_the_same_evening():
    reason = re.compile(r'\s+#.*| --why "[^"]*"')
    english, japanese = (
        [reason.sub("", line) for line in evening_of(ROOT / name).splitlines()]
        for name in ("README.md", "README.ja.md")
    )
    assert english == japanese


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_an_evening_on_a_fresh_machine(tmp_path):
    """With nothing but the program on the path; the servers that it starts are stopped after."""
    home = tmp_path / "home"
    where = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin:/usr/bin:/bin"])
    code = evening_of(ROOT / "README.md")
    environment = {"PATH": where, "HOME": str(tmp_path), "GOGOOKU_HOME": str(home)}
    said = tmp_path / "said.txt"
    with (
        said.open("w") as output,
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", code],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            shell.wait(timeout=1_100)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
    assert shell.returncode == 0, said.read_text()[-3_000:]
    served = json.loads((tmp_path / "ranking.json").read_text())
    assert len(served["ranking"]) == 10
    assert [row["rank"] for row in served["ranking"]] == list(range(1, 11))
    assert all(row["name_ja"] for row in served["ranking"])
    (published,) = (home / "publications" / "sandbox").glob("[!.]*")
    assert published.name.startswith(served["date"])
    health = json.loads((tmp_path / "health.json").read_text())
    assert health["status"] == "ok"
