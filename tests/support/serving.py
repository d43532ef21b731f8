"""A server as a user starts one."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

import gogooku
from gogooku.serve.keys import KEY_HEADER, hash_key
from support.asking import KEY


class Server:
    """A real server process of this package on a free loopback port."""

    def __init__(self, home, *named, log, before="", environment=()):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = log
        command = ["serve", *named, "--port", str(self.port)]
        with log.open("w") as handle:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"{before}\nfrom gogooku import cli; cli.main({command!r})"],
                env={
                    "GOGOOKU_HOME": str(home),
                    "GOGOOKU_API_KEYS": hash_key(KEY),
                    "PYTHONPATH": str(Path(gogooku.__file__).parents[1]),
                    **dict(environment),
                },
                stdout=handle,
                stderr=handle,
                cwd=home,
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        limit = time.monotonic() + 90
        while True:
            try:
                self.client.get("/health")
                return
            except httpx.TransportError:
                assert self.process.poll() is None, log.read_text()
                assert time.monotonic() < limit, "the server did not come up"
                time.sleep(0.1)

    def get(self, path, *, key=KEY, **params):
        headers = {} if key is None else {KEY_HEADER: key}
        return self.client.get(path, params=params, headers=headers)

    def close(self):
        self.client.close()
        self.process.terminate()
        self.process.wait(timeout=20)
