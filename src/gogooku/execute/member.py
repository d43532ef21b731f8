"""One of the processes that torchrun starts for a task.

The task lies in the folder that the process is called with, and what came of it is put there. The
process ends when its standard input does, at once: so none is left when the process that started
them all is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from gogooku.core.files import read_json, write_json
from gogooku.core.memory import keep_freed_memory
from gogooku.execute.answers import answer_to

MEMBER: Final = "gogooku.execute.member"
TASK_FILE: Final = "task.json"
ANSWERS: Final = "answer-*.json"


def main(folder: Path) -> int:
    """Do the task of a folder; the exit code, by which torchrun knows whether all must end."""
    answer = {**answer_to(read_json(folder / TASK_FILE)), "at": time.time()}
    write_json(folder / ANSWERS.replace("*", str(os.getpid())), answer)
    return 1 if answer["fault"] else 0


def _end_with_starter() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it stops it
    keep_freed_memory()
    threading.Thread(target=_end_with_starter, daemon=True).start()
    sys.exit(main(Path(sys.argv[1])))
