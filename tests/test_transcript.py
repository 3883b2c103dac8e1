"""What a search finds of a session: text as it was seen, at the moment at which it was, and what was typed."""

import itertools
import re
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.screen import Screen
from auditor.transcript import Transcript
from recorder.capture.locale_charset import known_charset
from recorder.formats.message import Input, Output, Resize
from tests.fuzz import fuzz_screen, run
from tests.peers import needs
from tests.sessions import recorded


def seen(*packets, charset="UTF-8"):
    transcript = Transcript(charset)
    lines = [line for packet in [Resize(0, 80, 24), *packets] for line in transcript.feed(packet)]
    return lines + transcript.finish()


def printed(*packets, **options):
    return [(line.at, line.text) for line in seen(*packets, **options) if line.kind == "printed"]


def typed(*packets, **options):
    return [(line.at, line.text) for line in seen(*packets, **options) if line.kind == "entered"]


def test_coloured_text_split_over_packets_is_one_line_from_the_moment_it_was_complete():
    text = "all \x1b[1;31msy\x1b[0mstems are größer\r\n".encode()
    for size in (1, 3, 7):
        packets = [Output(1000 + start * 300, text[start : start + size]) for start in range(0, len(text), size)]
        complete = next(packet.at for packet in reversed(packets) if b"r" in packet.data.strip())
        assert printed(*packets) == [(complete, "all systems are größer")]


def test_lines_that_scroll_by_at_once_are_all_found_in_their_order():
    text = "".join(f"line {number}\r\n" for number in range(500)).encode()
    assert printed(Output(70, text)) == [(70, f"line {number}") for number in range(500)]


def test_lines_that_no_terminal_was_behind_begin_at_the_left():
    transcript = Transcript()
    lines = transcript.feed(Output(5, b"first\nsecond\r")) + transcript.feed(Output(6, b"\nthird\n"))
    assert [line.text for line in lines + transcript.finish()] == ["first", "second", "third"]


def test_a_line_that_wrapped_is_one_line():
    words = "word " * 40 + "the end"
    assert printed(Output(5, words.encode() + b"\r\n")) == [(5, words)]
    assert printed(Output(5, b"\n" * 30 + words.encode() + b"\r\n" * 23)) == [(5, words)]
    assert printed(Resize(0, 9, 5), Output(5, "漢字かな交じり文".encode() + b"\r\n")) == [(5, "漢字かな交じり文")]


def test_a_line_that_is_typed_is_reported_once_when_it_is_complete():
    keys = [Output(1000 + 150 * number, key.encode()) for number, key in enumerate(["$ ", *"cat fiel"])]
    keys += [Output(3000, b"\b\b"), Output(3150, b"\x1b[P"), Output(3300, b"\x1b[C"), Output(3450, b"e")]
    assert printed(*keys, Output(4000, b"\r\ncontents\r\n")) == [
        (2200, "$ cat fiel"),
        (3450, "$ cat file"),
        (4000, "contents"),
    ]


def test_a_command_that_its_output_pushes_away_is_reported_once_with_its_own_time():
    output = "".join(f"{number}\r\n" for number in range(40))
    lines = printed(Output(100, b"$ "), Output(300, b"seq"), Output(900, b"\r\n" + output.encode()))
    assert [line for line in lines if "$" in line[1]] == [(300, "$ seq")]


def test_a_prompt_that_waits_is_reported_with_the_time_at_which_it_came():
    assert printed(Output(100, b"Password: "), Output(9000, b"\r\nok\r\n")) == [(100, "Password:"), (9000, "ok")]


def test_the_same_command_twice_is_found_twice():
    again = b"$ date\r\nMonday\r\n"
    assert printed(Output(100, again), Output(5000, again)) == [
        (100, "$ date"),
        (100, "Monday"),
        (5000, "$ date"),
        (5000, "Monday"),
    ]


