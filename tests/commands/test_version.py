from gogooku import __version__
from support.cli import done


def test_version(tmp_path):
    assert done(tmp_path, "version").out == f"gogooku {__version__}\n"
