"""A file as people send it, opened: containers, encodings, line ends; bounded in size and time.

What comes out is a stream of text lines. Anything that is no text of lines is named and refused
before much of it is read.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from gogooku.core.errors import DataError

MAX_LINE = 1 << 20
"""Characters of the longest line: a cell of more is no price."""

MAX_BYTES = 16 << 30
"""Decompressed bytes of one file."""

MAX_FILES = 20_000
"""Files of one import."""

PARQUET_MAGIC = b"PAR1"

_SNIFF = 1 << 16
_UNUSED = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
"""What Python makes of single bytes that CP932 does not use."""

_HALF_WIDTH = re.compile("[\uff61-\uff9f]")

_JAPANESE = ("日付", "コード", "銘柄", "始値", "高値", "安値", "終値", "出来高", "市場", "業種")
"""Words of headers that show that a text was decoded rightly."""

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (xls)", "Save the sheet as CSV UTF-8"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it"),
    (b"Rar!", "a RAR archive", "Unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "Unpack it (unzstd)"),
    (b"\x89HDF", "an HDF5 file", "Write the frame as Parquet (to_parquet)"),
    (b"ARROW1", "a Feather or Arrow file", "Write the frame as Parquet (to_parquet)"),
    (b"FEA1", "a Feather file", "Write the frame as Parquet (to_parquet)"),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV or Parquet"),
    (b"%PDF", "a PDF", "Get the data as CSV"),
    (b"\x80\x03", "a pickle, which is never read", "Write the frame as Parquet (to_parquet)"),
    (b"\x80\x04", "a pickle, which is never read", "Write the frame as Parquet (to_parquet)"),
    (b"\x80\x05", "a pickle, which is never read", "Write the frame as Parquet (to_parquet)"),
    (b"ORC", "an ORC file", "Write the frame as Parquet (to_parquet)"),
)
"""First bytes, what the file is, and what to do."""

_CONTAINERS = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
"""First bytes of what is unpacked, and its name; the second of zip is an empty archive."""

_TEXT_KINDS: tuple[tuple[str, str, str], ...] = (
    ("<!doctype html", "a web page", "The download failed or asked for a login; fetch it again"),
    ("<html", "a web page", "The download failed or asked for a login; fetch it again"),
    ("<?xml", "XML", "Get the data as CSV or Parquet"),
    ("{", "JSON", "Write the rows as CSV or Parquet"),
    ("[", "JSON", "Write the rows as CSV or Parquet"),
    ("version https://git-lfs", "a Git LFS pointer", "Fetch the file itself: git lfs pull"),
)

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Opened:
    """A file whose kind is known.

    Attributes
    ----------
    path : Path
    name : str
        As it is named in messages.
    container : str
        ``""``, ``gzip``, ``bzip2``, ``xz`` or ``zip``.
    encoding : str
        Of its text, as Python names it; empty for Parquet.
    """

    path: Path
    name: str
    container: str
    encoding: str

    @property
    def parquet(self) -> bool:
        """Whether it is Parquet."""
        return not self.encoding

    @property
    def how(self) -> str:
        """Container and encoding in words; empty for UTF-8 without either."""
        plain = {"utf-8": "", "utf-8-sig": "", "": ""}
        names = {"cp932": "Shift-JIS (CP932)", "euc_jp": "EUC-JP", "utf-16": "UTF-16"}
        encoding = plain.get(self.encoding, names.get(self.encoding, self.encoding))
        return ", ".join(part for part in (self.container, encoding) if part)


def given_files(paths: list[Path]) -> list[Path]:
    """Files of an import: those named, and the CSV and Parquet files of the folders named.

    Raises
    ------
    DataError
        A folder without such files; more than `MAX_FILES`.
    """
    out: list[Path] = []
    for path in paths:
        if not path.is_dir():
            out.append(path)
            continue
        inside = sorted(
            one
            for one in path.iterdir()
            if not one.name.startswith(".")
            and one.name.lower().removesuffix(".gz").endswith((".csv", ".parquet", ".pq", ".txt"))
        )
        if not inside:
            raise DataError(f"{path}: a folder without CSV or Parquet files; give the files.")
        out += inside
    if len(out) > MAX_FILES:
        raise DataError(f"import: {len(out):,} files, at most {MAX_FILES:,}; join them first.")
    return out


def open_file(path: Path) -> Opened:
    """Find out what a file is.

    Raises
    ------
    DataError
        It is missing, empty, no regular file, or of a kind that is not read; the message says what
        to do.
    """
    head = _head(path)
    name = path.name
    if head.startswith(PARQUET_MAGIC):
        return Opened(path, name, "", "")
    if path.suffix.lower() in (".parquet", ".pq"):
        raise DataError(
            f"{name}: named Parquet, but it does not begin with PAR1. Export it again, or rename "
            "it to .csv if it is one."
        )
    _refuse_kind(head, name)
    container = _container(path, head, name)
    if container:
        head = _inner_head(path, container, name)
        _refuse_kind(head, name)
        inner = _compressed(head)
        if inner:
            raise DataError(
                f"{name}: {inner} inside {container}: packed twice. Unpack it once; nothing was "
                "imported."
            )
    if head.startswith(PARQUET_MAGIC):
        raise DataError(f"{name}: a Parquet file inside {container}; unpack it and import that.")
    return Opened(path, name, container, _encoding(path, container, head, name))


def _head(path: Path) -> bytes:
    """First bytes of a regular file; nothing that could block or never end is opened."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = (
                "a folder" if stat.S_ISDIR(mode) else "no regular file (a device, pipe or socket)"
            )
            raise DataError(f"{path}: {kind}. Give the path of a CSV or Parquet file.")
        with path.open("rb") as handle:
            head = handle.read(_SNIFF)
    except (OSError, ValueError) as fault:
        reason = os.strerror(fault.errno) if isinstance(fault, OSError) and fault.errno else fault
        raise DataError(
            f"{path}: cannot be read ({reason}). Give the path of a CSV or Parquet file."
        ) from fault
    if not head:
        raise DataError(f"{path.name}: the file is empty (0 bytes). Download or export it again.")
    return head


