import httpx
import pytest

from gogooku.core.errors import ConfigError, DataError
from gogooku.ingest.jquants.addresses import host_of, refuse_plain


@pytest.mark.parametrize(
    ("base", "host"),
    [
        ("https://api.jquants.com/v2", "api.jquants.com"),
        ("http://127.0.0.1:8765/v2", "127.0.0.1:8765"),
        ("https://API.jquants.com", "api.jquants.com"),
    ],
)
def test_the_host_of_the_base_address(base, host):
    assert host_of(base) == host


@pytest.mark.parametrize(
    "base",
    [
        "",
        "api.jquants.com/v2",
        "ftp://api.jquants.com/v2",
        "https:///v2",
        "https://me:secret@api.jquants.com/v2",
        "https://api.jquants.com/v2?key=secret",
        "https://api.jquants.com:port/v2",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused_without_repeating_it(base):
    with pytest.raises(ConfigError, match="JQUANTS_BASE_URL is not an address") as fault:
        host_of(base)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example.com/a.csv.gz",
        "http://127.0.0.1:9/a",
        "http://127.8.8.8/a",
        "http://[::1]:9/a",
        "http://localhost/a",
    ],
)
def test_a_file_comes_over_https_or_from_this_machine(url):
    assert refuse_plain(httpx.Request("GET", url)) is None


@pytest.mark.parametrize(
    "url", ["http://files.example.com/a", "http://10.0.0.1/a", "http://localhost.example.com/a"]
)
def test_a_file_that_others_could_change_on_the_way_is_refused(url):
    with pytest.raises(DataError, match=f"offered by {httpx.URL(url).host} without https"):
        refuse_plain(httpx.Request("GET", url))
