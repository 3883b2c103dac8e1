"""Values on their way to and from the bus."""

from collections.abc import Mapping
from typing import Any

import dbus

from recorder.errors import SessrecError
from sssd_responder.sessions.session_control import LONGEST_ASKER, Session

INTERFACE = "org.freeipa.SessionRecording1"

PROPERTIES = {
    "Version": "s",
    "Host": "s",
    "SessionCount": "u",
    "PoliciesRead": "x",
    "PoliciesProblem": "s",
    "SessionsProblem": "s",
}
"""By name, with their types; all of them are read-only."""


class ArgumentError(SessrecError):
    """An argument is not what it must be."""


def checked(name: str, value: str) -> str:
    """An argument that is text, as it is. Raises ArgumentError."""
    text = str(value)
    if len(text) > LONGEST_ASKER or not text.isprintable():
        raise ArgumentError(f"{name!r} must be at most {LONGEST_ASKER} printable characters")
    return text


def session_values(session: Session, state: str) -> Any:
    """A session as a{sv}."""
    said = {**vars(session), "started": int(session.started), "state": state}
    return variants({"from" if name == "origin" else name: value for name, value in said.items()})


def properties_of(version: str, status: Mapping[str, Any], sessions: int) -> Any:
    """The values of PROPERTIES, from the responder's status."""
    directory = _part(status, "directory")
    values = {
        "Version": dbus.String(version),
        "Host": dbus.String(_text(status.get("host", ""))),
        "SessionCount": dbus.UInt32(sessions),
        "PoliciesRead": dbus.Int64(int(directory.get("read") or 0)),
        "PoliciesProblem": dbus.String(_text(directory.get("error") or "")),
        "SessionsProblem": dbus.String(_text(_part(status, "sessions").get("problem") or "")),
    }
    return dbus.Dictionary(values, signature="sv")


def variants(values: Mapping[str, Any]) -> Any:
    """A JSON object as a{sv}. What is null is left out, as the bus knows no such thing."""
    made = {_text(name): _variant(value) for name, value in values.items() if value is not None}
    return dbus.Dictionary(made, signature="sv")


def introspection(text: str) -> str:
    """What dbus-python says of an object's interfaces, with our properties, which it does not know of."""
    lines = "".join(
        f'    <property name="{name}" type="{kind}" access="read"/>\n' for name, kind in PROPERTIES.items()
    )
    head, own, tail = text.partition(f'  <interface name="{INTERFACE}">\n')
    return head + own + lines + tail


def _variant(value: Any) -> Any:
    if isinstance(value, bool):
        return dbus.Boolean(value)
    if isinstance(value, int):
        return dbus.Int64(value) if abs(value) < 2**63 else dbus.Double(value)
    if isinstance(value, float):
        return dbus.Double(value)
    if isinstance(value, Mapping):
        return variants(value)
    if isinstance(value, list | tuple | set | frozenset):
        if all(isinstance(one, str) for one in value):
            return dbus.Array([_text(one) for one in value], signature="s")
        return dbus.Array([_variant(one) for one in value if one is not None], signature="v")
    return dbus.String(_text(value))


def _text(value: Any) -> str:
    """Text that the bus takes: valid UTF-8 without NUL."""
    return str(value).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _part(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = status.get(name)
    return part if isinstance(part, Mapping) else {}
