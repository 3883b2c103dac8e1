"""The search language: a query that selects and matches without failing, or an error of one line."""

from datetime import UTC, datetime

from auditor.query.line_match import LineMatch
from auditor.query.query import QueryError, parse_query
from tests import fuzz

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
TEXT = "total 0\ndrwxr-xr-x 2 root root 4096 日本語 ÀÉ\n$ make test: No such file\n"
SEEDS = [
    b'error -warning "no such file" -"x y"',
    b"cmd:git -cmd:status entered:a printed:b screen:c",
    b'user:al* -host:web? rec:0f since:"2 hours ago" until:2026-03-01 x',
    '"say \\"hi\\"" 日本 ΣΑΣ'.encode(),
]


def target(data):
    """Parse, and match with what was parsed."""
    try:
        query = parse_query(data.decode("utf-8", "surrogateescape"), NOW)
    except QueryError as error:
        return _one_line(str(error))[:12]
    query.selection.takes("rec", "user", "host")
    lines = [line for group in (*query.groups, *query.without) for line in LineMatch(group).lines(TEXT)]
    for line in lines:
        assert line.text in TEXT
        assert all(0 <= start < end <= len(line.text) for start, end in line.spans)
    return len(query.groups), len(query.without), len(lines) > 0, query.selection.since is None


def _one_line(text):
    assert text.isprintable(), repr(text)
    return text


if __name__ == "__main__":
    fuzz.main(target, SEEDS)
