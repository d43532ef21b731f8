"""Which addresses may be asked: the base of the API, and those of files."""

from __future__ import annotations

import ipaddress

import httpx

from gogooku.core.errors import ConfigError, DataError


def host_of(base_url: str) -> str:
    """Host of the base address; one that cannot be asked is refused."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
        raise ConfigError(
            "JQUANTS_BASE_URL is not an address like https://api.jquants.com/v2 (scheme, host and "
            "version; no user, no query)."
        )
    return url.netloc.decode("ascii")


def refuse_plain(request: httpx.Request) -> None:
    """Refuse an address, or a redirect, of a file that anyone on the way could change."""
    host = request.url.host
    if request.url.scheme != "https" and not _is_loopback(host):
        raise DataError(
            f"a file is offered by {host} without https; nothing was fetched from there"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
