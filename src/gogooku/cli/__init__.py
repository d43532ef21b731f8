"""The command line: declares the commands, reads the environment and prints; nothing else.

What a command does is in the module of its name in `gogooku.commands`, which is imported when the
command is called, so that ``--help`` is instant. Declarations lie by subject in `data`, `runs` and
`use`; the environment is read in `gogooku.core.environment`, the answer is printed in `output`, and
`program` puts them together.
"""

from gogooku.cli.output import emit as emit
from gogooku.cli.program import app as app
from gogooku.cli.program import main as main
from gogooku.cli.shared import home_folder as home_folder
