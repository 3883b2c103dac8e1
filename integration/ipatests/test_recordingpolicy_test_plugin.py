"""What recordingpolicy-test says follows is what the policies mean.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

# ruff: noqa: RUF012 - FreeIPA reads lists off the classes

from collections.abc import Iterator

import pytest
from ipalib import api, errors
from ipatests.test_xmlrpc.recording_expected import (
    ADD_PEOPLE_AND_HOSTS,
    HOST,
    OTHER,
    OUTER,
    OUTER_HOSTS,
    POLICY,
    REMOVE_PEOPLE_AND_HOSTS,
    RENAMED,
    USER,
    change,
    invalid,
    not_found,
    succeeds,
)
from ipatests.test_xmlrpc.xmlrpc_test import Declarative, XMLRPC_test, raises_exact


def outcome(recorded: bool, **result) -> dict:
    return {"summary": f"Recorded: {recorded}", "value": recorded, "result": result}


def evaluated(desc: str, expected: dict | errors.PublicError, user: str = USER, host: str = HOST, **options) -> dict:
    return {
        "desc": desc,
        "command": ("recordingpolicy_test", [], dict(user=user, host=host, **options)),
        "expected": expected,
    }


DEFAULTS = {"capture": ["output", "resize"], "audit": ["exec"], "onfailure": "deny"}


@pytest.mark.tier1
class test_recordingpolicy_test(Declarative):
    """What recordingpolicy-test says follows is what the policies mean."""

    cleanup_commands = [
        ("recordingpolicy_del", [[POLICY, OTHER, RENAMED]], {"continue": True}),
        *REMOVE_PEOPLE_AND_HOSTS,
    ]

    tests = [
        *(succeeds(command) for command in ADD_PEOPLE_AND_HOSTS),
        evaluated("No policy", outcome(False)),
        evaluated("No such user", errors.NotFound(reason="recnobody: user not found"), user="recnobody"),
        evaluated(
            "No such host",
            errors.NotFound(reason=f"recnowhere.{api.env.domain}: host not found"),
            host="recnowhere",
        ),
        evaluated("No such policy", not_found("recnothing"), policies="recnothing"),
        succeeds(("recordingpolicy_add", [POLICY], {"hostcategory": "all"})),
        evaluated("A policy without users", outcome(False, notmatched=[POLICY])),
        succeeds(("recordingpolicy_add_user", [POLICY], {"group": OUTER})),
        evaluated("A group in a group", outcome(True, decided=[POLICY], matched=[POLICY], **DEFAULTS)),
        evaluated("Who is in no group", outcome(False, notmatched=[POLICY]), user="admin"),
        evaluated(
            "Short, in capitals",
            outcome(True, decided=[POLICY], matched=[POLICY], **DEFAULTS),
            user=USER.upper(),
            host=HOST.partition(".")[0].upper(),
        ),
        evaluated("A dot at the end", outcome(True, decided=[POLICY], matched=[POLICY], **DEFAULTS), host=f"{HOST}."),
        evaluated("Without detail", outcome(True, decided=[POLICY], **DEFAULTS), nodetail=True),
        succeeds(("recordingpolicy_mod", [POLICY], {"hostcategory": None})),
        evaluated("A policy without hosts", outcome(False, notmatched=[POLICY])),
        succeeds(("recordingpolicy_add_host", [POLICY], {"hostgroup": OUTER_HOSTS})),
        evaluated("A host group in a host group", outcome(True, decided=[POLICY], matched=[POLICY], **DEFAULTS)),
        evaluated("A host in no group", outcome(False, notmatched=[POLICY]), host=api.env.host),
        succeeds(("recordingpolicy_disable", [POLICY], {})),
        evaluated("A disabled policy", outcome(False)),
        evaluated(
            "Disabled policies too",
            outcome(True, decided=[POLICY], matched=[POLICY], **DEFAULTS),
            disabled=True,
        ),
        evaluated(
            "A disabled policy by its name",
            outcome(True, decided=[POLICY], matched=[POLICY], **DEFAULTS),
            policies=POLICY.upper(),
        ),
        succeeds(("recordingpolicy_enable", [POLICY], {})),
        succeeds(
            (
                "recordingpolicy_mod",
                [POLICY],
                {
                    "iparecordingcapture": ["input"],
                    "iparecordingauditchanges": ["/etc", "/root"],
                    "iparecordingauditreads": "/srv",
                    "iparecordingnotice": "First line",
                    "iparecordingonfailure": "allow",
                },
            )
        ),
        evaluated(
            "What the policy sets",
            outcome(
                True,
                decided=[POLICY],
                matched=[POLICY],
                capture=["input"],
                audit=["changes under /etc", "changes under /root", "reads under /srv"],
                notice="First line",
                onfailure="allow",
            ),
        ),
        succeeds(
            (
                "recordingpolicy_add",
                [OTHER],
                {
                    "usercategory": "all",
                    "hostcategory": "all",
                    "iparecordingcapture": "none",
                    "iparecordingaudit": "none",
                    "iparecordingnotice": "Another line",
                },
            )
        ),
        evaluated(
            "Two of the same order decide together",
            outcome(
                True,
                decided=[OTHER, POLICY],
                matched=[OTHER, POLICY],
                capture=["input"],
                audit=["changes under /etc", "changes under /root", "reads under /srv"],
                notice="Another line\nFirst line",
                onfailure="deny",
            ),
        ),
        succeeds(
            (
                "recordingpolicy_add",
                [RENAMED],
                {"iparecordingaction": "exempt", "usercategory": "all", "hostcategory": "all"},
            )
        ),
        evaluated(
            "At the same order record stands above exempt",
            lambda got, output: output["value"] and set(output["result"]["decided"]) == {OTHER, POLICY},
        ),
        succeeds(("recordingpolicy_mod", [RENAMED], {"iparecordingorder": 1})),
        evaluated("A higher order decides", outcome(False, decided=[RENAMED], matched=[RENAMED, OTHER, POLICY])),
        evaluated(
            "Only the policies that are asked for",
            outcome(
                True,
                decided=[OTHER],
                matched=[OTHER],
                capture=["none"],
                audit=["none"],
                notice="Another line",
                onfailure="deny",
            ),
            policies=[OTHER],
        ),
    ]


@pytest.mark.tier1
class test_recordingpolicy_unreadable(XMLRPC_test):
    """A policy that the directory takes and that makes no sense is reported, and does not stop the others."""

    @pytest.fixture(autouse=True)
    def policies(self, xmlrpc_setup) -> Iterator[None]:
        for name, notice in ((POLICY, "From the policy"), (OTHER, "From the other")):
            self.failsafe_del(api.Object.recordingpolicy, name)
            api.Command.recordingpolicy_add(name, usercategory="all", hostcategory="all", iparecordingnotice=notice)
        yield
        for name in (POLICY, OTHER):
            self.failsafe_del(api.Object.recordingpolicy, name)

    @staticmethod
    def break_policy(**attributes) -> None:
        change(api.Command.recordingpolicy_show(POLICY)["result"]["dn"], **attributes)

    @pytest.mark.parametrize(
        ("attributes", "error"),
        [
            (
                {"iparecordingcapture": ["screen"]},
                f'policy "{POLICY}": --capture: "screen" is not one of output, input, resize, command-bytes, none',
            ),
            (
                {"iparecordingorder": ["-1"]},
                f'policy "{POLICY}": --order: must be a whole number from 0 to 1000000',
            ),
            (
                {"iparecordingauditchanges": ["etc"]},
                f'policy "{POLICY}": --audit-changes: "etc" must be absolute, as /etc',
            ),
            (
                {"usercategory": ["some"]},
                f'policy "{POLICY}": --usercat: "some" is not all',
            ),
        ],
    )
    def test_it_is_named_with_what_is_wrong(self, attributes: dict, error: str) -> None:
        self.break_policy(**attributes)
        told = api.Command.recordingpolicy_test(user="admin", host=api.env.host)
        assert told["result"]["error"] == (error,)
        assert told["result"]["decided"] == (OTHER,)
        assert told["result"]["notice"] == "From the other"
        assert told["value"] is True

    def test_it_is_named_when_it_is_asked_for(self) -> None:
        self.break_policy(iparecordingcapture=["screen"])
        told = api.Command.recordingpolicy_test(user="admin", host=api.env.host, policies=POLICY)
        assert len(told["result"]["error"]) == 1
        assert told["value"] is False

    def test_it_can_be_shown_and_mended_and_not_changed_otherwise(self) -> None:
        self.break_policy(iparecordingcapture=["screen"])
        assert api.Command.recordingpolicy_show(POLICY)["result"]["iparecordingcapture"] == ("screen",)
        problem = '"screen" is not one of output, input, resize, command-bytes, none'
        with raises_exact(invalid("capture", problem)):
            api.Command.recordingpolicy_mod(POLICY, description="New")
        api.Command.recordingpolicy_mod(POLICY, iparecordingcapture="output")
        assert "error" not in api.Command.recordingpolicy_test(user="admin", host=api.env.host)["result"]