def test_text_that_stood_there_for_a_moment_is_found_and_text_that_never_stood_there_is_not():
    bar = [Output(200 * step, f"\r{step * 10:3}% done".encode()) for step in range(1, 5)]
    assert printed(*bar, Output(1000, b"\r\x1b[Kfinished\r\n")) == [
        (200, " 10% done"),
        (400, " 20% done"),
        (600, " 30% done"),
        (800, " 40% done"),
        (1000, "finished"),
    ]
    assert printed(Output(0, b"never seen\r\x1b[Kseen\r\n")) == [(0, "seen")]
    assert printed(Output(0, b"gone soon\x1b[2J"), Output(300, b"\x1b[Hhere")) == [(300, "here")]
    assert printed(Output(0, b"\x1b[5;5Hbriefly"), Output(300, b"\x1b[2J\x1b[Hhere")) == [
        (0, "    briefly"),
        (300, "here"),
    ]


def full_screen(*lines):
    body = "".join(f"\x1b[{row};1H\x1b[K{line}" for row, line in enumerate(lines, 1))
    return f"{body}\x1b[{len(lines) + 1};1H".encode()


def test_a_full_screen_that_is_drawn_again_unchanged_is_reported_once():
    packets = [Output(0, b"\x1b[?1049h")]
    packets += [Output(1000 * second, full_screen("one", "two", "three")) for second in range(1, 60)]
    packets += [Output(60_000, full_screen("one", "2", "three")), Output(61_000, b"\x1b[?1049l")]
    assert printed(*packets) == [(1000, "one"), (1000, "two"), (1000, "three"), (60_000, "2")]


def test_paging_back_soon_reports_nothing_again():
    pages = [full_screen(*(f"{name} {row}" for row in "abcdef")) for name in ("first", "second")]
    packets = [Output(0, b"\x1b[?1049h")] + [Output(1000 + 1000 * n, pages[n % 2]) for n in range(8)]
    assert len(printed(*packets)) == 12


def test_what_stood_on_the_main_screen_is_not_reported_again_after_an_editor():
    packets = [Output(0, b"before\r\n"), Output(500, b"\x1b[?1049h\x1b[H\x1b[2Jeditor\r\n")]
    packets += [Output(900_000, b"\x1b[?1049l"), Output(900_500, b"after\r\n")]
    assert printed(*packets) == [(0, "before"), (500, "editor"), (900_500, "after")]


def test_an_hour_of_a_clock_and_of_counters_stays_small():
    packets = [Output(0, b"\x1b[?1049h")]
    for second in range(3600):
        rows = [f"{number} root {second * number % 1000} bash" for number in range(20)]
        packets.append(Output(second * 1000, full_screen(f"top - {second // 60:02}:{second % 60:02}", *rows)))
    size = sum(len(packet.data) for packet in packets)
    lines = printed(*packets)
    assert sum(len(text) for _, text in lines) < size / 3
    assert (7000, "top - 00:07") in lines


def test_numbers_in_new_lines_are_all_found():
    packets = [Output(200 * number, f"{number * 7919:08}\r\n".encode()) for number in range(500)]
    assert [text for _, text in printed(*packets)] == [f"{number * 7919:08}" for number in range(500)]
    cleared = Output(200_000, b"\x1b[H\x1b[2J")
    assert len(printed(*packets, cleared)) == 500


def test_a_line_without_end_comes_in_pieces_that_overlap():
    count = 100_000
    data = "".join(f"{number:06} " for number in range(count)).encode()
    transcript = Transcript()
    transcript.feed(Resize(0, 80, 24))
    texts = []
    tracemalloc.start()
    try:
        for at in range(7):
            texts += [line.text for line in transcript.feed(Output(at, data[at * 100_000 : (at + 1) * 100_000]))]
        texts += [line.text for line in transcript.finish()]
        assert tracemalloc.get_traced_memory()[0] < 2 * sum(map(len, texts))
    finally:
        tracemalloc.stop()
    assert max(map(len, texts)) <= 64 * 1024
    together = set()
    for text in texts:
        numbers = re.findall(r"\b\d{6}\b", text)
        together |= set(zip(numbers, numbers[1:], numbers[2:], strict=False))
    assert {(f"{n:06}", f"{n + 1:06}", f"{n + 2:06}") for n in range(count - 2)} <= together


