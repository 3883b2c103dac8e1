"""The directory as a principal sees it and may change it, with OpenLDAP's tools and that principal's own ticket."""

import base64
import json
from collections.abc import Mapping, Sequence

from integration.machine import PASSWORD, Machine

BASE = "dc=lab,dc=test"
RECORDING = f"cn=session-recording,{BASE}"
POLICIES = f"cn=policies,{RECORDING}"
CONFIG = f"cn=config,{RECORDING}"
SESSIONS = f"cn=sessions,{RECORDING}"
KEYS = f"cn=keys,{RECORDING}"
COMPUTERS = f"cn=computers,cn=accounts,{BASE}"

OK, REFUSED, UNWILLING, BAD_SCHEMA = 0, 50, 53, 65
"""Result codes: success, insufficientAccessRights, unwillingToPerform (what the directory alone writes),
objectClassViolation."""

Entry = dict[str, list[str]]


def user(name: str) -> str:
    """The DN of a user."""
    return f"uid={name},cn=users,cn=accounts,{BASE}"


def bind(principal: str) -> tuple[str, ...]:
    """Arguments by which OpenLDAP's tools reach the directory as a principal, or as its manager: "root"."""
    server = ("-H", "ldap://ipa.lab.test")
    if principal == "root":
        return (*server, "-x", "-D", "cn=Directory Manager", "-w", PASSWORD)
    return (*server, "-Q", "-Y", "GSSAPI") if principal else (*server, "-x")


def read(
    machine: Machine, principal: str, base: str, filter: str = "(objectClass=*)", *attributes: str
) -> dict[str, Entry]:
    """What a principal sees at and below `base`, by DN, with names of attributes in lower case.

    The principal "" is anonymous.
    """
    done = machine.run(
        *("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *bind(principal), "-b", base, filter, *attributes),
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


def add(dn: str, attributes: Mapping[str, str | Sequence[str]]) -> str:
    """A change for `results`: add an entry."""
    values = [
        (name, value)
        for name, several in attributes.items()
        for value in ([several] if isinstance(several, str) else several)
    ]
    return _ldif(dn, "changetype: add", *(f"{name}:: {_coded(value)}" for name, value in values))


def replace(dn: str, attribute: str, *values: str) -> str:
    """A change for `results`: give an attribute these values, or none."""
    said = (f"{attribute}:: {_coded(value)}" for value in values)
    return _ldif(dn, "changetype: modify", f"replace: {attribute}", *said)


def rename(dn: str, rdn: str, below: str = "") -> str:
    """A change for `results`: rename an entry, keeping its old name as a value, or move it."""
    moved = [f"newsuperior: {below}"] if below else []
    return _ldif(dn, "changetype: modrdn", f"newrdn: {rdn}", "deleteoldrdn: 0", *moved)


def delete(dn: str) -> str:
    """A change for `results`: remove an entry."""
    return _ldif(dn, "changetype: delete")


def results(machine: Machine, principal: str, *changes: str) -> list[int]:
    """The result codes of changes that a principal tries, one after another, each with an ldapmodify of its own."""
    done = machine.run(
        "python3", "-c", _EACH, *bind(principal), principal=_ticket(principal), input=json.dumps(changes)
    )
    return list(json.loads(done.stdout))


def let_through(machine: Machine, principal: str, *changes: str) -> list[str]:
    """Which of these the directory does not refuse, be it for its rules, for its schema, or as its own to write."""
    codes = results(machine, principal, *changes)
    refused = (REFUSED, BAD_SCHEMA, UNWILLING)
    return [change for change, code in zip(changes, codes, strict=True) if code not in refused]


def remove_below(machine: Machine, base: str) -> None:
    """Remove all entries below one, by the directory's superuser."""
    entries = [dn for dn in read(machine, "root", base, "(objectClass=*)", "cn") if dn != base]
    if entries:
        results(machine, "root", *(delete(dn) for dn in sorted(entries, key=lambda dn: -dn.count(","))))


_EACH = """
import json, subprocess, sys
run = lambda change: subprocess.run(["ldapmodify", *sys.argv[1:]], input=change, text=True, capture_output=True)
print(json.dumps([run(change).returncode for change in json.load(sys.stdin)]))
"""
"""One entry into the machine for all of them: that is what takes the time."""


def _ldif(dn: str, *lines: str) -> str:
    return "\n".join([f"dn: {dn}", *lines]) + "\n"


def _ticket(principal: str) -> str:
    return "" if principal == "root" else principal


def _coded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
