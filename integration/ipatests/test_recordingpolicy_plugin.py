"""A session recording policy from its making to its end.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

# ruff: noqa: RUF012 - FreeIPA reads lists off the classes

import pytest
from ipalib import api, errors
from ipatests.test_xmlrpc.recording_expected import (
    OTHER,
    POLICY,
    RENAMED,
    added,
    already_there,
    invalid,
    modified,
    not_found,
    policy,
    refused,
)
from ipatests.test_xmlrpc.xmlrpc_test import Declarative


@pytest.mark.tier1
class test_recordingpolicy(Declarative):
    """A policy from its making to its end, and what is not one."""

    cleanup_commands = [
        ("recordingpolicy_del", [[POLICY, OTHER, RENAMED]], {"continue": True}),
    ]

    tests = [
        *(
            refused(
                f"{verb} a policy that is not there",
                (f"recordingpolicy_{verb}", [POLICY], options),
                not_found(POLICY),
            )
            for verb, options in (
                ("show", {}),
                ("mod", {"description": "text"}),
                ("del", {}),
                ("enable", {}),
                ("disable", {}),
                ("add_user", {"user": "admin"}),
                ("remove_user", {"user": "admin"}),
                ("add_host", {"host": api.env.host}),
                ("remove_host", {"host": api.env.host}),
            )
        ),
        {"desc": "Add", "command": ("recordingpolicy_add", [POLICY], {}), "expected": added()},
        refused("Add it again", ("recordingpolicy_add", [POLICY], {}), already_there(POLICY)),
        refused(
            "Add it again in capitals", ("recordingpolicy_add", [POLICY.upper()], {}), already_there(POLICY.upper())
        ),
        {
            "desc": "Add with all options",
            "command": (
                "recordingpolicy_add",
                [OTHER],
                {
                    "description": "A description",
                    "iparecordingaction": "record",
                    "iparecordingorder": 1000000,
                    "usercategory": "all",
                    "hostcategory": "all",
                    "iparecordingcapture": ["output", "input", "resize", "command-bytes"],
                    "iparecordingaudit": ["exec", "network"],
                    "iparecordingauditchanges": ["/etc", "/"],
                    "iparecordingauditreads": "/srv/secret plans",
                    "iparecordingnotice": "This session is recorded: größer, 記録",
                    "iparecordingonfailure": "allow",
                },
            ),
            "expected": added(
                OTHER,
                description=["A description"],
                iparecordingorder=["1000000"],
                usercategory=["all"],
                hostcategory=["all"],
                iparecordingcapture=["output", "input", "resize", "command-bytes"],
                iparecordingaudit=["exec", "network"],
                iparecordingauditchanges=["/etc", "/"],
                iparecordingauditreads=["/srv/secret plans"],
                iparecordingnotice=["This session is recorded: größer, 記録"],
                iparecordingonfailure=["allow"],
            ),
        },
        {
            "desc": "Delete",
            "command": ("recordingpolicy_del", [OTHER], {}),
            "expected": {
                "value": [OTHER],
                "summary": f'Deleted session recording policy "{OTHER}"',
                "result": {"failed": []},
            },
        },
        {
            "desc": "Add, values named twice",
            "command": (
                "recordingpolicy_add",
                [OTHER],
                {"iparecordingcapture": ["output", "output"], "iparecordingauditchanges": ["/etc", "/srv", "/etc"]},
            ),
            "expected": added(OTHER, iparecordingcapture=["output"], iparecordingauditchanges=["/etc", "/srv"]),
        },
        {
            "desc": "Show",
            "command": ("recordingpolicy_show", [POLICY], {}),
            "expected": {"value": POLICY, "summary": None, "result": policy()},
        },
        {
            "desc": "Show all attributes as they are stored, with rights",
            "command": ("recordingpolicy_show", [POLICY], {"all": True, "raw": True, "rights": True}),
            "expected": lambda got, output: (
                got is None
                and output["result"]["iparecordingaction"] == ("record",)
                and output["result"]["ipaenabledflag"] == ("TRUE",)
                and "w" in output["result"]["attributelevelrights"]["iparecordingaction"]
            ),
        },
        {
            "desc": "Modify",
            "command": (
                "recordingpolicy_mod",
                [POLICY],
                {
                    "description": "New",
                    "iparecordingorder": 7,
                    "iparecordingcapture": "none",
                    "iparecordingnotice": "Line",
                },
            ),
            "expected": modified(
                description=["New"],
                iparecordingorder=["7"],
                iparecordingcapture=["none"],
                iparecordingnotice=["Line"],
            ),
        },
        refused(
            "Modify to what it is already",
            ("recordingpolicy_mod", [POLICY], {"iparecordingorder": 7}),
            errors.EmptyModlist(),
        ),
        {
            "desc": "Clear what was set",
            "command": (
                "recordingpolicy_mod",
                [POLICY],
                {
                    "description": None,
                    "iparecordingcapture": None,
                    "iparecordingnotice": None,
                    "iparecordingorder": 0,
                },
            ),
            "expected": modified(),
        },
        refused(
            "Clear the action",
            ("recordingpolicy_mod", [POLICY], {"iparecordingaction": None}),
            errors.RequirementError(name="action"),
        ),
        refused(
            "Rename to a name that is taken",
            ("recordingpolicy_mod", [POLICY], {"rename": OTHER.capitalize()}),
            already_there(OTHER.capitalize()),
        ),
        refused(
            "Rename to a name that is taken, by --setattr",
            ("recordingpolicy_mod", [POLICY], {"setattr": f"cn={OTHER}"}),
            already_there(OTHER),
        ),
        {
            "desc": "Rename",
            "command": ("recordingpolicy_mod", [POLICY], {"rename": RENAMED.lower()}),
            "expected": modified(cn=[RENAMED.lower()]),
        },
        refused("The old name is free", ("recordingpolicy_show", [POLICY], {}), not_found(POLICY)),
        {
            "desc": "Rename to the same name in other letters",
            "command": ("recordingpolicy_mod", [RENAMED.lower()], {"rename": RENAMED}),
            "expected": modified(RENAMED.lower(), cn=[RENAMED]),
        },
        {
            "desc": "Rename back",
            "command": ("recordingpolicy_mod", [RENAMED], {"rename": POLICY}),
            "expected": modified(RENAMED),
        },
        refused("Enable what is enabled", ("recordingpolicy_enable", [POLICY], {}), errors.AlreadyActive()),
        {
            "desc": "Disable",
            "command": ("recordingpolicy_disable", [POLICY], {}),
            "expected": {"value": POLICY, "summary": f'Disabled session recording policy "{POLICY}"', "result": True},
        },
        refused("Disable what is disabled", ("recordingpolicy_disable", [POLICY], {}), errors.AlreadyInactive()),
        {
            "desc": "It shows as disabled",
            "command": ("recordingpolicy_show", [POLICY], {}),
            "expected": {"value": POLICY, "summary": None, "result": policy(ipaenabledflag=[False])},
        },
        {
            "desc": "Enable",
            "command": ("recordingpolicy_enable", [POLICY], {}),
            "expected": {"value": POLICY, "summary": f'Enabled session recording policy "{POLICY}"', "result": True},
        },
        {
            "desc": "Make it exempt",
            "command": ("recordingpolicy_mod", [POLICY], {"iparecordingaction": "exempt"}),
            "expected": modified(iparecordingaction=["exempt"]),
        },
        *(
            refused(
                f"An exempt policy with {option}",
                ("recordingpolicy_mod", [POLICY], {attribute: value}),
                invalid("action", f"an exempt policy records nothing: clear {option}"),
            )
            for attribute, option, value in (
                ("iparecordingcapture", "--capture", "none"),
                ("iparecordingaudit", "--audit", "exec"),
                ("iparecordingauditchanges", "--audit-changes", "/etc"),
                ("iparecordingauditreads", "--audit-reads", "/etc"),
                ("iparecordingnotice", "--notice", "Line"),
                ("iparecordingonfailure", "--on-failure", "allow"),
            )
        ),
        {
            "desc": "Make it record, with settings, in one step",
            "command": (
                "recordingpolicy_mod",
                [POLICY],
                {"iparecordingaction": "record", "iparecordingnotice": "Line", "iparecordingaudit": "exec"},
            ),
            "expected": modified(iparecordingnotice=["Line"], iparecordingaudit=["exec"]),
        },
        refused(
            "Make it exempt while it has settings",
            ("recordingpolicy_mod", [POLICY], {"iparecordingaction": "exempt"}),
            invalid("action", "an exempt policy records nothing: clear --audit, --notice"),
        ),
        {
            "desc": "Make it exempt and clear them in one step",
            "command": (
                "recordingpolicy_mod",
                [POLICY],
                {"iparecordingaction": "exempt", "iparecordingnotice": None, "iparecordingaudit": None},
            ),
            "expected": modified(iparecordingaction=["exempt"]),
        },
        refused(
            "Add an exempt policy with settings",
            ("recordingpolicy_add", [RENAMED], {"iparecordingaction": "exempt", "iparecordingonfailure": "deny"}),
            invalid("action", "an exempt policy records nothing: clear --on-failure"),
        ),
        {
            "desc": "Delete two, one of them not there",
            "command": ("recordingpolicy_del", [[POLICY, RENAMED]], {"continue": True}),
            "expected": {
                "value": [POLICY],
                "summary": f'Deleted session recording policy "{POLICY}"',
                "result": {"failed": [RENAMED]},
            },
        },
    ]
