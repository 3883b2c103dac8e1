"""What a stranger wrote, on the auditor's terminal."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from auditor.output.printable import printable


def test_escape_sequences_are_shown_not_obeyed():
    assert printable("\x1b[31mred\x1b[0m") == r"\x1b[31mred\x1b[0m"
    assert printable("\x9b2J\x7f\0") == r"\x9b2J\x7f\x00"


def test_text_is_not_turned_around():
    assert printable("user\u202egnp.exe") == r"user\u202egnp.exe"
    assert printable("a\u2066b\u200dc\ufeff\U000e0041") == r"a\u2066b\u200dc\ufeff\U000e0041"


def test_a_line_stays_one_line():
    assert printable("a\nb\r\tc\u2028d\x85") == r"a\nb\r\tc\u2028d\x85"


def test_other_scripts_and_symbols_are_left_alone():
    text = "日本語 é ❯ 👍 \u3000 \ue0b0 Ελληνικά עברית C:\\new"
    assert printable(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_prop_nothing_printable_can_be_obeyed_by_a_terminal(text):
    shown = printable(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode()


@given(st.text(st.characters(exclude_categories=[], exclude_characters="\\")))
def test_prop_what_was_there_can_be_read(text):
    back = printable(text).encode("ascii", "backslashreplace").decode("unicode_escape")
    assert back.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
