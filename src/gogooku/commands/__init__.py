"""The commands: a module each, with a function of the command's name that returns an `Answer`.

Beside them: `answer` (the type they return), `display` (tables), `arguments` (option types, and how
texts become values) and `forget` (what ``sync --forget`` removes).
"""
