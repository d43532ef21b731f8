"""A socket that listens for HTTP, or a plain word why there can be none."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Final

from gogooku.core.errors import BusyError, UsageError

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Where to listen.

    Attributes
    ----------
    host : str
        A name or an address of this machine, also of IPv6.
    port : int
        0 is any free one.
    """

    host: str
    port: int


def listen(at: Address) -> socket.socket:
    """Listen at an address.

    Raises
    ------
    UsageError
        There is no such address on this machine, or this user may not have the port.
    BusyError
        The port is in use.
    """
    host, port = at.host, at.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as fault:
        raise UsageError(f"--host {host!r}: no address of this machine. {_HOST_HELP}") from fault
    family, _, _, _, address = found[0]
    # The protocol is named because asyncio turns off Nagle's algorithm only where it is: without,
    # each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as fault:
        listener.close()
        if fault.errno == errno.EADDRINUSE:
            raise BusyError(
                f"port {port} is in use at {host}; stop the other server or use --port 0, which "
                "takes a free one."
            ) from fault
        if fault.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"--host {host}: no address of this machine. {_HOST_HELP}") from fault
        raise UsageError(
            f"--port {port}: cannot listen there ({fault.strerror}); use one above 1023, or "
            "--port 0, which takes a free one."
        ) from fault
    return listener


_HOST_HELP = "Use 127.0.0.1 for this machine alone, or 0.0.0.0 for all networks it is on."


def url_of(listener: socket.socket) -> str:
    """The address at which a socket listens, for HTTP."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
