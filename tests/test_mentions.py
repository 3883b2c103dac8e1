"""Addresses of the web and names of hosts in lines: what is taken for one, and what it costs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.events.mentions import Mentions, names, urls
from auditor.transcript import Seen


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("get https://example.test/a?b=c#d now", ["https://example.test/a?b=c#d"]),
        ("(see http://example.test/a_(b)), ok", ["http://example.test/a_(b)"]),
        ('<a href="ftp://example.test">git+ssh://h/x.git.', ["ftp://example.test", "git+ssh://h/x.git"]),
        ("a http://x|sh;http://y`id`", ["http://x", "http://y"]),
        ("http:// ://x 1://y h:// http://...", []),
        ("https://user:secret@[2001:db8::1]:8443/", ["https://user:secret@[2001:db8::1]:8443/"]),
        ("http://例え.テスト/パス です", ["http://例え.テスト/パス"]),
    ],
)
def test_addresses_of_the_web_are_seen_in_a_line(line, found):
    assert urls(line) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("PING db1.example.test (192.0.2.9) 56(84) bytes of data.", [("db1.example.test", "192.0.2.9")]),
        ("* Connected to db1 (2001:db8::9) port 443 (#0)", [("db1", "2001:db8::9")]),
        ("The authenticity of host 'db1 (192.0.2.9)' can't be established.", [("db1", "192.0.2.9")]),
        (
            "Connecting to db1.example.test (db1.example.test)|192.0.2.9|:443... connected.",
            [("db1.example.test", "192.0.2.9")],
        ),
        ("db1.example.test has address 192.0.2.9", [("db1.example.test", "192.0.2.9")]),
        ("db1.example.test has IPv6 address 2001:db8::9", [("db1.example.test", "2001:db8::9")]),
        ("db1.example.test.       300     IN      A       192.0.2.9", [("db1.example.test", "192.0.2.9")]),
        ("PING 192.0.2.9 (192.0.2.9) 56(84) bytes of data.", []),
        ("Connected to db1 (999.0.2.9)", []),
        ("nobody has address of it", []),
    ],
)
def test_names_beside_addresses_are_seen_in_what_tools_print(line, found):
    assert names(line) == found


@pytest.mark.parametrize(
    "part",
    ["a://", "://", "http://", "aaaa", "PING ", "PING a (", "onnecting to a (", "a.b has address ", "IN      A "],
)
def test_no_line_takes_long(part):
    line = (part * (64 * 1024 // len(part)))[: 64 * 1024]
    started = time.process_time()
    urls(line)
    names(line)
    assert time.process_time() - started < 0.5


def test_memory_is_bounded():
    mentions = Mentions()
    for number in range(10_000):
        mentions.in_lines(
            [Seen("printed", number, f"http://h/{number} a{number} has address 192.0.2.{number % 250}")]
        )
    assert all(len(held) <= 4096 for held in (mentions._told, mentions._names, mentions._given))


@given(
    st.text() | st.text("ht:/p. \\()|'19aN", max_size=80).map(lambda text: f"PING {text} has address {text}://{text}")
)
def test_prop_what_is_found_stands_in_the_line(line):
    for url in urls(line):
        assert url in line
        assert not url.endswith("://")
        assert not any(char.isspace() for char in url)
    for name, address in names(line):
        assert name in line
        assert address in line
