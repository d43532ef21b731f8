"""`gogooku serve`: what was published, over HTTP, until it is stopped."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.core.errors import UsageError
from gogooku.core.listen import Address, listen, url_of
from gogooku.core.process import CTRL_C, until_stopped
from gogooku.core.rotated import RotatedFile
from gogooku.core.wall import WallClock
from gogooku.dataset.home import current_dataset, current_name
from gogooku.predict.predictor import Predictor
from gogooku.runs.find import open_run
from gogooku.runs.folder import finished_runs
from gogooku.serve.access_log import AccessLog
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import (
    KeyRing,
    key_ring,
    keys_mark,
    keys_path,
    parse_key_hashes,
    require_keys,
)
from gogooku.serve.publications import Desk, Followed, only_source
from gogooku.serve.research import Research
from gogooku.serve.service import Service
from gogooku.serve.snapshot import Snapshot

_IN_CLEAR = (
    "WARNING: {url} can be reached from other machines, and keys and answers go over the network "
    "in clear. Listen on 127.0.0.1 and put a server with TLS in front, for example: caddy "
    "reverse-proxy --from your.domain --to 127.0.0.1:{port}"
)


@dataclass(frozen=True)
class Asked:
    """What is to be served.

    Attributes
    ----------
    source : str or None
        The source whose publications; the only one that has a release by default.
    run, dataset : str or None
        A run or a dataset by its name, instead of publications; the newest where the other is
        named alone.
    device : str
        Where the network of a named run scores.
    log : RotatedFile or None
        The access log; standard error by default.
    """

    source: str | None = None
    run: str | None = None
    dataset: str | None = None
    device: str = "cpu"
    log: RotatedFile | None = None

    @property
    def is_research(self) -> bool:
        """Whether a run is served, and not what was published."""
        return self.run is not None or self.dataset is not None


def serve(
    home: Path,
    asked: Asked,
    *,
    key_hashes: str,
    at: Address,
    clock: WallClock,
    say: Callable[[Answer], None],
) -> None:
    """Serve until the process is asked to stop.

    Parameters
    ----------
    key_hashes : str
        SHA-256 hashes of keys that are let in besides those of the home, separated by commas.
    at : Address
        Where to listen.
    say : callable
        Given what is served and where, once requests are accepted, and that it has stopped.

    Raises
    ------
    UsageError
        No key, or a hash that is none; no release, or several; a device that this machine or the
        run cannot use; an address that is not this machine's.
    BusyError
        The port is in use.
    DataError
        There is no publication, run or dataset, or it is damaged.
    ContractError
        The run was fitted on other features than the dataset has.
    """
    if asked.is_research and asked.source is not None:
        raise UsageError("--source: publications are served; not with --run or --dataset")
    hashes, path = parse_key_hashes(key_hashes), keys_path(home)
    keys = Fresh(lambda: keys_mark(path), lambda: key_ring(hashes, path))
    require_keys(keys.now(), path)
    with closing(listen(at)) as listener:
        make = _research if asked.is_research else _published
        service, facts = make(home, asked, keys, clock)
        server = service.server(listener)
        say(_begun(facts, listener))
        with until_stopped():
            server.run()
    say(Answer(facts={"stopped": True}, parts=["Stopped."]))


def _published(
    home: Path, asked: Asked, keys: Fresh[KeyRing], clock: WallClock
) -> tuple[Service, dict[str, Any]]:
    """Publications of a source."""
    source = asked.source or only_source(home)
    followed = Followed(home, source, clock)
    fresh: Fresh[Snapshot] = Fresh(followed.mark, followed.load)
    desk = Desk(fresh, keys, clock)
    service = Service(
        desk.pages(),
        keys,
        log=AccessLog(asked.log),
        clock=clock,
        metrics=desk.metrics,
        looks=[fresh.look],
    )
    newest, now = fresh.now().newest, desk.standing()
    facts = {"source": source, "bundle": newest.bundle, "session": str(newest.session)}
    return service, {**facts, "status": now.status, "why": now.why or None}


def _research(
    home: Path, asked: Asked, keys: Fresh[KeyRing], clock: WallClock
) -> tuple[Service, dict[str, Any]]:
    """A run and a dataset, the newest where one is not named, also when a newer one comes."""
    run, dataset = asked.run, asked.dataset
    fresh: Fresh[Predictor] = Fresh(
        lambda: _newest(home, run, dataset),
        lambda: pipeline.predictor(
            open_run(home, run), current_dataset(home, dataset), device=asked.device
        ),
    )
    follows = [name for name, given in (("run", run), ("dataset", dataset)) if given is None]
    pages = Research(fresh, follows=follows).pages()
    service = Service(pages, keys, log=AccessLog(asked.log), clock=clock, looks=[fresh.look])
    served = fresh.now()
    return service, {"run": served.run.run_id, "session": str(served.newest)}


def _begun(facts: dict[str, Any], listener: socket.socket) -> Answer:
    """What is served and where; with a warning where others can read along."""
    url = url_of(listener)
    host, port = listener.getsockname()[:2]
    warnings = []
    if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        warnings.append(_IN_CLEAR.format(url=url, port=port))
    if facts.get("why"):
        warnings.append(f"WARNING: {facts['why']}")
    name = facts.get("bundle") or facts["run"]
    said = f"Serving {name}, session {facts['session']}, at {url}. {CTRL_C}"
    page = [f"A browser shows {url}/ and asks for a key: it is the password."]
    parts = [said, *(page if facts.get("bundle") else []), *warnings]
    return Answer(facts={"address": url, **facts, "warnings": warnings}, parts=parts)


def _newest(home: Path, run: str | None, dataset: str | None) -> tuple[str, str]:
    """What `predict` would take now, without opening it; empty where it is named."""
    runs = [] if run is not None else finished_runs(home)
    return (runs[-1].name if runs else "", "" if dataset is not None else current_name(home))