def test_a_line_that_has_half_left_the_screen_ends_where_the_screen_is_cleared():
    line = "".join(f"{number:06} " for number in range(400))
    lines = printed(Output(0, line.encode()), Output(500, b"\x1b[H\x1b[2J"), Output(900, b"next\r\n"))
    assert lines[-1] == (900, "next")
    assert lines[0][1].startswith("000000 000001")


@pytest.mark.parametrize(
    "data",
    [
        b"x\x1b[65535b\r\n",
        b"\x1b[65535Gx\r\n",
        b"\x1b#8\x1b[Hx",
        b"\x1b[?2004hx\x1b[?2004l",
        b"\x1b[2;5r\n\x1b[4Hab\n",
    ],
)
def test_a_few_bytes_do_not_become_a_large_index(data):
    transcript = Transcript()
    transcript.feed(Resize(0, 65535, 65535))
    size = total = 0
    for number in range(2000):
        packet = Output(number * 100, str(number).encode() + data * 5)
        size += len(packet.data)
        total += sum(len(line.text) for line in transcript.feed(packet))
    assert total < 40 * size + 2_000_000


def test_a_string_that_is_never_ended_hides_text_for_five_seconds_only():
    lines = printed(Output(0, b"\x1b]0;"), Output(1000, b"hidden\r\n"), Output(6000, b"shown\r\n"))
    assert lines == [(6000, "shown")]


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("ISO-8859-15", "Größe 5 €"),
        ("EUC-JP", "日本語の端末"),
        ("KOI8-R", "привет"),
        ("gb18030", "中文€😀"),
        ("UTF-8", "é漢😀"),
    ],
)
def test_a_session_in_another_character_set_is_read_in_its_own(charset, text):
    data = text.encode(charset)
    for cut in range(len(data) + 1):
        packets = [
            Output(0, data[:cut]),
            Output(1, data[cut:] + b"\r\n"),
            Input(2, data[:cut]),
            Input(3, data[cut:] + b"\r"),
        ]
        lines = seen(*packets, charset=charset)
        assert {line.text for line in lines} == {text}
        assert {line.kind for line in lines} == {"printed", "entered"}


@pytest.mark.parametrize(
    "name",
    [
        "zlib",
        "hex",
        "rot13",
        "unicode_escape",
        "utf-16",
        "utf-7",
        "idna",
        "iso2022_jp",
        "undefined",
        "",
        "\0",
        "x" * 999,
    ],
)
def test_a_character_set_that_no_terminal_has_is_read_as_utf8(name):
    assert known_charset(name) == "UTF-8"


def test_typed_lines_are_what_the_keys_say():
    keys = [
        b"ls -l /\xc3",
        b"\xa9",
        b"\x1b[D\x1b[1;5C\x1bOA",
        b"\x7f",
        b"x\r",
        b"\x1b[200~pasted\nlines\x1b[201~\r",
        b"\r",
    ]
    lines = typed(*(Input(100 * number, key) for number, key in enumerate(keys)))
    assert lines == [(400, "ls -l /éx"), (500, "pasted"), (500, "lines")]


def test_escape_and_a_later_key_are_two_keys_and_a_cut_sequence_is_one():
    assert typed(Input(0, b"a\x1b"), Input(900, b"Ob\r")) == [(900, "aOb")]
    assert typed(Input(0, b"a\x1b"), Input(1, b"[A"), Input(2, b"b\x1b[1;"), Input(3, b"5Dc\r")) == [(3, "abc")]


def test_answers_of_the_terminal_are_not_typed():
    answers = b"\x1b[?1;2c\x1b]11;rgb:0000/0000/0000\x1b\\\x1b]10;rgb:1/2/3\x07\x1b[24;80R\x1bP1+r\x1b\\\x1b[M !!"
    answers += b"\x1b[<0;1;1M"
    assert typed(Input(0, b"a" + answers + b"b\r")) == [(0, "ab")]


