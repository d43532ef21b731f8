"""Every error this project raises on purpose, as one tree.

::

    GogookuError
    |- FindingError                 exit 1  a check ran and found something
    |- StoppedError                 exit 128 + N  signal N stopped the command (Ctrl-C: 130)
    |- InternalError                exit 70 a defect of the program
    |- UsageError                   exit 2  wrong usage
    |  |- ConfigError               exit 2  unknown key, bad value, impossible fold
    |- EnvironmentalError           exit 3  data, service or environment
       |- DataError                 exit 3  input that cannot be used
       |  |- NotFoundError          exit 3  a session or horizon that an artefact does not have
       |  |- ContractError          exit 3  two artefacts that do not fit each other
       |  |- UnsealedError          exit 3  an artefact without digests of its files
       |- StorageError              exit 3  disk full, not writable
       |- OutputError               exit 3  the answer cannot be printed
       |- ResourceError             exit 3  no more memory, descriptors or threads
       |- MissingPackageError    exit 3  a package of an extra is not installed
       |- BusyError                 exit 3  another process holds the lock
       |- TransientError            exit 3  a retry may help
       |- TerminalError             exit 3  a retry cannot help

A message says what, where, how many, and what to do next, in one paragraph.
"""

from __future__ import annotations


class GogookuError(Exception):
    """Base of all deliberate errors; ``exit_code`` is what the command line returns."""

    exit_code = 3


class FindingError(GogookuError):
    """A check ran to its end and found something wrong."""

    exit_code = 1


class StoppedError(GogookuError):
    """The user, or the machine, asked the command to stop by a signal; ``call`` is what goes on."""

    def __init__(self, number: int, call: str = "the same command") -> None:
        super().__init__(
            "Stopped. All that is finished is safe, and nothing half-written is visible. "
            f"Go on with: {call}"
        )
        self.exit_code = 128 + number


class InternalError(GogookuError):
    """Nothing that a user did: the program itself is wrong. Its cause is the exception."""

    exit_code = 70


class UsageError(GogookuError):
    """The call itself is wrong: a missing argument, an unknown name."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration that cannot be: unknown key, bad value, fold with too short a purge."""


class EnvironmentalError(GogookuError):
    """Something outside the call is missing, malformed, full or refused."""


class DataError(EnvironmentalError):
    """Input data that cannot be used as it is."""


class NotFoundError(DataError):
    """What was asked for, such as a session or a horizon, is not in an artefact that is whole."""


class ContractError(DataError):
    """Two artefacts that do not belong together, such as a checkpoint and a dataset."""


class UnsealedError(DataError):
    """An artefact that states no digests of its files: whether it is whole cannot be known."""


class StorageError(EnvironmentalError):
    """The disk is full or cannot be written."""


class OutputError(EnvironmentalError):
    """Standard output cannot be written: what a command has to say is lost, its work is done."""


class ResourceError(EnvironmentalError):
    """The machine, or a limit of the shell, gives no more memory, open files or threads."""


class MissingPackageError(EnvironmentalError):
    """A package that this command needs came with no extra of the install."""


class BusyError(EnvironmentalError):
    """Another process is writing the same thing."""


class TransientError(EnvironmentalError):
    """A fault that may pass: retrying is sensible."""


class TerminalError(EnvironmentalError):
    """A fault that will not pass: retrying is pointless."""
