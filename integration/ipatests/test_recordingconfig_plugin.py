"""The session recording configuration: what it takes, and what follows from it.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

# ruff: noqa: RUF012 - FreeIPA reads lists off the classes

from collections.abc import Iterator

import pytest
from ipalib import api, errors
from ipatests.test_xmlrpc.xmlrpc_test import Declarative, XMLRPC_test, raises_exact
from ipatests.util import change_principal, unlock_principal_password

AS_INSTALLED = {
    "iparecordingcapture": ["output", "resize"],
    "iparecordingaudit": ["exec"],
    "iparecordingauditchanges": None,
    "iparecordingauditreads": None,
    "iparecordingnotice": None,
    "iparecordingonfailure": "deny",
    "iparecordingheartbeat": 300,
    "iparecordingplayerurl": None,
}
POLICY = "recconfigpolicy"
PASSWORD = "Recorded123"


def configuration(**changes) -> dict:
    """The configuration as it is installed, with these attributes instead; None is absent."""
    result = {key: value if isinstance(value, list) else [str(value)] for key, value in AS_INSTALLED.items() if value}
    return {key: value for key, value in (result | changes).items() if value is not None}


def shown(**changes) -> dict:
    return {"value": None, "summary": None, "result": configuration(**changes)}


def modified(desc: str, options: dict, expected: dict | errors.PublicError) -> dict:
    return {"desc": desc, "command": ("recordingconfig_mod", [], options), "expected": expected}


def with_dn(expected: dict) -> dict:
    return expected | {"result": expected["result"] | {"dn": f"cn=config,cn=session-recording,{api.env.basedn}"}}


@pytest.mark.tier1
class test_recordingconfig(Declarative):
    """The configuration is shown and modified, and nothing that has no meaning gets into it."""

    cleanup_commands = [
        ("recordingconfig_mod", [], AS_INSTALLED),
        ("recordingpolicy_del", [[POLICY]], {"continue": True}),
    ]

    tests = [
        {"desc": "Show it as installed", "command": ("recordingconfig_show", [], {}), "expected": with_dn(shown())},
        {
            "desc": "Show all attributes as they are stored, with rights",
            "command": ("recordingconfig_show", [], {"all": True, "raw": True, "rights": True}),
            "expected": lambda got, output: (
                got is None
                and output["result"]["iparecordingheartbeat"] == ("300",)
                and "w" in output["result"]["attributelevelrights"]["iparecordingheartbeat"]
            ),
        },
        modified(
            "Set all",
            {
                "iparecordingcapture": ["none", "none"],
                "iparecordingaudit": ["network"],
                "iparecordingauditchanges": ["/etc", "/etc"],
                "iparecordingauditreads": ["/srv"],
                "iparecordingnotice": "Recorded",
                "iparecordingonfailure": "allow",
                "iparecordingheartbeat": 60,
                "iparecordingplayerurl": "https://auditor.example.com:8443",
            },
            shown(
                iparecordingcapture=["none"],
                iparecordingaudit=["network"],
                iparecordingauditchanges=["/etc"],
                iparecordingauditreads=["/srv"],
                iparecordingnotice=["Recorded"],
                iparecordingonfailure=["allow"],
                iparecordingheartbeat=["60"],
                iparecordingplayerurl=["https://auditor.example.com:8443"],
            ),
        ),
        modified("Set it to what it is", {"iparecordingheartbeat": 60}, errors.EmptyModlist()),
        *(
            modified(
                f"{attribute} {value!r:.30}", {attribute: value}, errors.ValidationError(name=name, error=problem)
            )
            for attribute, value, name, problem in (
                ("iparecordingheartbeat", 29, "heartbeat", "must be at least 30"),
                ("iparecordingheartbeat", 86401, "heartbeat", "can be at most 86400"),
                (
                    "iparecordingcapture",
                    ["none", "input"],
                    "capture",
                    '"none" stands alone: remove it, or the others',
                ),
                ("iparecordingaudit", "none", "audit", '"none" stands alone: remove it, or the audited paths'),
                ("iparecordingaudit", "files", "audit", "must be one of 'exec', 'network', 'none'"),
                ("iparecordingauditreads", "srv", "audit_reads", "must be absolute, as /etc"),
                ("iparecordingnotice", "a\nb", "notice", "must have printable characters only"),
                ("iparecordingonfailure", "retry", "on_failure", "must be one of 'deny', 'allow'"),
                *(
                    (
                        "iparecordingplayerurl",
                        url,
                        "player_url",
                        "must be https://HOST or https://HOST:PORT, in lower case",
                    )
                    for url in (
                        "http://auditor.example.com",
                        "https://auditor.example.com/",
                        "https://a@b.example.com",
                        "javascript:alert(1)",
                    )
                ),
                ("setattr", "iparecordingauditreads=srv", "iparecordingauditreads", "must be absolute, as /etc"),
                (
                    "addattr",
                    "iparecordingcapture=input",
                    "capture",
                    '"none" stands alone: remove it, or the others',
                ),
            )
        ),
        {
            "desc": "Add a policy that leaves all open",
            "command": ("recordingpolicy_add", [POLICY], {"usercategory": "all", "hostcategory": "all"}),
            "expected": lambda got, output: got is None,
        },
        {
            "desc": "The configuration fills what a policy leaves open",
            "command": ("recordingpolicy_test", [], {"user": "admin", "host": api.env.host, "policies": POLICY}),
            "expected": {
                "summary": "Recorded: True",
                "value": True,
                "result": {
                    "decided": [POLICY],
                    "matched": [POLICY],
                    "capture": ["none"],
                    "audit": ["network", "changes under /etc", "reads under /srv"],
                    "notice": "Recorded",
                    "onfailure": "allow",
                },
            },
        },
        modified(
            "Clear all",
            dict.fromkeys(AS_INSTALLED),
            shown(
                iparecordingcapture=None,
                iparecordingaudit=None,
                iparecordingonfailure=None,
                iparecordingheartbeat=None,
            ),
        ),
        {
            "desc": "What the configuration leaves open is as it was installed",
            "command": ("recordingpolicy_test", [], {"user": "admin", "host": api.env.host, "policies": POLICY}),
            "expected": {
                "summary": "Recorded: True",
                "value": True,
                "result": {
                    "decided": [POLICY],
                    "matched": [POLICY],
                    "capture": ["output", "resize"],
                    "audit": ["exec"],
                    "onfailure": "deny",
                },
            },
        },
    ]


@pytest.mark.tier1
class test_recordingconfig_rights(XMLRPC_test):
    """Who may see and modify the configuration, each with a ticket of their own."""

    ROLES = {"recrita": "Session Recording Administrator", "recotto": "Session Recording Auditor", "recuser": None}

    @pytest.fixture(autouse=True, scope="class")
    def people(self, xmlrpc_setup) -> Iterator[None]:
        for name, role in self.ROLES.items():
            self.failsafe_del(api.Object.user, name)
            api.Command.user_add(name, givenname="Rec", sn="User", userpassword="initial1")
            unlock_principal_password(name, "initial1", PASSWORD)
            if role:
                api.Command.role_add_member(role, user=name)
        yield
        for name in self.ROLES:
            self.failsafe_del(api.Object.user, name)

    def test_an_administrator_of_session_recording_modifies_it(self) -> None:
        with change_principal("recrita", PASSWORD):
            api.Command.recordingconfig_mod(iparecordingheartbeat=61)
            assert api.Command.recordingconfig_mod(iparecordingheartbeat=300)["result"] == {
                key: tuple(value) for key, value in configuration().items()
            }

    def test_an_auditor_sees_it_only(self) -> None:
        with change_principal("recotto", PASSWORD):
            assert api.Command.recordingconfig_show()["result"]["iparecordingheartbeat"] == ("300",)
            with pytest.raises(errors.ACIError):
                api.Command.recordingconfig_mod(iparecordingheartbeat=61)

    def test_others_do_not_see_it(self) -> None:
        unseen = errors.NotFound(reason="session recording configuration not found, or you may not read it")
        with change_principal("recuser", PASSWORD):
            with raises_exact(unseen):
                api.Command.recordingconfig_show()
            with raises_exact(unseen):
                api.Command.recordingconfig_mod(iparecordingheartbeat=61)
