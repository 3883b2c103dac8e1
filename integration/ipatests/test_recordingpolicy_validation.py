"""What makes no session recording policy is refused, whatever option it comes by.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

# ruff: noqa: RUF012 - FreeIPA reads lists off the classes

import pytest
from ipalib import api, errors
from ipapython.dn import DN
from ipatests.test_xmlrpc.recording_expected import (
    OTHER,
    POLICY,
    added,
    invalid,
    modified,
    not_found,
    refused,
)
from ipatests.test_xmlrpc.xmlrpc_test import Declarative

LONG_NOTICE = "n" * 1001
NONE_STANDS_ALONE = '"none" stands alone: remove it, or the others'
NONE_WITHOUT_PATHS = '"none" stands alone: remove it, or the audited paths'
NOT_WRITTEN_SO = 'must be written without "//", "." or ".." in it and without "/" at its end, as /var/lib'

# Attribute, value, the option that the message names, and the rest of the message.
REFUSED = (
    ("iparecordingaction", "ignore", "action", "must be one of 'record', 'exempt'"),
    ("iparecordingorder", -1, "order", "must be at least 0"),
    ("iparecordingorder", 1000001, "order", "can be at most 1000000"),
    (
        "iparecordingcapture",
        "screen",
        "capture",
        "must be one of 'output', 'input', 'resize', 'command-bytes', 'none'",
    ),
    ("iparecordingcapture", ["none", "output"], "capture", NONE_STANDS_ALONE),
    ("iparecordingaudit", "files", "audit", "must be one of 'exec', 'network', 'none'"),
    ("iparecordingaudit", ["exec", "none"], "audit", NONE_STANDS_ALONE),
    ("iparecordingauditchanges", "etc", "audit_changes", "must be absolute, as /etc"),
    ("iparecordingauditchanges", "/etc/", "audit_changes", NOT_WRITTEN_SO),
    ("iparecordingauditchanges", "/etc/../root", "audit_changes", NOT_WRITTEN_SO),
    ("iparecordingauditchanges", "//etc", "audit_changes", NOT_WRITTEN_SO),
    ("iparecordingauditchanges", "/a\tb", "audit_changes", "must have printable characters only"),
    ("iparecordingauditreads", "secret", "audit_reads", "must be absolute, as /etc"),
    ("iparecordingauditreads", ["/srv", "/" + 4096 * "x"], "audit_reads", "must have at most 4096 bytes"),
    ("iparecordingnotice", LONG_NOTICE, "notice", "must have at most 1000 characters"),
    ("iparecordingnotice", "a\x1b[2Jb", "notice", "must have printable characters only"),
    ("iparecordingnotice", "a\nb", "notice", "must have printable characters only"),
    ("iparecordingonfailure", "retry", "on_failure", "must be one of 'deny', 'allow'"),
    ("usercategory", "some", "usercat", "must be 'all'"),
    ("hostcategory", "some", "hostcat", "must be 'all'"),
)


@pytest.mark.tier1
class test_recordingpolicy_validation(Declarative):
    """Every value that makes no policy is refused by its option's name, whatever option it comes by."""

    cleanup_commands = [
        ("recordingpolicy_del", [[POLICY, OTHER]], {"continue": True}),
    ]

    tests = [
        {"desc": "Add", "command": ("recordingpolicy_add", [POLICY], {}), "expected": added()},
        *(
            refused(
                f"{verb}: {attribute} {value!r:.40}", (f"recordingpolicy_{verb}", [name], {attribute: value}), error
            )
            for attribute, value, option, problem in REFUSED
            for error in [invalid(option, problem)]
            for verb, name in (("add", OTHER), ("mod", POLICY))
        ),
        *(
            refused(f"{verb}: none beside a path", (f"recordingpolicy_{verb}", [name], options), error)
            for options in (
                {"iparecordingaudit": "none", "iparecordingauditchanges": "/etc"},
                {"iparecordingaudit": "none", "iparecordingauditreads": "/etc"},
            )
            for error in [invalid("audit", NONE_WITHOUT_PATHS)]
            for verb, name in (("add", OTHER), ("mod", POLICY))
        ),
        *(
            refused(f"Add a policy of the name {name!r:.20}", ("recordingpolicy_add", [name], {}), error)
            for name, error in (
                ("a\tb", invalid("name", "must have printable characters only")),
                ("n" * 256, invalid("name", "must have at most 255 characters")),
            )
        ),
        # --setattr and --addattr take the attribute's name, and so do their messages.
        *(
            refused(
                f"{verb}: --setattr {attribute}",
                (f"recordingpolicy_{verb}", [name], {"setattr": f"{attribute}={value}"}),
                invalid(attribute, problem),
            )
            for attribute, value, problem in (
                ("iparecordingaction", "ignore", "must be one of 'record', 'exempt'"),
                ("iparecordingorder", "-1", "must be at least 0"),
                ("iparecordingaudit", "files", "must be one of 'exec', 'network', 'none'"),
                ("iparecordingauditchanges", "etc", "must be absolute, as /etc"),
                ("iparecordingnotice", LONG_NOTICE, "must have at most 1000 characters"),
                ("usercategory", "some", "must be 'all'"),
            )
            for verb, name in (("add", OTHER), ("mod", POLICY))
        ),
        {
            "desc": "Capture output",
            "command": ("recordingpolicy_mod", [POLICY], {"iparecordingcapture": "output"}),
            "expected": modified(iparecordingcapture=["output"]),
        },
        refused(
            "mod: --addattr none to others",
            ("recordingpolicy_mod", [POLICY], {"addattr": "iparecordingcapture=none"}),
            invalid("capture", NONE_STANDS_ALONE),
        ),
        refused(
            "mod: --addattr a second notice",
            ("recordingpolicy_mod", [POLICY], {"addattr": ["iparecordingnotice=a", "iparecordingnotice=b"]}),
            errors.OnlyOneValueAllowed(attr="iparecordingnotice"),
        ),
        refused(
            "mod: --addattr a second name",
            ("recordingpolicy_mod", [POLICY], {"addattr": f"cn={OTHER}"}),
            errors.OnlyOneValueAllowed(attr="cn"),
        ),
        refused(
            "mod: --delattr the action: it is record by default",
            ("recordingpolicy_mod", [POLICY], {"delattr": "iparecordingaction=record"}),
            errors.EmptyModlist(),
        ),
        refused(
            "mod: --setattr a name that is none",
            ("recordingpolicy_mod", [POLICY], {"setattr": "cn=a\tb"}),
            invalid("name", "must have printable characters only"),
        ),
        *(
            refused(
                f"{verb}: {how} members",
                (f"recordingpolicy_{verb}", [name], {how: f"{attribute}={dn}"}),
                invalid(attribute, f"is set by recordingpolicy-{command}"),
            )
            for attribute, dn, command in (
                ("memberuser", DN(("uid", "admin"), api.env.container_user, api.env.basedn), "add-user"),
                ("memberhost", DN(("fqdn", api.env.host), api.env.container_host, api.env.basedn), "add-host"),
            )
            for verb, name in (("add", OTHER), ("mod", POLICY))
            for how in ("setattr", "addattr")
        ),
        {
            "desc": "mod: --addattr a value that is right",
            "command": ("recordingpolicy_mod", [POLICY], {"addattr": "iparecordingcapture=input"}),
            "expected": modified(iparecordingcapture=["output", "input"]),
        },
        {
            "desc": "mod: --delattr it",
            "command": ("recordingpolicy_mod", [POLICY], {"delattr": "iparecordingcapture=output"}),
            "expected": modified(iparecordingcapture=["input"]),
        },
        refused("Nothing was added", ("recordingpolicy_show", [OTHER], {}), not_found(OTHER)),
    ]
