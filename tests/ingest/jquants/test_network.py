"""Proxies and certificates as the environment says, and an end to every answer."""

import socket
import ssl
import threading
import time

import httpx
import pytest

from gogooku.core.errors import ConfigError, DataError, TransientError
from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants import client as client_module
from gogooku.ingest.jquants.addresses import FileRule
from gogooku.ingest.jquants.client import ApiKey, Client, Patience, Unreachable
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.network import DIRECT, Line, Network, ended_after, network_of
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plans import Plan
from support.vendor import tokyo

API = "https://api.jquants.com/v2"


def test_without_variables_nothing_is_set():
    assert network_of({}) == network_of({"HTTPS_PROXY": "", "NO_PROXY": " , "}) == DIRECT


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("text", ["http://me:s3cret@proxy.test:8080", "me:s3cret@proxy.test:8080"])
def test_a_proxy_is_for_https_and_its_password_is_not_shown(name, text):
    network = network_of({name: text})
    assert httpx.URL(network.proxy).host == "proxy.test"
    assert "s3cret" not in repr(network)
    assert not network.goes_direct(httpx.URL(API))


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8790/v2", "https://127.0.0.1/v2", "https://localhost/v2", "https://[::1]/v2",
     "https://127.9.9.9/", "http://api.jquants.com/v2"],
)  # fmt: skip
def test_a_proxy_never_sees_this_machine_or_what_is_not_https(url):
    assert network_of({"ALL_PROXY": "http://proxy.test"}).goes_direct(httpx.URL(url))


@pytest.mark.parametrize(
    ("rules", "direct"),
    [
        ("*", True),
        ("api.jquants.com", True),
        ("jquants.com", True),
        (".jquants.com", True),
        ("*.jquants.com", True),
        ("JQUANTS.com", True),
        ("api.jquants.com:443", True),
        ("api.jquants.com:8443", False),
        ("quants.com", False),
        ("10.0.0.0/8, other.test", False),
        ("other.test ,jquants.com", True),
    ],
)
def test_no_proxy_names_what_is_asked_directly(rules, direct):
    network = network_of({"HTTPS_PROXY": "http://proxy.test", "NO_PROXY": rules})
    assert network.goes_direct(httpx.URL(API)) is direct


def test_no_proxy_may_be_a_network():
    network = network_of({"HTTPS_PROXY": "http://proxy.test", "no_proxy": "10.0.0.0/8"})
    assert network.goes_direct(httpx.URL("https://10.1.2.3/v2"))
    assert not network.goes_direct(httpx.URL("https://11.1.2.3/v2"))


@pytest.mark.parametrize("text", ["socks5://proxy.test", "http://", "://", "ftp://me:s3cret@p"])
def test_a_proxy_that_cannot_be_used_is_refused_without_repeating_it(text):
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        network_of({"HTTPS_PROXY": text})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_named(name, tmp_path):
    with pytest.raises(ConfigError, match=f"{name} .*not found"):
        network_of({name: str(tmp_path / "none")}).context()


