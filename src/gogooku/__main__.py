"""``python -m gogooku``: the same program as ``gogooku``."""

from gogooku.cli import main

if __name__ == "__main__":
    main()
