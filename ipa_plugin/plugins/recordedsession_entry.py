"""What hosts say of their sessions, made fit to be shown.

A host writes its entries itself, and a hostile one writes what it likes: control characters for the auditor's
terminal, megabytes, states and times that are none. Nothing of that reaches a reader as it stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ipapython.dn import DN

from ipa_plugin.policy import printable

LONGEST = 256
"""Characters of a value that are shown."""
MOST = 20
"""Values of an attribute that are shown."""
MISSED = 3
"""Heartbeats without a word after which a host counts as gone."""

STATES = ("running", "suspended", "ended")
"""What a host says of a session, in ipaRecordingState."""
RUNNING, SUSPENDED, TERMINATED = WANTED = ("running", "suspended", "terminated")
"""What an auditor may want, in ipaRecordingWanted."""


@dataclass(frozen=True)
class Report:
    """The last of a host."""

    seen: datetime | None
    stale: bool
    """Nobody is left who could act on what is wanted."""


def clean(entry: Any, raw: bool) -> None:
    """Replace all values that a host may have written, and the name."""
    said = cleaned(entry)
    if not raw:
        entry["iparecordingstate"] = [state(said.get("iparecordingstate", ()))]
        if start := moment(said.get("iparecordingstart", [b""])[0]):
            entry["iparecordingstart"] = [start]


def cleaned(entry: Any) -> dict[str, list[bytes]]:
    """Replace all values of an entry cn=NAME,fqdn=HOST and the names in its DN; returns the values that it had.

    They are assigned anew, as text: FreeIPA would convert a value where it is read, and fail on what it cannot.
    """
    rights = {name: entry[name] for name in entry if name.lower() == "attributelevelrights"}
    # FreeIPA takes a name with an option, as modifiersName;x, for another name of the attribute without it.
    said = {name.lower(): list(entry.raw[name]) for name in entry if name not in rights and name.isalnum()}
    entry.clear()
    for name, values in said.items():
        entry[name] = all_shown(values)
    entry.update(rights)
    name, host = entry.dn[0], entry.dn[1]
    entry["cn"] = [shown(name.value)]
    entry.dn = DN((name.attr, shown(name.value)), (host.attr, shown(host.value)), *entry.dn[2:])
    return said


def describe(entry: Any, report: Report, modifier: str) -> None:
    """Add what a clean entry does not say: the host, what is known of it, and who wants the state that is wanted.

    modifier: DN of who has changed the entry last.
    """
    host = entry.dn[1].value
    entry["host"] = [host]
    if report.seen:
        entry["seen"] = [report.seen]
    entry["stale"] = [report.stale]
    if entry.get("iparecordingwanted") and modifier:
        asker = DN(modifier)[0]
        if not same(asker.value, host):  # If it was the host, the directory does not know any more who asked.
            entry["wantedby"] = [str(asker.value if asker.attr.lower() == "uid" else modifier)]


def same(one: str, other: str) -> bool:
    """As cn and fqdn compare."""
    return one.casefold() == other.casefold()


def shown(value: bytes | str) -> str:
    """The value in printable characters, others as their escapes (ESC as \\x1b), at most LONGEST of them."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    escaped = printable(text[:LONGEST])
    return escaped if len(text) <= LONGEST and len(escaped) <= LONGEST else f"{escaped[:LONGEST]}…"


def all_shown(values: Iterable[bytes]) -> list[str]:
    """The values of an attribute, at most MOST of them."""
    several = sorted(shown(value) for value in values)
    return several if len(several) <= MOST else [*several[:MOST], f"… and {len(several) - MOST} more"]


def state(values: Iterable[bytes]) -> str:
    """One of STATES, or "unknown (...)"."""
    said = ", ".join(all_shown(values))
    return said.lower() if said.lower() in STATES else f"unknown ({said})"


def moment(value: bytes) -> datetime | None:
    """A time as FreeIPA's hosts write it, in UTC without a zone as FreeIPA's commands have them; None for others."""
    try:
        return datetime.strptime(value.decode("ascii"), "%Y%m%d%H%M%SZ")
    except ValueError:
        return None


def is_stale(heard: datetime | None, enrolled: bool, heartbeat: int, now: datetime) -> bool:
    """Whether nobody is left who could act on what is wanted.

    heard: when the host last reported, by the directory's clock; heartbeat: seconds between two reports.
    """
    return not enrolled or heard is None or now - heard > timedelta(seconds=MISSED * heartbeat)
