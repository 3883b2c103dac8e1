"""Keys: from what a keyboard sends to what the table says, and what must never be taken for a key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.player.key_reader import KeyReader
from auditor.player.keys import ACTIONS, BINDINGS, help_lines, page


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b" p}{.", ["SPACE", "p", "}", "{", "."]),
        (b"\x7f\b", ["BACKSPACE", "BACKSPACE"]),
        (b"\r\n", ["ENTER", "ENTER"]),
        (b"\x1b[D\x1b[C\x1b[A\x1b[B", ["LEFT", "RIGHT", "UP", "DOWN"]),
        (b"\x1bOD\x1bOC\x1bOH\x1bOF", ["LEFT", "RIGHT", "HOME", "END"]),
        (b"\x1b[1~\x1b[4~\x1b[5~\x1b[6~", ["HOME", "END", "PGUP", "PGDN"]),
        (b"\x1b[7~\x1b[8~\x1b[H\x1b[F", ["HOME", "END", "HOME", "END"]),
        ("é漢".encode(), ["é", "漢"]),
        (b"\x0c\x15", ["CTRL-L", "CTRL-U"]),
        (b"\x1bq", ["ESC", "q"]),
    ],
)
def test_what_a_keyboard_sends_is_read_as_its_key_in_any_pieces(sent, keys):
    assert KeyReader().feed(sent) == keys
    reader = KeyReader()
    assert [key for byte in sent for key in reader.feed(bytes([byte]))] == keys


@pytest.mark.parametrize(
    "answer",
    [
        b"\x1b[24;80R",
        b"\x1b[?1;2c",
        b"\x1b[>41;354;0c",
        b"\x1b]11;rgb:qqqq/pppp/GGGG\x1b\\",
        b"\x1b]52;c;cXFxcQ==\x07",
        b"\x1bP>|qGp\x1b\\",
        b"\x1b[Mqpq",
        b"\x1b[<0;1;1M",
        b"\x1b[1;5C",
        b"\x1b[15~",
        b"\x1b[200~",
    ],
)
def test_what_a_terminal_answers_is_no_key(answer):
    assert KeyReader().feed(answer) == []
    reader = KeyReader()
    assert [key for byte in answer for key in reader.feed(bytes([byte]))] == []
    assert reader.feed(b"q") == ["q"]


def test_escape_is_a_key_when_nothing_follows():
    reader = KeyReader()
    assert reader.feed(b"\x1b") == []
    assert reader.waiting
    assert reader.flush() == ["ESC"]
    assert not reader.waiting


@given(st.lists(st.binary(max_size=12)))
def test_prop_any_input_is_read_without_an_error_and_not_held_back_for_ever(pieces):
    reader = KeyReader()
    for piece in pieces:
        reader.feed(piece)
    reader.flush()
    assert reader.feed(b"q")[-1:] in (["q"], [])
    assert not reader.waiting


def test_no_key_does_two_things_and_every_action_has_a_key():
    keys = [key for binding in BINDINGS for key in binding.keys]
    assert len(keys) == len(set(keys)) == len(ACTIONS)
    assert len({binding.action for binding in BINDINGS}) == len(BINDINGS)


def test_the_page_of_keys_is_the_one_made_from_the_table():
    written = (Path(__file__).parent.parent / "docs" / "keys.md").read_text()
    assert written == "".join(line + "\n" for line in page()), "python -m auditor.player.keys > docs/keys.md"


def test_help_names_every_key():
    text = "\n".join(help_lines())
    assert all(key in text for binding in BINDINGS for key in binding.keys)