def test_certificates_are_those_of_the_file(tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    with pytest.raises(ConfigError, match="no certificates"):
        network_of({"SSL_CERT_FILE": str(bad)}).context()
    source = ssl.create_default_context()
    import certifi

    source.load_verify_locations(certifi.where())
    first = ssl.DER_cert_to_PEM_cert(source.get_ca_certs(binary_form=True)[0])
    good = tmp_path / "good.pem"
    good.write_text(first)
    assert len(network_of({"SSL_CERT_FILE": str(good)}).context().get_ca_certs()) == 1
    assert len(DIRECT.context().get_ca_certs()) > 20


# --- over sockets -------------------------------------------------------------------------------


def answering(listener, serve):
    """Hand each connection to ``serve`` until the listener closes."""

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def client_of(port, *, attempts=2, **options):
    clock = VirtualClock(tokyo("2026-11-20 18:00"))
    return Client(
        base_url=f"http://127.0.0.1:{port}/v2",
        key=ApiKey("a-key"),
        pacer=Pacer(Plan.PREMIUM, clock=clock),
        clock=clock,
        patience=Patience(attempts=attempts, first_seconds=0.0),
        **options,
    )


def dripping(first):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(first)
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    return serve


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HOSTILE = {
    "a body that drips": dripping(HEAD + b"Content-Length: 1000000000000\r\n\r\n"),
    "a head that drips": dripping(HEAD + b"X-Long: "),
    "a chunk that drips": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_drips_is_cut(listening, monkeypatch, name):
    monkeypatch.setattr(client_module, "_ANSWER_SECONDS", 0.3)
    answering(listening, HOSTILE[name])
    begun = time.monotonic()
    with client_of(listening.getsockname()[1]) as client, pytest.raises(TransientError) as caught:
        list(client.pages(ENDPOINTS["quotes"], {"date": "2026-11-20"}))
    assert time.monotonic() - begun < 10
    assert "quotes date=2026-11-20: 2 attempts failed" in str(caught.value)


ODD = {
    "a huge head": HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(500)),
    "a line without end": b"HTTP/1.1 200 " + b"y" * 1_000_000,
    "no http": b"\x1b[31mSSH-2.0\x1b]0;owned\x07\r\n\r\n",
    "a length that lies low": HEAD + b"Content-Length: 3\r\n\r\n" + b'{"data": []}',
    "a length that lies high": HEAD + b"Content-Length: 99\r\n\r\n" + b'{"data": []}',
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n" + b"abcde",
    "a length that is none": HEAD + b"Content-Length: -1\r\n\r\n",
    "a chunk of a bad size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "a status that is none": b"HTTP/1.1 99999 OK\r\n\r\n",
    "an encoding that was not asked for": HEAD + b"Content-Encoding: br\r\n\r\nabc",
    "gzip of gzip": HEAD + b"Content-Encoding: gzip, gzip\r\n\r\nabc",
    "nothing": b"",
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_answer_is_a_named_fault(listening, name):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(ODD[name])

    answering(listening, serve)
    with client_of(listening.getsockname()[1]) as client, pytest.raises(TransientError) as caught:
        list(client.pages(ENDPOINTS["quotes"], {"date": "2026-11-20"}))
    text = str(caught.value)
    assert "quotes date=2026-11-20: 2 attempts failed" in text
    assert text.isprintable()
    assert len(text) < 700
    assert not isinstance(caught.value, Unreachable)


def test_a_name_that_leads_to_this_machine_is_not_asked(listening, monkeypatch):
    port = listening.getsockname()[1]
    heard = []

    def serve(connection):
        connection.settimeout(0.5)
        heard.append(connection.recv(65536))

    answering(listening, serve)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more)
    )
    line = Line(DIRECT, allows=FileRule("api.jquants.com").allows)
    with httpx.Client(transport=line, trust_env=False) as http, pytest.raises(DataError) as caught:
        http.get(f"https://files.example.com:{port}/a")
    assert "files.example.com, which is at 127.0.0.1" in str(caught.value)
    assert not any(heard)


def test_https_goes_through_the_proxy_and_shows_it_the_host_only(listening):
    heard = []

    def serve(connection):
        heard.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 403 \x1b[31mForbidden\r\n\r\n")

    answering(listening, serve)
    network = Network(proxy=f"http://127.0.0.1:{listening.getsockname()[1]}")
    clock = VirtualClock(tokyo("2026-11-20 18:00"))
    with (
        Client(
            base_url=API,
            key=ApiKey("a-key-of-mine"),
            pacer=Pacer(Plan.PREMIUM, clock=clock),
            clock=clock,
            patience=Patience(attempts=1),
            network=network,
        ) as client,
        pytest.raises(Unreachable, match="HTTPS_PROXY"),
    ):
        list(client.pages(ENDPOINTS["quotes"], {"date": "2026-11-20"}))
    assert heard[0].startswith(b"CONNECT api.jquants.com:443 ")
    assert b"a-key-of-mine" not in heard[0]


def test_this_machine_is_asked_without_the_proxy(listening):
    def serve(connection):
        connection.recv(65536)
        connection.sendall(HEAD + b'Content-Length: 12\r\nConnection: close\r\n\r\n{"data": []}')

    answering(listening, serve)
    network = network_of({"ALL_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"})
    with client_of(listening.getsockname()[1], network=network) as client:
        assert [page.rows for page in client.pages(ENDPOINTS["quotes"], {})] == [0]


def clocks() -> set[threading.Thread]:
    """What waits to cut a line. Other threads come and go by themselves."""
    return {one for one in threading.enumerate() if isinstance(one, threading.Timer)}


def test_another_transport_is_left_alone():
    other = httpx.MockTransport(lambda _: httpx.Response(200))
    before = clocks()
    with ended_after(60.0, other):
        assert clocks() <= before, "nothing waits to cut it"
    line = Line(DIRECT)
    with ended_after(60.0, line):
        assert len(clocks() - before) == 1
    line.close()
