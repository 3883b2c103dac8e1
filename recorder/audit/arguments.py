"""Hosts and URLs that the arguments of a program name, by the table in recorder.audit.programs.

What a person may have meant, for search: a host may be a name of ~/.ssh/config, and whether a connection was made is
told by `connect`. URLs are found in the arguments of every program, also within a longer one, as in
`sh -c "curl https://…"`.
"""

import re
from collections.abc import Iterator
from typing import Any

from recorder.audit.programs import COPY, DIG, FREERDP, HOST, PROGRAMS, SHARE, SOCAT, WEB, Program

MAX_NAMED = 32
"""Hosts, and URLs, that one event has."""
MAX_URL = 2048

_URL = re.compile(rf"[a-zA-Z][a-zA-Z0-9+.-]{{0,15}}://[^\s'\"<>|;`\\]{{1,{MAX_URL}}}")
_PASSWORD = re.compile(r"^([a-zA-Z0-9+.-]+://[^/?#:@]*):[^/?#]*@")
_NAME = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+:[0-9A-Fa-f:.]*(?:%\w+)?|::[0-9A-Fa-f:.]*"
)
"""A host's name, or an address."""
MAX_NAME = 255


def named(program: str, args: list[str], sessrec: dict[str, Any]) -> dict[str, Any]:
    """`url` of an exec's event, {} without one; `sessrec` gets `urls`, where there are several, and `hosts`."""
    urls = [
        _PASSWORD.sub(r"\1@", found) for argument in args[1:] if "://" in argument for found in _URL.findall(argument)
    ]
    table = PROGRAMS.get(program)
    hosts: list[str] = []
    if table is not None:
        hosts = [host for found in _read(table, args[1:]) if (host := _host(found))]
    if urls:
        hosts += [host for url in urls if (host := _host(url.partition("://")[2]))]
    if hosts:
        sessrec["hosts"] = list(dict.fromkeys(hosts))[:MAX_NAMED]
    if len(urls) > 1:
        sessrec["urls"] = list(dict.fromkeys(urls))[:MAX_NAMED]
    return {"url": {"full": urls[0]}} if urls else {}


def _read(table: Program, words: list[str]) -> Iterator[str]:
    """What stands where this program has a host."""
    alone = 0
    rest = iter(words)
    only_words = False
    for word in rest:
        if word == "--":
            only_words = True
        elif word[:1] == "-" and len(word) > 1 and not only_words:
            value = _option(table, word, rest)
            if "://" not in value:
                yield value
        elif word and "://" not in word:
            alone += 1
            if table.skip < alone <= table.skip + table.limit:
                yield from _alone(table.words, word)


def _option(table: Program, word: str, rest: Iterator[str]) -> str:
    """The host that an option names, "" for none; its value is taken out of `rest`."""
    name, equals, value = word.partition("=")
    if word in table.hosts:
        return next(rest, "")
    if equals and name in table.hosts:
        return value
    if word[:2] == "--":
        if word in table.long:
            next(rest, "")
        return ""
    for index, letter in enumerate(word[1:], 1):
        if f"-{letter}" in table.hosts:
            return word[index + 1 :] or next(rest, "")
        if letter in table.valued:
            if index == len(word) - 1:
                next(rest, "")
            return ""
    return ""


def _alone(kind: str, word: str) -> Iterator[str]:
    if kind == HOST:
        yield word
    elif kind == WEB:
        # `POST` of httpie, and its items `name=value`, are no hosts.
        if "." in word.partition("/")[0] and "=" not in word:
            yield word
    elif kind == COPY:
        host, colon, _ = word.partition(":")
        if "[" in host and "]:" in word:
            yield word.partition("]")[0] + "]"
        # A slash before the colon makes it a path.
        elif colon and host and "/" not in host:
            yield host
    elif kind == DIG:
        if word[:1] == "@":
            yield word[1:]
        elif "." in word and word[:1] != "+":
            yield word
    elif kind == SOCAT:
        protocol, _, target = word.partition(":")
        if protocol.upper().rstrip("46").replace("-CONNECT", "") in (
            "TCP",
            "UDP",
            "OPENSSL",
            "SSL",
            "SOCKS",
            "PROXY",
        ):
            yield target.partition(",")[0]
    elif kind == SHARE:
        if word[:2] in ("//", "\\\\"):
            yield word[2:].replace("\\", "/")
    elif kind == FREERDP and word[:3] == "/v:":
        yield word[3:]


def _host(found: str) -> str:
    """The host in `[user@]host[:port][/path]`; "" where there is none."""
    authority = re.split(r"[/?#]", found, maxsplit=1)[0].rpartition("@")[2]
    if authority[:1] == "[":
        host = authority[1:].partition("]")[0]
    elif authority.count(":") > 1:
        host = authority
    else:
        host = authority.partition(":")[0]
    # What is a number only is a port mostly, and no name.
    return host.lower() if len(host) <= MAX_NAME and not host.isdecimal() and _NAME.fullmatch(host) else ""
