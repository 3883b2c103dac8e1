"""Who and where a session recording policy is about, and finding it by that and by the rest.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

# ruff: noqa: RUF012 - FreeIPA reads lists off the classes

import pytest
from ipalib import errors
from ipatests.test_xmlrpc.recording_expected import (
    ADD_PEOPLE_AND_HOSTS,
    HOST,
    INNER,
    INNER_HOSTS,
    OTHER,
    OUTER,
    POLICY,
    REMOVE_PEOPLE_AND_HOSTS,
    USER,
    added,
    found,
    fuzzy_dn,
    members,
    modified,
    policy,
    refused,
    succeeds,
)
from ipatests.test_xmlrpc.xmlrpc_test import Declarative

USER_CATEGORY_BESIDE_MEMBERS = errors.MutuallyExclusiveError(
    reason="user category cannot be set to 'all' while there are users or user groups"
)
HOST_CATEGORY_BESIDE_MEMBERS = errors.MutuallyExclusiveError(
    reason="host category cannot be set to 'all' while there are hosts or host groups"
)
NO_USERS_FAILED = {"memberuser": {"user": [], "group": []}}
NO_HOSTS_FAILED = {"memberhost": {"host": [], "hostgroup": []}}


@pytest.mark.tier1
class test_recordingpolicy_members(Declarative):
    """Users, groups, hosts and host groups of a policy, and their categories, which exclude them."""

    cleanup_commands = [
        ("recordingpolicy_del", [[POLICY]], {"continue": True}),
        *REMOVE_PEOPLE_AND_HOSTS,
    ]

    tests = [
        *(succeeds(command) for command in ADD_PEOPLE_AND_HOSTS),
        {"desc": "Add", "command": ("recordingpolicy_add", [POLICY], {}), "expected": added()},
        {
            "desc": "Add a user and a group",
            "command": ("recordingpolicy_add_user", [POLICY], {"user": USER, "group": INNER}),
            "expected": members(2, policy(memberuser_user=[USER], memberuser_group=[INNER]), **NO_USERS_FAILED),
        },
        {
            "desc": "Add one again and one that is not there",
            "command": ("recordingpolicy_add_user", [POLICY], {"user": [USER, "recnobody"]}),
            "expected": members(
                0,
                policy(memberuser_user=[USER], memberuser_group=[INNER]),
                memberuser={
                    "user": [(USER, "This entry is already a member"), ("recnobody", "no such entry")],
                    "group": [],
                },
            ),
        },
        {
            "desc": "Add a host and a host group",
            "command": ("recordingpolicy_add_host", [POLICY], {"host": HOST, "hostgroup": INNER_HOSTS}),
            "expected": members(
                2,
                policy(
                    memberuser_user=[USER],
                    memberuser_group=[INNER],
                    memberhost_host=[HOST],
                    memberhost_hostgroup=[INNER_HOSTS],
                ),
                **NO_HOSTS_FAILED,
            ),
        },
        refused(
            "All users beside members",
            ("recordingpolicy_mod", [POLICY], {"usercategory": "all"}),
            USER_CATEGORY_BESIDE_MEMBERS,
        ),
        refused(
            "All users beside members, by --setattr",
            ("recordingpolicy_mod", [POLICY], {"setattr": "usercategory=all"}),
            USER_CATEGORY_BESIDE_MEMBERS,
        ),
        refused(
            "All hosts beside members",
            ("recordingpolicy_mod", [POLICY], {"hostcategory": "all"}),
            HOST_CATEGORY_BESIDE_MEMBERS,
        ),
        *(
            {
                "desc": f"Find it by {option}",
                "command": ("recordingpolicy_find", [], {option: name}),
                "expected": found(policy()),
            }
            for option, name in (("user", USER), ("group", INNER), ("host", HOST), ("hostgroup", INNER_HOSTS))
        ),
        {
            "desc": "Find it by a member that it does not have",
            "command": ("recordingpolicy_find", [], {"group": OUTER}),
            "expected": found(),
        },
        {
            "desc": "It does not name another group",
            "command": ("recordingpolicy_find", [POLICY], {"no_group": OUTER}),
            "expected": found(policy()),
        },
        {
            "desc": "Remove the user, and the group that is not a member",
            "command": ("recordingpolicy_remove_user", [POLICY], {"user": USER, "group": OUTER}),
            "expected": members(
                1,
                policy(memberuser_group=[INNER], memberhost_host=[HOST], memberhost_hostgroup=[INNER_HOSTS]),
                memberuser={"user": [], "group": [(OUTER, "This entry is not a member")]},
            ),
        },
        {
            "desc": "Remove the host",
            "command": ("recordingpolicy_remove_host", [POLICY], {"host": HOST}),
            "expected": members(
                1, policy(memberuser_group=[INNER], memberhost_hostgroup=[INNER_HOSTS]), **NO_HOSTS_FAILED
            ),
        },
        succeeds(("group_mod", [INNER], {"rename": f"{INNER}-new"}), "Rename the group"),
        succeeds(("hostgroup_del", [INNER_HOSTS], {}), "Delete the host group"),
        {
            "desc": "The policy names the group by its new name, and the host group no more",
            "command": ("recordingpolicy_show", [POLICY], {}),
            "expected": {"value": POLICY, "summary": None, "result": policy(memberuser_group=[f"{INNER}-new"])},
        },
        succeeds(("group_del", [f"{INNER}-new"], {}), "Delete the group"),
        {
            "desc": "All users and hosts",
            "command": ("recordingpolicy_mod", [POLICY], {"usercategory": "all", "hostcategory": "all"}),
            "expected": modified(usercategory=["all"], hostcategory=["all"]),
        },
        refused(
            "A user beside all users",
            ("recordingpolicy_add_user", [POLICY], {"user": USER}),
            errors.MutuallyExclusiveError(reason="users cannot be added when user category='all'"),
        ),
        refused(
            "A host beside all hosts",
            ("recordingpolicy_add_host", [POLICY], {"host": HOST}),
            errors.MutuallyExclusiveError(reason="hosts cannot be added when host category='all'"),
        ),
        {
            "desc": "No users and hosts",
            "command": ("recordingpolicy_mod", [POLICY], {"usercategory": None, "hostcategory": None}),
            "expected": modified(),
        },
        succeeds(("recordingpolicy_add_user", [POLICY], {"user": USER}), "Add the user again"),
        {
            "desc": "Show a user who is a member",
            "command": ("user_show", [USER], {}),
            "expected": lambda got, output: got is None and not any("recording" in key for key in output["result"]),
        },
        succeeds(("user_del", [USER], {}), "Delete the user"),
        {
            "desc": "A user who is deleted is a member no more",
            "command": ("recordingpolicy_show", [POLICY], {}),
            "expected": {"value": POLICY, "summary": None, "result": policy()},
        },
    ]


ATTRIBUTES = {
    "description": "Kept apart",
    "iparecordingorder": 11,
    "hostcategory": "all",
    "iparecordingcapture": ["input", "output"],
    "iparecordingaudit": ["network"],
    "iparecordingauditchanges": ["/opt/recfind"],
    "iparecordingauditreads": ["/srv/recfind"],
    "iparecordingnotice": "A notice of recfind",
    "iparecordingonfailure": "allow",
}
RESULT = policy(**{key: value if isinstance(value, list) else [str(value)] for key, value in ATTRIBUTES.items()})


@pytest.mark.tier1
class test_recordingpolicy_find(Declarative):
    """Policies are found by each of their options."""

    cleanup_commands = [
        ("recordingpolicy_del", [[POLICY, OTHER]], {"continue": True}),
    ]

    tests = [
        {
            "desc": "Add an exempt policy",
            "command": ("recordingpolicy_add", [OTHER], {"iparecordingaction": "exempt", "usercategory": "all"}),
            "expected": added(OTHER, iparecordingaction=["exempt"], usercategory=["all"]),
        },
        succeeds(("recordingpolicy_add", [POLICY], ATTRIBUTES)),
        *(
            {
                "desc": f"Find by {attribute}",
                "command": ("recordingpolicy_find", [], {attribute: value}),
                "expected": expected,
            }
            for expected in [found(RESULT)]
            for attribute, value in (
                *ATTRIBUTES.items(),
                ("iparecordingcapture", "input"),
                ("cn", POLICY),
                ("iparecordingaction", "record"),
            )
        ),
        *(
            {"desc": f"Find {term!r}", "command": ("recordingpolicy_find", [term], {}), "expected": expected}
            for expected in [found(RESULT)]
            for term in ("policy", "apart", "notice of", "opt/rec", "srv/rec")
        ),
        {
            "desc": "Find the exempt",
            "command": ("recordingpolicy_find", [], {"iparecordingaction": "exempt"}),
            "expected": found(policy(OTHER, iparecordingaction=["exempt"], usercategory=["all"])),
        },
        {
            "desc": "Find by all users",
            "command": ("recordingpolicy_find", [], {"usercategory": "all"}),
            "expected": found(policy(OTHER, iparecordingaction=["exempt"], usercategory=["all"])),
        },
        {
            "desc": "Find none",
            "command": ("recordingpolicy_find", [], {"iparecordingnotice": "Another"}),
            "expected": found(),
        },
        {
            "desc": "Find names only",
            "command": ("recordingpolicy_find", ["rec"], {"pkey_only": True}),
            "expected": found({"cn": [OTHER], "dn": fuzzy_dn}, {"cn": [POLICY], "dn": fuzzy_dn}),
        },
        {
            "desc": "Find one at most",
            "command": ("recordingpolicy_find", ["rec"], {"sizelimit": 1}),
            "expected": lambda got, output: got is None and output["count"] == 1 and output["truncated"],
        },
    ]
