"""`gogooku sandbox market` and `gogooku sandbox serve`: the simulated market."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.core.config import resolve
from gogooku.core.process import CTRL_C
from gogooku.core.progress import Reporter
from gogooku.core.wall import SystemClock, tokyo_time
from gogooku.ingest.source import sources_folder
from gogooku.sandbox.exchange.exchange import Exchange
from gogooku.sandbox.exchange.opening import config_until, end_of_next_quarter, open_exchange
from gogooku.sandbox.market.market import market_config


def market(
    home: Path,
    *,
    name: str | None,
    size: str,
    seed: int,
    config: Path | None,
    assignments: Sequence[str],
    reporter: Reporter,
) -> Answer:
    """Generate a market and store it as a source, by default named by its size and seed.

    Raises
    ------
    ConfigError
        There is no such size, or a setting is wrong.
    """
    before = Before(sources_folder(home).glob("*"))
    source = pipeline.sandbox(
        home,
        name or f"sandbox-{size}-{seed}",
        resolve(
            market_config(size, seed=seed), base_name=size, file=config, assignments=assignments
        ),
        reporter=reporter,
    )
    rows = source.manifest["rows"]
    return Answer(
        facts={"source": source.name, "rows": rows, "hash": source.content_hash},
        parts=[
            f"source {source.name}: {rows:,} rows",
            *([already("generated")] if before.had(source.folder) else []),
        ],
    )


def serve(
    *,
    size: str,
    seed: int,
    until: date | None,
    port: int,
    reporter: Reporter,
    say: Callable[[Answer], None],
) -> None:
    """Answer the J-Quants endpoints from a generated market; returns when the process is stopped.

    Parameters
    ----------
    until : date, optional
        Last date of the market; the end of the next quarter by default.
    say : callable
        Given the address, and which market it is, once requests are accepted.

    Raises
    ------
    ConfigError
        There is no such size.
    BusyError
        The port is in use.
    """
    from gogooku.sandbox.exchange.server import serve as serve_exchange

    clock = SystemClock()
    last = until or end_of_next_quarter(tokyo_time(clock.now()).date())
    config = config_until(size, seed=seed, until=last)

    def exchange() -> Exchange:
        with reporter.step("market"):
            return open_exchange(config, clock=clock)

    def opened(address: str) -> None:
        say(
            Answer(
                facts={"address": address, "size": size, "seed": seed, "until": str(last)},
                parts=[
                    f"sandbox exchange on {address}, market {size} of seed {seed} until {last}. "
                    f"{CTRL_C}",
                    "  keys: sandbox (premium), sandbox-free, -light, -standard, -premium",
                ],
            )
        )

    serve_exchange(exchange, port=port, opened=opened)
    say(Answer(facts={"stopped": True}, parts=["Stopped."]))
