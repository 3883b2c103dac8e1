"""The directory as a principal sees it and may change it, with OpenLDAP's tools and that principal's own ticket."""

import base64
from collections.abc import Mapping, Sequence

from integration.machine import PASSWORD, Machine

BASE = "dc=lab,dc=test"
RECORDING = f"cn=session-recording,{BASE}"
POLICIES = f"cn=policies,{RECORDING}"
CONFIG = f"cn=config,{RECORDING}"
SESSIONS = f"cn=sessions,{RECORDING}"
COMPUTERS = f"cn=computers,cn=accounts,{BASE}"

OK, BAD_SCHEMA, REFUSED = 0, 65, 50
"""Result codes: success, objectClassViolation, insufficientAccessRights."""

Entry = dict[str, list[str]]


def user(name: str) -> str:
    """The DN of a user."""
    return f"uid={name},cn=users,cn=accounts,{BASE}"


def read(
    machine: Machine, principal: str, base: str, filter: str = "(objectClass=*)", *attributes: str
) -> dict[str, Entry]:
    """What a principal sees at and below `base`, by DN, with names of attributes in lower case.

    The principal "" is anonymous.
    """
    done = machine.run(
        *("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *_as(principal), "-b", base, filter, *attributes),
        principal=_ticket(principal),
        check=False,
    )
    assert done.returncode in (0, 32), done.stderr
    entries = {}
    for block in done.stdout.split("\n\n"):
        entry: Entry = {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            text = base64.b64decode(value[1:]).decode() if value.startswith(":") else value.strip()
            entry.setdefault(name.lower(), []).append(text)
        if entry:
            entries[entry.pop("dn")[0]] = entry
    return entries


def add(machine: Machine, principal: str, dn: str, attributes: Mapping[str, str | Sequence[str]]) -> int:
    """Add an entry; the result code."""
    lines = [f"dn:: {_coded(dn)}", "changetype: add"]
    for name, values in attributes.items():
        several = [values] if isinstance(values, str) else values
        lines += [f"{name}:: {_coded(value)}" for value in several]
    return _modify(machine, principal, lines)


def replace(machine: Machine, principal: str, dn: str, attribute: str, *values: str) -> int:
    """Give an attribute these values, or none; the result code."""
    lines = [f"dn: {dn}", "changetype: modify", f"replace: {attribute}"]
    return _modify(machine, principal, [*lines, *(f"{attribute}:: {_coded(value)}" for value in values)])


def rename(machine: Machine, principal: str, dn: str, rdn: str, below: str = "") -> int:
    """Rename an entry, keeping its old name as a value, or move it; the result code."""
    lines = [f"dn: {dn}", "changetype: modrdn", f"newrdn: {rdn}", "deleteoldrdn: 0"]
    return _modify(machine, principal, [*lines, *([f"newsuperior: {below}"] if below else [])])


def delete(machine: Machine, principal: str, dn: str) -> int:
    """Remove an entry; the result code."""
    return _modify(machine, principal, [f"dn: {dn}", "changetype: delete"])


def _modify(machine: Machine, principal: str, lines: list[str]) -> int:
    change = "\n".join(lines) + "\n"
    return machine.run(
        "ldapmodify", *_as(principal), principal=_ticket(principal), input=change, check=False
    ).returncode


def _as(principal: str) -> tuple[str, ...]:
    server = ("-H", "ldap://ipa.lab.test")
    if principal == "root":
        return (*server, "-x", "-D", "cn=Directory Manager", "-w", PASSWORD)
    return (*server, "-Q", "-Y", "GSSAPI") if principal else (*server, "-x")


def _ticket(principal: str) -> str:
    return "" if principal == "root" else principal


def _coded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
