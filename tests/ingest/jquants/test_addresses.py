import httpx
import pytest

from gogooku.core.errors import ConfigError, DataError
from gogooku.ingest.jquants.addresses import FileRule, host_of


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
    "base", ["http://api.example.com/v2", "http://10.0.0.1/v2", "http://localhost.evil.test/v2"]
)
def test_the_key_never_travels_in_the_clear(base):
    with pytest.raises(ConfigError, match="only https"):
        host_of(base)


def ask(url, *, api="api.jquants.com"):
    return FileRule(api)(httpx.Request("GET", url))


HERE = ("http://127.0.0.1:9/a", "http://127.8.8.8/a", "http://[::1]:9/a", "http://localhost/a",
        "https://localhost./a", "http://127.1/a", "http://0x7f000001/a", "http://2130706433/a",
        "http://[::ffff:127.0.0.1]/a")  # fmt: skip


@pytest.mark.parametrize("url", HERE)
@pytest.mark.parametrize("api", ["127.0.0.1", "localhost", "::1"])
def test_a_file_lies_on_this_machine_where_the_api_does(url, api):
    assert ask(url, api=api) is None


@pytest.mark.parametrize("url", [*HERE, *(url.replace("http:", "https:") for url in HERE)])
def test_an_api_elsewhere_has_no_file_on_this_machine(url):
    with pytest.raises(DataError, match="nothing was fetched"):
        ask(url)


@pytest.mark.parametrize("url", ["https://files.example.com/a.csv.gz", "https://8.8.8.8/a"])
@pytest.mark.parametrize("api", ["api.jquants.com", "127.0.0.1"])
def test_a_file_comes_over_https_from_anywhere_public(url, api):
    assert ask(url, api=api) is None


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "[fe80::1]", "[fc00::1]",
     "0.0.0.0", "[::]", "224.0.0.1", "100.64.0.1", "metadata.internal", "intranet", "a.local",
     "10.1", "0xa9fea9fe"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_file_in_a_private_network_is_refused(host, scheme):
    with pytest.raises(DataError, match="nothing was fetched"):
        ask(f"{scheme}://{host}/a")


def test_a_mirror_in_a_private_network_has_its_own_files():
    assert ask("https://10.0.0.5/a", api="10.0.0.5") is None
    with pytest.raises(DataError, match="without https"):
        ask("http://10.0.0.5/a", api="10.0.0.5")


@pytest.mark.parametrize(
    "url",
    ["https://me:s3cret@files.example.com/a", "https://me@127.0.0.1/a", "ftp://files.example.com/a",
     "file:///etc/passwd", "gopher://127.0.0.1/a", "http://files.example.com/a"],
)  # fmt: skip
@pytest.mark.parametrize("api", ["api.jquants.com", "127.0.0.1"])
def test_another_scheme_or_a_user_is_refused(url, api):
    with pytest.raises(DataError, match="nothing was fetched") as caught:
        ask(url, api=api)
    assert "s3cret" not in str(caught.value)


def test_a_name_that_a_name_server_puts_on_this_machine_is_refused():
    rule = FileRule("api.jquants.com")
    assert rule.allows("files.example.com", "8.8.8.8")
    assert not rule.allows("files.example.com", "127.0.0.1")
    assert not rule.allows("files.example.com", "169.254.169.254")