def test_what_was_typed_last_is_found_without_enter():
    assert typed(Input(0, b"never sent")) == [(0, "never sent")]


BYTES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(str.encode),
    st.text("ab$ #>%\r\n\x1b[]?;0123456789hlHJKm^C漢\u0301", max_size=60).map(str.encode),
    st.sampled_from(
        [
            b"\x1b[?2004h",
            b"\x1b[?2004l",
            b"\x1b[?1049h",
            b"\x1b[?1049l",
            b"\x1b]133;B\x07",
            b"\x1b]133;C\x07",
            b"\r\n$ ",
        ]
    ),
)
SIZES = st.sampled_from([0, 1, 2, 3, 10, 80, 65535])
PACKETS = st.lists(
    st.one_of(
        st.builds(Output, st.integers(0, 9000), BYTES),
        st.builds(Output, st.integers(0, 9000), BYTES),
        st.builds(Input, st.integers(0, 9000), BYTES),
        st.builds(Resize, st.integers(0, 9000), SIZES, SIZES),
    ),
    max_size=25,
)


@given(PACKETS, st.sampled_from(["UTF-8", "latin-1", "shift_jis", "no such thing"]))
@example([Output(0, b"\x1b[?2004h$ \x1b[?2004l"), Output(1, b"\r\n")], "UTF-8")
def test_prop_no_recording_breaks_the_transcript(packets, charset):
    for line in seen(*packets, charset=charset):
        assert line.text
        assert not any(
            char < " " or "\x7f" <= char < "\xa0" for char in line.text if char != "\n" or line.kind != "command"
        )
        assert line.text.encode()


@given(
    st.lists(st.text("abcdef 123─é漢", min_size=1, max_size=100).filter(str.strip), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 300)), min_size=1),
    st.integers(2, 90),
    st.integers(1, 30),
)
def test_prop_every_printed_line_is_found_at_a_moment_at_which_it_was_there(lines, cuts, columns, rows):
    data = "".join(f"\x1b[1m{line}\x1b[m\r\n" for line in lines).encode()
    packets, at = [Resize(0, columns, rows)], 0
    for size, wait in itertools.cycle(cuts):
        at += wait
        packets.append(Output(at, data[:size]))
        data = data[size:]
        if not data:
            break
    found = printed(*packets)
    assert {line.rstrip() for line in lines} <= {text for _, text in found}
    for moment, text in found:
        screen = Screen(columns, rows)
        screen.scrolled = []
        screen.feed(b"".join(packet.data for packet in packets[1:] if packet.at <= moment).decode(errors="ignore"))
        shown = "".join(
            screen.clusters.joined(row) if row.endswith("\n") else screen.clusters.text(row) + "\n"
            for row in screen.scrolled + screen.rows
        )
        assert text in shown


@needs("less")
def test_a_pager_is_found_page_by_page_and_line_by_line_once(tmp_path):
    text = [f"line {number} of the \x1b[1mfile\x1b[m" for number in range(300)]
    (tmp_path / "file").write_text("\n".join(text))
    packets = recorded(["less", "-R", "file"], [b" ", b"j", b"b", b" ", b"G", b"q"], tmp_path)
    texts = [line for _, line in printed(*packets)]
    for number in (0, 22, 30, 44, 299):
        assert texts.count(f"line {number} of the file") == 1
    assert "line 100 of the file" not in texts


@needs("vim")
def test_text_in_an_editor_is_found_once_complete(tmp_path):
    packets = recorded(
        ["vim", "-u", "NONE", "-N", "new"], [b"i", b"some ", b"words\r", b"more", b"\x1b", b":wq\r"], tmp_path
    )
    texts = [text for _, text in printed(*packets)]
    assert texts.count("some words") == 1
    assert "more" in texts
    assert any('"new"' in text and "written" in text for text in texts)
    assert [text for _, text in typed(*packets)] == ["isome words", "more:wq"]


def test_the_fuzz_target_runs():
    assert run(fuzz_screen.target, fuzz_screen.SEEDS, runs=300, seed=1) > 5
