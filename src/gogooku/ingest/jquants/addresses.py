"""Which addresses may be asked: the base of the API, and those of files."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

import httpx

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.plain import plain

_HOST_CHARACTERS: Final = 100
_LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".localdomain")
_NOTHING: Final = "nothing was fetched from there"


def host_of(base_url: str) -> str:
    """Host of the base address; one that cannot be asked is refused.

    Raises
    ------
    ConfigError
        It is no address, or the key would travel in the clear to another machine.
    """
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
        raise ConfigError(
            "JQUANTS_BASE_URL is not an address like https://api.jquants.com/v2 (scheme, host and "
            "version; no user, no query)."
        )
    if url.scheme != "https" and not is_loopback(url.host):
        raise ConfigError(
            f"JQUANTS_BASE_URL {url.scheme}://{url.host}: only https, or this machine; the key "
            "would travel in the clear"
        )
    return url.netloc.decode("ascii")


@dataclass(frozen=True)
class FileRule:
    """Where a file may lie, and every address that it is redirected to.

    Over https at a public address or on the host of the API itself; on this machine, also without
    https, only where the API is on this machine. Never with a user or a password.
    """

    api_host: str

    def __call__(self, request: httpx.Request) -> None:
        """Refuse a request that is against the rule; a `DataError` names the host alone."""
        url = request.url
        host = plain(url.host, limit=_HOST_CHARACTERS)
        if url.userinfo:
            raise DataError(f"a file is offered by {host} with a user's name in it; {_NOTHING}")
        if url.scheme not in ("http", "https"):
            scheme = plain(url.scheme, limit=20)
            raise DataError(f"a file is offered as {scheme!r}, not over https; {_NOTHING}")
        if is_loopback(self.api_host) and is_loopback(url.host):
            return
        if url.scheme != "https":
            raise DataError(f"a file is offered by {host} without https; {_NOTHING}")
        if not self.allows(url.host):
            raise DataError(
                f"a file is offered by {host}, an address of this machine or of a private network; "
                f"{_NOTHING}"
            )

    def allows(self, host: str, peer: str | None = None) -> bool:
        """Whether a file may come from a host, which a name server puts at the address ``peer``."""
        if host == self.api_host or (is_loopback(self.api_host) and is_loopback(host)):
            return True
        return is_public(host) and (peer is None or is_public(peer))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its own name or number."""
    address = _number(host)
    return address.is_loopback if address is not None else host.rstrip(".") == "localhost"


def is_public(host: str) -> bool:
    """Whether a host is not known to be of this machine or a private network."""
    address = _number(host)
    if address is not None:
        return address.is_global and not address.is_multicast
    name = host.rstrip(".").lower()
    return "." in name and not name.endswith(_LOCAL_NAMES)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The numeric address that a host is; also as ``127.1`` or ``0x7f000001``."""
    text = host.strip("[]").rstrip(".").partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(text))
        except (OSError, ValueError):
            return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
