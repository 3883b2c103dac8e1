"""What the documents of the store look like: mappings of core field types only, which every Elasticsearch 8 has.

Messages are the messages of docs/format.md with `@timestamp` beside their fields, whether a log server or `sessrec
ingest` has put them there. Only what people filter, sum up or sort by is indexed; the text of the terminal is
searched in the texts, where it stands as it was seen. What a session is (`rec`, `host`, `user`, `session`) stands on
each document, which costs some 15 bytes compressed and saves every join.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Fields = dict[str, Any]

VERSION = 1
"""In `_meta` of every mapping: raised with each change that an older program could not read."""

MAX_KEYWORD = 8000
"""Characters of a value that can be filtered by: Lucene takes 32766 bytes, four of which may be one character."""

KEYWORD: Fields = {"type": "keyword", "ignore_above": MAX_KEYWORD}
KEPT: Fields = {"type": "keyword", "index": False, "doc_values": False}
"""A string that is kept, and no more."""
INDEXED: Fields = {"type": "text", "analyzer": "whitespace", "index_options": "docs", "norms": False}
"""Words with spaces between them, each of which can be looked up as it is."""
OPAQUE: Fields = {"type": "object", "enabled": False}
"""Any JSON that is kept, and no more."""
LONG: Fields = {"type": "long"}
DOUBLE: Fields = {"type": "double"}
BOOLEAN: Fields = {"type": "boolean"}
DATE: Fields = {"type": "date"}
ADDRESS: Fields = {"type": "ip", "ignore_malformed": True}


def _object(properties: Fields, dynamic: str | bool = "strict") -> Fields:
    return {"type": "object", "dynamic": dynamic, "properties": properties}


_USER = _object({"id": KEYWORD, "name": KEYWORD})
_END = _object({"address": KEYWORD, "ip": ADDRESS, "port": LONG, "domain": KEYWORD})

_SESSION: Fields = {"@timestamp": DATE, "rec": KEYWORD, "host": KEYWORD, "user": KEYWORD, "session": LONG}

MESSAGE: Fields = {
    **_SESSION,
    "ver": KEPT,
    "term": KEPT,
    "id": LONG,
    "pos": LONG,
    "time": {"type": "double", "index": False, "doc_values": False},
    "timing": KEPT,
    "in_txt": KEPT,
    "in_bin": OPAQUE,
    "out_txt": KEPT,
    "out_bin": OPAQUE,
    "seal": KEPT,
    "key": KEYWORD,
    "sig": KEPT,
    "event": _object(
        {
            "action": KEYWORD,
            "kind": KEYWORD,
            "category": KEYWORD,
            "type": KEYWORD,
            "outcome": KEYWORD,
            "reason": KEYWORD,
            "sequence": LONG,
            "severity": LONG,
            "start": DATE,
            "end": DATE,
            "duration": LONG,
        }
    ),
    "process": _object(
        {
            "pid": LONG,
            "parent": _object({"pid": LONG, "name": KEYWORD, "executable": KEYWORD}),
            "executable": KEYWORD,
            "name": KEYWORD,
            "args": KEYWORD,
            "args_count": LONG,
            "working_directory": KEYWORD,
            "exit_code": LONG,
            "user": _USER,
            "real_user": _USER,
            "saved_user": _USER,
            "group": _USER,
            "real_group": _USER,
            "tty": OPAQUE,
        }
    ),
    "file": _object(
        {
            "path": KEYWORD,
            "name": KEYWORD,
            "directory": KEYWORD,
            "target_path": KEYWORD,
            "type": KEYWORD,
            "mode": KEYWORD,
            "owner": KEYWORD,
            "group": KEYWORD,
            "uid": KEYWORD,
            "gid": KEYWORD,
            "inode": KEYWORD,
        }
    ),
    "source": _END,
    "destination": _END,
    "network": _object({"type": KEYWORD, "transport": KEYWORD, "protocol": KEYWORD, "direction": KEYWORD}),
    "url": _object({"full": KEYWORD, "domain": KEYWORD, "scheme": KEYWORD}),
    "rule": _object({"name": KEYWORD, "description": KEPT}),
    # Ours: what a newer recorder says there is kept, though not searched until the mapping knows it.
    "sessrec": _object(
        {
            "at": LONG,
            "script": KEYWORD,
            "interpreter": KEYWORD,
            "old_path": KEYWORD,
            "repeated": LONG,
            "error": KEYWORD,
            "syscall": KEYWORD,
            "urls": KEYWORD,
            "hosts": KEYWORD,
            "policies": KEYWORD,
            "reason": KEYWORD,
            "by": KEYWORD,
            "version": KEYWORD,
            "charset": KEYWORD,
            "record": KEYWORD,
            "command": KEYWORD,
            "lost_bytes": LONG,
            "lost_messages": LONG,
            "lost_events": LONG,
            "matched": KEPT,
            "control": _object({"action": KEYWORD, "by": KEYWORD}, dynamic=False),
        },
        dynamic=False,
    ),
    # The line as it came, where its JSON would be laid out differently by us or does not fit the mapping.
    "line": {"type": "binary"},
}

TEXT: Fields = {
    **_SESSION,
    # Of the recording, to list hits of the latest first; `number` tells recordings of one moment apart.
    "start": DOUBLE,
    "number": LONG,
    "claim": LONG,
    "order": LONG,
    "passing": BOOLEAN,
    "kind": KEYWORD,
    "at": LONG,
    "text": {"type": "text", "norms": False},
    # Those of auditor.query.words, folded, with spaces between them: what finds parts of words, and words of any
    # script, as the SQLite store finds them.
    "words": INDEXED,
    # Where two of them meet (auditor.elasticsearch.joints): what finds phrases.
    "joints": INDEXED,
    # Of an event.
    "id": LONG,
    "part": LONG,
    "action": KEYWORD,
    "detail": KEPT,
}

TEXT_ORDER = (
    ("start", "desc"),
    ("number", "desc"),
    ("rec", "asc"),
    ("kind", "asc"),
    ("claim", "asc"),
    ("order", "asc"),
)
"""In which texts are listed that were found, and in which they lie in the index: so that Elasticsearch stops at the
first ones, and those of one recording lie together."""

RECORDING: Fields = {
    **_SESSION,
    "start": DOUBLE,
    "finish": DOUBLE,
    "number": LONG,
    "added_by": KEYWORD,
    "settled": BOOLEAN,
    "deleted": BOOLEAN,
    "revision": LONG,
    # Who is adding now, and what came of those who began before; see auditor.elasticsearch.additions.
    "claim": LONG,
    "owner": KEYWORD,
    "texts_from": LONG,
    "abandoned": {"type": "long", "index": False, "doc_values": False},
    "passing": {"type": "long", "index": False, "doc_values": False},
    "taken": KEPT,
    # What people sum up and sort by; `facts` has all of it.
    "length": LONG,
    "messages": LONG,
    "missing": LONG,
    "printed": LONG,
    "typed": LONG,
    "lost": LONG,
    "events": LONG,
    "ended": BOOLEAN,
    "exit_code": LONG,
    "reason": KEYWORD,
    "command": KEYWORD,
    "facts": OPAQUE,
}

SOURCE: Fields = {
    "source": KEYWORD,
    "mark": KEPT,
    # Recordings that the refused lines say they are of, and those lines, by reason.
    "recs": KEYWORD,
    "has_refused": BOOLEAN,
    "refused": OPAQUE,
}

REFUSED: Fields = {
    "@timestamp": DATE,
    "source": KEYWORD,
    "rec": KEYWORD,
    "reason": KEYWORD,
    "excerpt": KEPT,
    "line": {"type": "binary"},
    # Counted with its source already.
    "listed": BOOLEAN,
    # What a log server could not put among the messages, as it was.
    "message": OPAQUE,
}

LEASE: Fields = {"rec": KEYWORD, "owner": KEYWORD, "beat": LONG}


def strict(properties: Mapping[str, Any], unkept: Sequence[str] = ()) -> Fields:
    """A mapping that takes these fields and no others; `unkept` are indexed, and left out of the documents."""
    mapping: Fields = {"dynamic": "strict", "_meta": {"sessrec": VERSION}, "properties": dict(properties)}
    return mapping | ({"_source": {"excludes": list(unkept)}} if unkept else {})
