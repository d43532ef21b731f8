"""`gogooku sandbox market` and `sandbox serve` as a user runs them."""

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from support.cli import done, is_one_paragraph, run_cli, sets
from support.loopback import only


def test_sandbox_market_for_people_and_programs(tmp_path):
    home = tmp_path / "home"
    size = sets("num_stocks=24", "num_sessions=70", "num_branches=0", "num_sectors=2")
    said = done(home, "sandbox", "market", "--size", "tiny", "--seed", 4, *size)
    assert said.out.startswith("source sandbox-tiny-4: ")
    again = done(home, "sandbox", "market", "--size", "tiny", "--seed", 4, *size, "--json").json
    assert again["source"] == "sandbox-tiny-4"
    assert f"{again['rows']:,} rows" in said.out


@pytest.fixture
def serving(tmp_path):
    """`gogooku sandbox serve` as a process of its own, and the address that it prints."""
    code = "from gogooku.cli import main; main()"
    serve = ["sandbox", "serve", "--size", "tiny", "--port", "0"]
    command = [sys.executable, "-c", code, *serve]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOGOOKU_HOME": str(tmp_path / "serve")},  # noqa: TID251
    )
    said = process.stdout.readline()
    url = re.search(r"http://127\.0\.0\.1:(\d+)/v2", said)
    yield process, url and url[0], said
    process.kill()
    process.communicate()


def test_sandbox_serve_prints_its_address_answers_and_stops(serving, forks, tmp_path):
    process, url, said = serving
    assert url, said
    assert not url.endswith(":0/v2")
    headers = {"x-api-key": "sandbox"}
    answer = httpx.get(f"{url}/markets/calendar", headers=headers, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["data"]
    result = forks.run(
        tmp_path / "home",
        "sync",
        "--source",
        "sandbox",
        *only("topix"),
        "--json",
        environment={"JQUANTS_BASE_URL": url},
        without=["time.sleep"],
    )
    assert result.code == 0, result.err
    assert result.json["sync"]["endpoints"][1]["rows"] > 100
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err
    assert "Aborted" not in err


def test_sandbox_serve_on_a_port_in_use_says_so_before_it_makes_a_market(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_cli(tmp_path, "sandbox", "serve", "--size", "full", "--port", port)
    assert result.code == 3
    assert is_one_paragraph(result.err), result.err
    assert f"port {port} is in use at 127.0.0.1" in result.err
    assert result.out == ""
