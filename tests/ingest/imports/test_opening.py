"""A file as people send it: containers, encodings, line ends; what is no table is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from pathlib import Path

import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.imports import opening
from gogooku.ingest.imports.opening import given_files, open_file, text_lines

TEXT = "日付,コード,終値\n2024/01/04,7203,100\n2024/01/05,7203,101\n"


def write(folder: Path, body: bytes, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def zipped(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files:
            archive.writestr(name, body)
    return out.getvalue()


ENCODED = {
    "utf-8": TEXT.encode(),
    "utf-8-sig": TEXT.encode("utf-8-sig"),
    "cp932": TEXT.encode("cp932"),
    "euc_jp": TEXT.encode("euc_jp"),
    "utf-16": TEXT.encode("utf-16"),
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("container", ["", "gzip", "bzip2", "xz", "zip"])
def test_text_is_read_whatever_its_encoding_and_container(
    tmp_path: Path, encoding: str, container: str
) -> None:
    body = ENCODED[encoding]
    packed = {
        "": body,
        "gzip": gzip.compress(body),
        "bzip2": bz2.compress(body),
        "xz": lzma.compress(body),
        "zip": zipped(("folder/p.csv", body), ("__MACOSX/._p.csv", b"x")),
    }[container]
    opened = open_file(write(tmp_path, packed))
    assert (opened.encoding, opened.container) == (encoding, container)
    with text_lines(opened) as lines:
        assert "".join(lines) == TEXT


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    opened = open_file(write(tmp_path, TEXT.replace("\n", end).encode("cp932")))
    with text_lines(opened) as lines:
        assert "".join(lines) == TEXT


KINDS = {
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel workbook .xls.*CSV UTF-8"),
    "xlsx": (zipped(("[Content_Types].xml", b"<x/>"), ("xl/a.xml", b"")), "workbook .xlsx"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00", "7z archive.*Unpack"),
    "zst": (b"\x28\xb5\x2f\xfd\x00", "Zstandard"),
    "pickle": (b"\x80\x04\x95\x00", "pickle, which is never read.*to_parquet"),
    "feather": (b"ARROW1\x00\x00", "Feather"),
    "hdf": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "html": (b"\n<!DOCTYPE html><html>", "web page.*login"),
    "json": (b'{"error": "no"}', "JSON"),
    "array": (b"[1, 2]", "JSON"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "pdf": (b"%PDF-1.7", "PDF"),
    "two": (zipped(("a.csv", b"x"), ("b.csv", b"y")), r"archive of 2 files \(a.csv, b.csv\)"),
    "none": (zipped(), "archive of 0 files"),
    "parquet": (gzip.compress(b"PAR1....PAR1"), "Parquet file inside gzip"),
    "inner": (gzip.compress(b"\x80\x04\x95"), "pickle"),
    "empty": (gzip.compress(b""), "gzip of an empty file"),
    "cut": (gzip.compress(TEXT.encode() * 99)[:-9], "cannot be read to its end.*cut"),
    "torn": (b"PK\x03\x04rest", "zip archive that cannot be read"),
    "zero": (b"a,b\n1,\x002\n", "a byte 0 on line 2"),
    "latin": ("date,code,close\n2024-01-04,caf\xe9\xff,1\n".encode("latin-1"), "0xe9 on line 2"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_table_is_named(tmp_path: Path, kind: str) -> None:
    body, message = KINDS[kind]
    path = write(tmp_path, body, f"file_{kind}")
    with pytest.raises(DataError, match=message) as caught, text_lines(open_file(path)) as lines:
        list(lines)
    assert f"file_{kind}" in str(caught.value)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe", tmp_path, tmp_path / "absent", Path("a\0b")):
        with pytest.raises(DataError, match="Give the path of a CSV or Parquet file"):
            open_file(path)


def test_a_line_of_a_mebibyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    body = b"date,code,close\n" + b"9" * (opening.MAX_LINE + 99)
    with (
        pytest.raises(DataError, match="line 2 is longer than 1 MiB"),
        text_lines(open_file(write(tmp_path, body))) as lines,
    ):
        list(lines)


def test_a_text_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_BYTES", 1 << 20)
    path = write(tmp_path, gzip.compress(b"2024-01-04,7203,100\n" * 200_000))
    with pytest.raises(DataError, match="once unpacked"):
        open_file(path)


def test_zeros_are_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"\0" * (64 << 20)))
    with pytest.raises(DataError, match="byte 0 on line 1"):
        open_file(path)


def test_a_folder_gives_its_tables(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv.gz", "c.parquet", ".hidden.csv", "readme.md"):
        write(tmp_path, b"x", name)
    assert [path.name for path in given_files([tmp_path])] == ["a.csv.gz", "b.csv", "c.parquet"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="a folder without CSV or Parquet files"):
        given_files([tmp_path / "empty"])


PACKED_TWICE = {
    "gzip inside gzip": gzip.compress(gzip.compress(TEXT.encode())),
    "gzip inside zip": zipped(("p.csv.gz", gzip.compress(TEXT.encode()))),
    "zip inside zip": zipped(("p.zip", zipped(("p.csv", TEXT.encode())))),
    "xz inside bzip2": bz2.compress(lzma.compress(TEXT.encode())),
}


@pytest.mark.parametrize("what", PACKED_TWICE)
def test_what_is_packed_twice_is_named(tmp_path: Path, what: str) -> None:
    with pytest.raises(DataError, match=f"{what}: packed twice. Unpack it once"):
        open_file(write(tmp_path, PACKED_TWICE[what]))
