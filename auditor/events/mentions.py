"""Addresses of the web, and names of hosts, that stand in what was seen, typed and run.

Found as they pass: in lines of text by forms that are told by a fixed part of them, so that lines without it cost
next to nothing, and in events where audit has taken them from arguments. A name beside an address is what the session
showed; nobody asked a name server. What has a name beside it here may have another one tomorrow.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Literal

from auditor.events.event_fields import number, object_in, pid, string, strings
from auditor.output.printable import printable
from auditor.transcript import Seen

AGAIN = 60_000
"""Milliseconds for which an address or a name is not told again."""

MAX_LENGTH = 2000
"""Characters of an address of the web: browsers take no more."""

_REMEMBERED = 4096
_DNS_PORT = 53

_URL = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s\x00-\x20\x7f-\x9f\"'<>`|\\^{}]{1,2000})")
_TRAILING = ".,;:!?)]'*"

_NAME = r"([A-Za-z0-9_.-]{1,253}+)"
_ADDRESS = r"([0-9A-Fa-f.:]{3,45}+)"
_FORMS = (
    # What ping, curl -v, ssh, wget, host and dig print. None takes more than time in proportion to the line. On a
    # screen tabs are spaces.
    ("PING ", re.compile(rf"PING {_NAME} ?\({_ADDRESS}\)")),
    ("onnected to ", re.compile(rf"onnected to {_NAME} \({_ADDRESS}\)")),
    ("icity of host '", re.compile(rf"icity of host '{_NAME} \({_ADDRESS}\)'")),
    ("onnecting to ", re.compile(rf"onnecting to {_NAME} \([^()|]{{1,300}}+\)\|{_ADDRESS}\|")),
    (" address ", re.compile(rf"(?<![A-Za-z0-9_.-]){_NAME} has (?:IPv6 )?address {_ADDRESS}")),
    (
        "IN      A",
        re.compile(rf"^{_NAME}\s{{1,40}}+[0-9]{{1,10}}\s{{1,8}}+IN\s{{1,8}}+A(?:AAA)?\s{{1,8}}+{_ADDRESS}$"),
    ),
)


class Mentions:
    """Those of one recording. Memory is bounded."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._given: dict[int, str] = {}

    def in_lines(self, seen: Sequence[Seen]) -> list[Seen]:
        """What stands in lines that were seen, typed or run."""
        found: list[Seen] = []
        # Asked of all lines at once: hardly any has one of them.
        whole = "\n".join([text for _, _, text in seen])
        if "://" in whole:
            for _, at, text in seen:
                for url in urls(text) if "://" in text else ():
                    self._tell(found, "url", at, url)
        forms = [(mark, form) for mark, form in _FORMS if mark in whole]
        if forms:
            for line_kind, at, text in seen:
                for name, address in _names(text, forms) if line_kind == "printed" else ():
                    self._remember(self._names, address, name)
                    self._tell(found, "host", at, f"{name} {address}")
        return found

    def in_event(self, action: str, at: int, fields: Mapping[str, Any]) -> list[Seen]:
        """What an event names: addresses of the web and hosts in the arguments of a process."""
        found: list[Seen] = []
        url = string(object_in(fields, "url").get("full"))
        for each in [url, *strings(fields, "urls")] if url else strings(fields, "urls"):
            self._tell(found, "url", at, printable(each[:MAX_LENGTH]))
        if action == "exec":
            hosts = strings(fields, "hosts")
            process = pid(fields)
            if process is not None:
                self._given.pop(process, None)
                if len(hosts) == 1:
                    self._remember(self._given, process, hosts[0])
            program = string(object_in(fields, "process").get("executable")).rpartition("/")[2]
            for host in hosts:
                self._tell(found, "host", at, printable(f"{host[:MAX_LENGTH]} in the arguments of {program or '?'}"))
        return found

    def named(self, action: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The event with the names, in `sessrec.hosts`, that the session showed beside the address that it connects
        to: on the screen before, or as the only host in the arguments of the process that connects."""
        if action != "connect":
            return fields
        named = with_name(action, fields, self._names)
        process = pid(fields)
        destination = object_in(fields, "destination")
        if named is fields and process in self._given and number(destination.get("port")) != _DNS_PORT:
            return with_name(action, fields, {string(destination.get("ip")): self._given[process]})
        return named

    def _tell(self, found: list[Seen], kind: Literal["url", "host"], at: int, text: str) -> None:
        last = self._told.get(text)
        if last is None or at - last >= AGAIN:
            self._remember(self._told, text, at)
            found.append(Seen(kind, at, text))

    @staticmethod
    def _remember(where: dict[Any, Any], key: Any, value: Any) -> None:
        where.pop(key, None)
        where[key] = value
        if len(where) > _REMEMBERED:
            del where[next(iter(where))]


def names_shown(lines: Iterable[Seen]) -> dict[str, str]:
    """Names by address, from lines of the kind `host`; the last one counts."""
    found = (seen.text.split(" ") for seen in lines)
    return {parts[1]: parts[0] for parts in found if len(parts) == 2}


def with_name(action: str, fields: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """The event with the name of the address that it connects to in `sessrec.hosts`, unless it has a name."""
    destination, ours = object_in(fields, "destination"), object_in(fields, "sessrec")
    address = string(destination.get("ip"))
    name = names.get(address) if action == "connect" and address else None
    if name is None or name == address or destination.get("domain") or "hosts" in ours:
        return fields
    return {**fields, "sessrec": {**ours, "hosts": [name]}}


def urls(text: str) -> list[str]:
    """The addresses of the web in a line, without what ends a sentence behind them."""
    return [found for match in _URL.finditer(text) if (found := _bare(match[1]))]


def names(text: str) -> list[tuple[str, str]]:
    """Names of hosts with the address that the line gives them, in the forms of ping, curl, ssh, wget, host, dig."""
    return _names(text, _FORMS)


def _names(text: str, forms: Iterable[tuple[str, re.Pattern[str]]]) -> list[tuple[str, str]]:
    found = [match.groups() for mark, form in forms if mark in text for match in form.finditer(text)]
    named = [(name.rstrip("."), address.rstrip(".")) for name, address in found]
    return [(name, address) for name, address in named if name and not _is_address(name) and _is_address(address)]


def _bare(url: str) -> str:
    bare = url.rstrip(_TRAILING)
    if bare.count("(") > bare.count(")") and url.startswith(bare + ")"):
        bare += ")"
    return bare if not bare.endswith("://") and "://" in bare else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