def _refuse_kind(head: bytes, name: str) -> None:
    for magic, what, remedy in _KINDS:
        if head.startswith(magic):
            raise DataError(f"{name}: {what}, not CSV or Parquet. {remedy}; nothing was imported.")
    start = head[:256].lstrip(b"\xef\xbb\xbf \t\r\n").decode("latin-1").lower()
    for text, what, remedy in _TEXT_KINDS:
        if start.startswith(text):
            raise DataError(f"{name}: {what}, not CSV or Parquet. {remedy}; nothing was imported.")


def _container(path: Path, head: bytes, name: str) -> str:
    found = _compressed(head)
    if found == "zip":
        _zip_member(path, name)
    return found


def _compressed(head: bytes) -> str:
    """What packed some bytes, by the first of them; empty for nothing that is known."""
    return next((kind for magic, kind in _CONTAINERS if head.startswith(magic)), "")


def _zip_member(path: Path, name: str) -> zipfile.ZipInfo:
    """The one file inside a zip archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {one.filename for one in archive.infolist()}
            if "[Content_Types].xml" in names:
                raise DataError(
                    f"{name}: an Excel workbook (xlsx), not CSV or Parquet. Save the sheet as CSV "
                    "UTF-8; nothing was imported."
                )
            files = [
                one
                for one in archive.infolist()
                if not one.is_dir() and not one.filename.startswith("__MACOSX/")
            ]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise DataError(
            f"{name}: a zip archive that cannot be read ({fault}). Fetch it again."
        ) from fault
    if len(files) != 1:
        shown = ", ".join(one.filename for one in files[:5])
        raise DataError(
            f"{name}: a zip archive of {len(files):,} files ({shown}). Unpack it and import the "
            "files."
        )
    if files[0].flag_bits & 1:
        raise DataError(f"{name}: a zip archive with a password. Unpack it and import the file.")
    return files[0]


@contextmanager
def _raw(path: Path, container: str, name: str) -> Iterator[IO[bytes]]:
    """Decompressed bytes; what the decompressor says of damage is a `DataError`."""
    try:
        if container == "gzip":
            with gzip.open(path, "rb") as unzipped:
                yield cast(IO[bytes], unzipped)
        elif container == "bzip2":
            with bz2.open(path, "rb") as stream:
                yield stream
        elif container == "xz":
            with lzma.open(path, "rb") as stream:
                yield stream
        elif container == "zip":
            with zipfile.ZipFile(path) as archive, archive.open(_zip_member(path, name)) as stream:
                yield stream
        else:
            with path.open("rb") as stream:
                yield stream
    except (EOFError, OSError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError) as fault:
        raise DataError(
            f"{name}: {container or 'the file'} cannot be read to its end ({fault}): the copy or "
            "the download was cut. Fetch it again; nothing was imported."
        ) from fault


def _inner_head(path: Path, container: str, name: str) -> bytes:
    with _raw(path, container, name) as stream:
        head = stream.read(_SNIFF)
    if not head:
        raise DataError(f"{name}: {container} of an empty file. Download or export it again.")
    return head


def _encoding(path: Path, container: str, head: bytes, name: str) -> str:
    """The encoding of the whole text: by its mark, else UTF-8, else a Japanese one."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        line = head[: head.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"{name}: a byte 0 on line {line}, so it is no text, or UTF-16 without its mark. Save "
            "it as CSV UTF-8; nothing was imported."
        )
    fault = _undecodable(path, container, "utf-8", name)
    if fault is None:
        return "utf-8"
    tried = [one for one in ("cp932", "euc_jp") if _undecodable(path, container, one, name) is None]
    if tried:
        return min(tried, key=lambda one: _strangeness(head.decode(one, "ignore")))
    line, byte = fault
    raise DataError(
        f"{name}: no UTF-8 (byte 0x{byte:02x} on line {line:,}), and neither Shift-JIS (CP932) nor "
        "EUC-JP. Save it as CSV UTF-8; nothing was imported."
    )


