"""The pages that come with every service."""

import shutil
import subprocess

import pytest

from support.asking import ask_nothing


def test_measurements_are_behind_the_key_and_count_what_was_asked():
    ask = ask_nothing()
    assert ask("/metrics", key=None).status_code == 401
    ask("/health")
    answer = ask("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'gogooku_http_requests_total{route="/health",code="200"} 1' in answer.text
    assert "gogooku_http_in_flight 1\n" in answer.text


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool here (Debian package prometheus)"
)
def test_promtool_reads_a_scrape():
    ask = ask_nothing()
    ask("/health")
    ask("/nothing")
    scrape = ask("/metrics").text
    told = subprocess.run(
        ["promtool", "check", "metrics"], input=scrape, text=True, capture_output=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_the_document_is_behind_the_key_and_has_every_page():
    ask = ask_nothing()
    assert ask("/openapi.json", key=None).status_code == 401
    paths = ask("/openapi.json").json()["paths"]
    assert set(paths) == {"/health", "/version", "/ranking", "/metrics", "/openapi.json"}
