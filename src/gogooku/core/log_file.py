"""A file that says when what was done: one line each, with its time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gogooku.core.errors import StorageError
from gogooku.core.plain import plain
from gogooku.core.wall import JST, SystemClock


@dataclass(frozen=True)
class LogFile:
    """Lines are appended: several commands, one after the other or at once, may share a file."""

    path: Path

    @classmethod
    def opened(cls, path: Path) -> LogFile:
        """A log whose file can be written.

        Raises
        ------
        StorageError
            It cannot.
        """
        log = cls(path)
        log._append("")
        return log

    def line(self, text: str) -> None:
        """Add a line with the time in Tokyo; what a terminal would obey is taken out.

        Raises
        ------
        StorageError
            The file cannot be written any more.
        """
        now = SystemClock().now().astimezone(JST)
        self._append(f"{now:%Y-%m-%dT%H:%M:%S%z} {plain(text)}\n")

    def _append(self, text: str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as fault:
            raise StorageError(
                f"--log-file {self.path}: cannot be written ({fault.strerror}). Its folder must be "
                "there; or leave the option out."
            ) from fault