def _strangeness(text: str) -> tuple[bool, int]:
    """How unlikely a decoding is: without a word of headers, then by its half-width kana.

    EUC-JP read as CP932 is mostly half-width kana, which hardly anybody writes.
    """
    known = any(word in text for word in _JAPANESE)
    return (not known, len(_HALF_WIDTH.findall(text)))


def _undecodable(path: Path, container: str, encoding: str, name: str) -> tuple[int, int] | None:
    """Line and byte at which a text leaves an encoding; None if it never does."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, total = 1, 0
    with _raw(path, container, name) as stream:
        while True:
            block = stream.read(1 << 22)
            total += len(block)
            _bounded(total, name)
            try:
                text = decoder.decode(block, final=not block)
                if encoding == "cp932" and _UNUSED.search(text):
                    raise UnicodeDecodeError(encoding, block, 0, 1, "a byte that is not used")
            except UnicodeDecodeError as fault:
                return lines + fault.object[: fault.start].count(b"\n"), fault.object[fault.start]
            if not block:
                return None
            if b"\0" in block:
                line = lines + block[: block.index(b"\0")].count(b"\n")
                raise DataError(f"{name}: a byte 0 on line {line:,}: no text. Export it again.")
            lines += block.count(b"\n")


def _bounded(total: int, name: str) -> None:
    if total > MAX_BYTES:
        raise DataError(
            f"{name}: more than {MAX_BYTES >> 30} GiB once unpacked. Split it by year, and import "
            "only daily bars."
        )


@contextmanager
def text_lines(opened: Opened) -> Iterator[Iterator[str]]:
    """Lines of a text, each with one line feed at its end, whether it had CR, LF or CRLF.

    Raises
    ------
    DataError
        A line of more than `MAX_LINE` characters, or bytes that are not of the encoding.
    """
    with _raw(opened.path, opened.container, opened.name) as stream:
        text = io.TextIOWrapper(stream, encoding=opened.encoding, newline=None)
        yield _lines(text, opened)
        text.detach()


def _lines(text: io.TextIOWrapper, opened: Opened) -> Iterator[str]:
    number, total = 0, 0
    while True:
        try:
            line = text.readline(MAX_LINE + 1)
        except UnicodeDecodeError as fault:
            raise DataError(
                f"{opened.name}: line {number + 1:,} is not {opened.encoding} ({fault.reason}). "
                "Save it as CSV UTF-8; nothing was imported."
            ) from fault
        if not line:
            return
        number += 1
        total += len(line)
        _bounded(total, opened.name)
        if len(line) > MAX_LINE:
            raise DataError(
                f"{opened.name}: line {number:,} is longer than {MAX_LINE >> 20} MiB, so it is no "
                "row of prices. Export it again."
            )
        yield line
