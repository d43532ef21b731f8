"""Text of others on the terminal: nothing in it is obeyed."""

import pytest

from gogooku.core.plain import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\t c\r\n", "a b c"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bcreset", "reset"),
        ("a\x00b\x07c\x9b", "a?b?c?"),
        ("abc\u202edef\u2066", "abc?def?"),
        ("zero\u200bwidth", "zero?width"),
        ("\ud800", "?"),
        ("トヨタ　自動車", "トヨタ 自動車"),
        ("naïve 100 %", "naïve 100 %"),
    ],
)
def test_what_a_terminal_would_obey_is_gone(text, shown):
    assert plain(text) == shown


def test_the_length_is_bounded():
    assert plain("ab " * 10**6, limit=5) == "ab ab..."
    assert plain("abcde", limit=5) == "abcde"
    assert len(plain("\x1b[31m" * 10**6 + "x" * 10**6, limit=300)) <= 303
