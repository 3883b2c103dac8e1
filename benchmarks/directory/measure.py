"""Runs on the server: times commands and a host's read, and prints them as JSON. Its argument is a host's name.

Expects a ticket of an administrator in the default cache and the host's keytab in /root/host.keytab.
"""

import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ldap
import ldap.sasl
from ipalib import api

from ipa_plugin.policy import OPTIONS, host_filter, read_policies

Options = dict[str, Any]
Times = tuple[float, float]
"""The best of several, and the median, in seconds."""

REPETITIONS = 15

PASSWORD = "Secret123"
USER = "user00042"
READ = [
    *("cn", "ipaEnabledFlag", "ipaRecordingAction", "ipaRecordingOrder", "memberUser", "userCategory", "memberHost"),
    *("hostCategory", *(name for name in OPTIONS if name.startswith("ipaRecording"))),
]


def main(host: str) -> None:
    """Measure everything, print it."""
    api.bootstrap(context="cli", log=None)
    results: dict[str, Any] = {}
    results |= commands(host)
    results |= command_line(host)
    results |= reads(host)
    print(json.dumps(results))


def commands(host: str) -> dict[str, Any]:
    """Requests in a session that is open, from the request to the end of the answer."""
    call = _session()
    who: Options = {"user": USER, "host": host}
    requests: list[tuple[str, str, Options]] = [
        ("find, the first 100", "recordingpolicy_find", {}),
        ("find, all", "recordingpolicy_find", {"sizelimit": 0}),
        ("find one by its name", "recordingpolicy_find", {"cn": "policy0500"}),
        ("find by a group", "recordingpolicy_find", {"group": ["team0100"], "sizelimit": 0}),
        ("test", "recordingpolicy_test", who),
        ("ping", "ping", {}),
    ]
    measured = {f"request: {name}": _times(partial(call, method, options)) for name, method, options in requests}
    found = call("recordingpolicy_find", {"sizelimit": 0})
    tested = call("recordingpolicy_test", who)
    return measured | {"policies": found["count"], "matched": len(tested["result"].get("matched", ()))}


def command_line(host: str) -> dict[str, Times]:
    """The command `ipa` from its start to its end."""
    lines = (
        "ipa ping",
        "ipa recordingpolicy-find",
        "ipa recordingpolicy-find --sizelimit=0",
        f"ipa recordingpolicy-test --user={USER} --host={host}",
    )
    return {line: _times(partial(subprocess.run, line.split(), check=True, capture_output=True)) for line in lines}


def reads(host: str) -> dict[str, Any]:
    """What a host does to know its policies, with its own ticket."""
    os.environ["KRB5CCNAME"] = "FILE:/root/host.ccache"
    subprocess.run(["kinit", "-k", "-t", "/root/host.keytab", f"host/{host}"], check=True)
    connection = _bound()
    entries = _policies(connection, host)
    policies, errors = read_policies(attributes for _, attributes in entries)
    assert len(policies) == len(entries)
    assert not errors
    return {
        "concerning": len(entries),
        "host: search": _times(lambda: _policies(connection, host)),
        "host: bind and search": _times(lambda: _policies(_bound(), host)),
        "host: own groups": _times(lambda: _groups(connection, host)),
        "host: parse": _times(lambda: read_policies(attributes for _, attributes in entries)),
    }


def _bound() -> Any:
    connection = ldap.initialize(f"ldap://{api.env.host}")
    connection.sasl_interactive_bind_s("", ldap.sasl.gssapi(""))
    return connection


def _groups(connection: Any, host: str) -> list[str]:
    ((_, attributes),) = connection.search_s(_dn(host), ldap.SCOPE_BASE, "(objectClass=*)", ["memberOf"])
    names = [value.decode() for value in attributes.get("memberOf", [])]
    return [name for name in names if "cn=hostgroups," in name]


def _policies(connection: Any, host: str) -> list[tuple[str, dict[str, list[bytes]]]]:
    """The enabled policies that concern the host, by two searches."""
    base = f"cn=policies,cn=session-recording,{api.env.basedn}"
    condition = host_filter(_dn(host), _groups(connection, host))
    return list(connection.search_s(base, ldap.SCOPE_ONELEVEL, condition, READ))


def _dn(host: str) -> str:
    return f"fqdn={host},cn=computers,cn=accounts,{api.env.basedn}"


def _session() -> Callable[[str, Options], Any]:
    """Logged in as admin; a call returns the `result` of the answer."""
    server = api.env.host
    connection = http.client.HTTPSConnection(server, context=ssl.create_default_context(cafile="/etc/ipa/ca.crt"))
    headers = {"Referer": f"https://{server}/ipa", "Accept": "application/json"}
    form = urllib.parse.urlencode({"user": "admin", "password": PASSWORD})
    connection.request(
        "POST", "/ipa/session/login_password", form, headers | {"Content-Type": "application/x-www-form-urlencoded"}
    )
    answer = connection.getresponse()
    answer.read()
    headers |= {"Cookie": answer.headers["Set-Cookie"].partition(";")[0], "Content-Type": "application/json"}

    def call(method: str, options: Options) -> Any:
        body = {"method": method, "params": [[], options | {"version": "2.254"}], "id": 0}
        connection.request("POST", "/ipa/session/json", json.dumps(body), headers)
        said = json.loads(connection.getresponse().read())
        assert said["error"] is None, said["error"]
        return said["result"]

    return call


def _times(action: Callable[[], object]) -> Times:
    """The first is left out, as caches and connections are empty."""
    taken = list(_timed(action))[1:]
    return min(taken), statistics.median(taken)


def _timed(action: Callable[[], object]) -> Iterator[float]:
    for _ in range(REPETITIONS + 1):
        begun = time.perf_counter()
        action()
        yield time.perf_counter() - begun


if __name__ == "__main__":
    main(sys.argv[1])
