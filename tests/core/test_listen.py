"""Listening, or plain words why not."""

import socket

import pytest

from gogooku.core.errors import BusyError, UsageError
from gogooku.core.listen import Address, listen, url_of


def test_port_0_is_any_free_one():
    with listen(Address("127.0.0.1", 0)) as listener:
        url = url_of(listener)
        port = int(url.removeprefix("http://127.0.0.1:"))
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            assert port > 0


def test_a_port_in_use_is_named_with_what_to_do():
    with listen(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BusyError, match=rf"^port {port} is in use .*--port 0"):
            listen(Address("127.0.0.1", port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "x" * 300, "256.1.1.1"])
def test_a_host_that_is_not_this_machine_is_refused(host):
    with pytest.raises(UsageError, match=r"^--host .*no address of this machine"):
        listen(Address(host, 0))


def test_an_address_of_ipv6_is_written_in_brackets():
    try:
        listener = listen(Address("::1", 0))
    except UsageError:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert url_of(listener).startswith("http://[::1]:")
