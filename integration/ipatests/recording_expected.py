"""What the tests of the commands on session recording policies expect, and whom they are about."""

from collections.abc import Iterator
from contextlib import contextmanager

from ipalib import api, errors
from ipapython.dn import DN
from ipapython.ipaldap import LDAPClient
from ipatests.test_xmlrpc.xmlrpc_test import fuzzy_uuid
from ipatests.util import Fuzzy

POLICY, OTHER, RENAMED = "recpolicy", "recother", "Recrenamed"
USER, INNER, OUTER = "recuser", "recinner", "recouter"
HOST = f"rechost.{api.env.domain}"
INNER_HOSTS, OUTER_HOSTS = "recinnerhosts", "recouterhosts"
PASSWORD = "Recorded123"

OBJECT_CLASSES = ["ipaassociation", "iparecordingpolicyobject"]
CONTAINER = DN(("cn", "policies"), ("cn", "session-recording"), api.env.basedn)
fuzzy_dn = Fuzzy(rf"(?i)^ipauniqueid=[0-9a-f-]{{36}},{CONTAINER}$")


ADD_PEOPLE_AND_HOSTS = [
    ("user_add", [USER], {"givenname": "Rec", "sn": "User"}),
    ("group_add", [INNER], {}),
    ("group_add", [OUTER], {}),
    ("group_add_member", [INNER], {"user": USER}),
    ("group_add_member", [OUTER], {"group": INNER}),
    ("host_add", [HOST], {"force": True}),
    ("hostgroup_add", [INNER_HOSTS], {}),
    ("hostgroup_add", [OUTER_HOSTS], {}),
    ("hostgroup_add_member", [INNER_HOSTS], {"host": HOST}),
    ("hostgroup_add_member", [OUTER_HOSTS], {"hostgroup": INNER_HOSTS}),
]
REMOVE_PEOPLE_AND_HOSTS = [
    ("user_del", [USER], {}),
    ("group_del", [INNER], {}),
    ("group_del", [OUTER], {}),
    ("host_del", [HOST], {}),
    ("hostgroup_del", [INNER_HOSTS], {}),
    ("hostgroup_del", [OUTER_HOSTS], {}),
]


def not_found(name: str) -> errors.NotFound:
    return errors.NotFound(reason=f"{name}: session recording policy not found")


def already_there(name: str) -> errors.DuplicateEntry:
    return errors.DuplicateEntry(message=f'session recording policy with name "{name}" already exists')


def invalid(option: str, problem: str) -> errors.ValidationError:
    return errors.ValidationError(name=option, error=problem)


def policy(name: str = POLICY, **attributes) -> dict:
    """What a command returns of a policy that has these attributes beside those that all have."""
    return {
        "cn": [name],
        "dn": fuzzy_dn,
        "ipaenabledflag": [True],
        "iparecordingaction": ["record"],
        "iparecordingorder": ["0"],
    } | attributes


def added(name: str = POLICY, **attributes) -> dict:
    result = policy(name, objectclass=OBJECT_CLASSES, ipauniqueid=[fuzzy_uuid], **attributes)
    return {"value": name, "summary": f'Added session recording policy "{name}"', "result": result}


def modified(name: str = POLICY, **attributes) -> dict:
    result = policy(**attributes)
    del result["dn"]
    return {"value": name, "summary": f'Modified session recording policy "{name}"', "result": result}


def found(*results: dict) -> dict:
    noun = "policy" if len(results) == 1 else "policies"
    return {
        "count": len(results),
        "truncated": False,
        "summary": f"{len(results)} session recording {noun} matched",
        "result": list(results),
    }


def members(completed: int, result: dict, **failed) -> dict:
    """What a command on members returns; `failed` has the failures, such as memberuser={...}."""
    return {"completed": completed, "failed": failed, "result": result}


def refused(desc: str, command: tuple, expected: errors.PublicError) -> dict:
    return {"desc": desc, "command": command, "expected": expected}


def succeeds(command: tuple, desc: str = "Prepare") -> dict:
    return {"desc": desc, "command": command, "expected": lambda got, output: got is None}


@contextmanager
def as_directory_manager() -> Iterator[LDAPClient]:
    """The directory, where nothing is checked but the schema: root's own connection."""
    ldap = LDAPClient(api.env.ldap_uri)
    ldap.external_bind()
    try:
        yield ldap
    finally:
        ldap.unbind()


def change(dn: str | DN, **attributes) -> None:
    with as_directory_manager() as ldap:
        entry = ldap.get_entry(DN(dn), list(attributes))
        for attribute, values in attributes.items():
            entry[attribute] = values
        ldap.update_entry(entry)
