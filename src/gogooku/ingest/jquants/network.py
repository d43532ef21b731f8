"""The way out: proxies, certificates, and an end to every answer, however slowly it comes.

The settings are those of other programs: HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and
SSL_CERT_DIR, in capitals or not. Only https goes through a proxy, which then sees the host and no
more; what is on this machine never does.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from gogooku.core.errors import ConfigError, DataError
from gogooku.ingest.jquants.addresses import is_loopback

NETWORK_VARIABLES: Final = (
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@dataclass(frozen=True)
class Network:
    """How to reach other machines; a proxy's address may hold a password and is never shown.

    Attributes
    ----------
    proxy : str or None
        For https.
    direct : tuple of str
        Hosts that are asked without it: names (with what is below them), numbers, networks, ``*``.
    ca_file, ca_folder : str or None
        Certificates to trust instead of the built-in ones.
    """

    proxy: str | None = field(default=None, repr=False)
    direct: tuple[str, ...] = ()
    ca_file: str | None = None
    ca_folder: str | None = None

    def goes_direct(self, url: httpx.URL) -> bool:
        """Whether an address is asked without the proxy."""
        if self.proxy is None or url.scheme != "https" or is_loopback(url.host):
            return True
        return any(_covers(rule, url) for rule in self.direct)

    def context(self) -> ssl.SSLContext:
        """The certificates to check servers with.

        Raises
        ------
        ConfigError
            A file or folder is not there, or holds no certificates.
        """
        if self.ca_file is None and self.ca_folder is None:
            return httpx.create_ssl_context(trust_env=False)
        for name, place in (("SSL_CERT_FILE", self.ca_file), ("SSL_CERT_DIR", self.ca_folder)):
            if place is not None and not os.path.exists(place):
                raise ConfigError(f"{name} {place}: not found; correct or unset it")
        try:
            return ssl.create_default_context(cafile=self.ca_file, capath=self.ca_folder)
        except OSError as fault:
            raise ConfigError(
                f"SSL_CERT_FILE {self.ca_file}: no certificates in PEM form ({fault}); correct or "
                "unset it"
            ) from fault


DIRECT: Final = Network()
"""No proxy, and the built-in certificates."""


def network_of(environment: Mapping[str, str]) -> Network:
    """The settings that environment variables make; an empty one counts as not set.

    Raises
    ------
    ConfigError
        A proxy that is no address, or not of http or https.
    """

    def first(*names: str) -> str | None:
        return next((environment[name] for name in names if environment.get(name)), None)

    proxy = first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    if proxy is not None:
        proxy = _proxy(proxy.strip())
    rules = (first("no_proxy", "NO_PROXY") or "").split(",")
    return Network(
        proxy=proxy,
        direct=tuple(rule.strip().lower() for rule in rules if rule.strip()),
        ca_file=environment.get("SSL_CERT_FILE") or None,
        ca_folder=environment.get("SSL_CERT_DIR") or None,
    )


def _proxy(text: str) -> str:
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(
            "HTTPS_PROXY (or ALL_PROXY) is not an address like http://proxy.example.com:8080; "
            "other kinds of proxy are not supported"
        )
    return str(url)


def _covers(rule: str, url: httpx.URL) -> bool:
    """Whether a rule of NO_PROXY is about the host of an address."""
    if rule == "*":
        return True
    host = url.host.lower().rstrip(".")
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule.strip("[]"), strict=False)
    name, colon, port = rule.rpartition(":")
    if colon and port.isdecimal():
        if int(port) != (url.port or 443):
            return False
        rule = name
    rule = rule.removeprefix("*").lstrip(".")
    return host == rule or host.endswith(f".{rule}")


class Line(httpx.BaseTransport):
    """Sends requests directly or through the proxy, and can be cut while an answer comes in.

    Parameters
    ----------
    network : Network
    allows : callable, optional
        Whether the address behind a host's name may be asked; asked where no proxy stands between.
    """

    def __init__(
        self, network: Network, *, allows: Callable[[str, str | None], bool] | None = None
    ) -> None:
        context = network.context()
        self._network = network
        self._allows = allows
        self._direct = httpx.HTTPTransport(verify=context, trust_env=False)
        self._proxied = None
        if network.proxy is not None:
            self._proxied = httpx.HTTPTransport(
                verify=context, trust_env=False, proxy=httpx.Proxy(network.proxy)
            )
        self._open: socket.socket | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        direct = self._proxied is None or self._network.goes_direct(request.url)

        def watch(event: str, info: Mapping[str, Any]) -> None:
            if event.startswith("connection.") and event.endswith(".complete"):
                self._connected(info.get("return_value"), request.url.host if direct else None)

        request.extensions = {**request.extensions, "trace": watch}
        if self._proxied is None or direct:
            return self._direct.handle_request(request)
        return self._proxied.handle_request(request)

    def _connected(self, stream: Any, host: str | None) -> None:
        if not hasattr(stream, "get_extra_info"):
            return
        self._open = stream.get_extra_info("socket")
        peer = stream.get_extra_info("server_addr")
        if self._allows is not None and host is not None and peer:
            address = str(peer[0])
            if not self._allows(host, address):
                stream.close()
                raise DataError(
                    f"a file is offered by {host}, which is at {address}, an address of this "
                    "machine or of a private network; nothing was fetched from there"
                )

    def cut(self) -> None:
        """End the connection that is open, from another thread."""
        if self._open is not None:
            with suppress(OSError):
                # Not its own method: that of a TLS socket is not made for another thread.
                socket.socket.shutdown(self._open, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections."""
        self._direct.close()
        if self._proxied is not None:
            self._proxied.close()


@contextmanager
def ended_after(seconds: float, line: httpx.BaseTransport) -> Iterator[None]:
    """Cut a line when an answer has not ended by then, its head included."""
    if not isinstance(line, Line):
        yield
        return
    timer = threading.Timer(seconds, line.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
