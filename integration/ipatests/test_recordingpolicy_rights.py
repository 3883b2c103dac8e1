"""Who may do what with session recording policies, each with a ticket of their own.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

from collections.abc import Iterator

import pytest
from ipalib import api, errors
from ipatests.test_xmlrpc.recording_expected import (
    INNER,
    OTHER,
    PASSWORD,
    POLICY,
    RENAMED,
    USER,
    change,
    not_found,
)
from ipatests.test_xmlrpc.xmlrpc_test import XMLRPC_test, raises_exact
from ipatests.util import change_principal, unlock_principal_password

REFUSAL = errors.ACIError(info="you may not read all that decides who is recorded")
ROLES = {"recrita": "Session Recording Administrator", "recotto": "Session Recording Auditor", USER: None}


@pytest.mark.tier1
class test_recordingpolicy_rights(XMLRPC_test):
    """Who may do what, each with a ticket of their own."""

    @pytest.fixture(autouse=True, scope="class")
    def people(self, xmlrpc_setup) -> Iterator[None]:
        self.failsafe_del(api.Object.recordingpolicy, POLICY)
        for name, role in ROLES.items():
            self.failsafe_del(api.Object.user, name)
            api.Command.user_add(name, givenname="Rec", sn="User", userpassword="initial1")
            unlock_principal_password(name, "initial1", PASSWORD)
            if role:
                api.Command.role_add_member(role, user=name)
        api.Command.recordingpolicy_add(POLICY, usercategory="all", iparecordingnotice="Line")
        yield
        for name in ROLES:
            self.failsafe_del(api.Object.user, name)
        self.failsafe_del(api.Object.recordingpolicy, POLICY)

    def test_an_administrator_of_session_recording_manages_policies(self) -> None:
        with change_principal("recrita", PASSWORD):
            api.Command.recordingpolicy_add(OTHER, hostcategory="all")
            api.Command.recordingpolicy_add_user(OTHER, user=USER)
            api.Command.recordingpolicy_mod(OTHER, rename=RENAMED, iparecordingorder=5, iparecordingauditreads="/srv")
            api.Command.recordingpolicy_disable(RENAMED)
            api.Command.recordingpolicy_enable(RENAMED)
            assert api.Command.recordingpolicy_test(user=USER, host=api.env.host)["result"]["decided"] == (RENAMED,)
            assert api.Command.recordingpolicy_remove_user(RENAMED, user=USER)["completed"] == 1
            api.Command.recordingpolicy_del(RENAMED)

    def test_an_administrator_of_session_recording_manages_nothing_else(self) -> None:
        with change_principal("recrita", PASSWORD):
            with pytest.raises(errors.ACIError):
                api.Command.hbacrule_add("rechbac")
            with pytest.raises(errors.ACIError):
                api.Command.group_add(INNER)

    def test_an_auditor_sees_and_tests_policies(self) -> None:
        with change_principal("recotto", PASSWORD):
            shown = api.Command.recordingpolicy_show(POLICY, all=True, rights=True)["result"]
            assert shown["iparecordingnotice"] == ("Line",)
            assert shown["attributelevelrights"]["iparecordingnotice"] == "rsc"
            assert api.Command.recordingpolicy_find(cn=POLICY)["count"] == 1
            assert api.Command.recordingpolicy_test(user=USER, host=api.env.host)["value"] is False

    @pytest.mark.parametrize(
        ("command", "name", "options"),
        [
            ("add", OTHER, {}),
            ("del", POLICY, {}),
            ("mod", POLICY, {"iparecordingorder": 3}),
            ("mod", POLICY, {"rename": OTHER}),
            ("disable", POLICY, {}),
        ],
    )
    def test_an_auditor_changes_no_policy(self, command: str, name: str, options: dict) -> None:
        with change_principal("recotto", PASSWORD), pytest.raises(errors.ACIError):
            api.Command[f"recordingpolicy_{command}"](name, **options)

    def test_an_auditor_adds_no_member(self) -> None:
        with change_principal("recotto", PASSWORD):
            told = api.Command.recordingpolicy_add_host(POLICY, host=api.env.host)
        assert told["completed"] == 0
        assert "Insufficient access" in told["failed"]["memberhost"]["host"][0][1]

    def test_others_see_no_policy(self) -> None:
        with change_principal(USER, PASSWORD):
            assert api.Command.recordingpolicy_find()["count"] == 0
            for command, options in (("show", {}), ("mod", {"iparecordingorder": 3}), ("disable", {}), ("del", {})):
                with raises_exact(not_found(POLICY)):
                    api.Command[f"recordingpolicy_{command}"](POLICY, **options)
            with pytest.raises(errors.ACIError):
                api.Command.recordingpolicy_add(OTHER)

    def test_who_cannot_see_the_policies_is_not_told_that_nobody_is_recorded(self) -> None:
        with change_principal(USER, PASSWORD), raises_exact(REFUSAL):
            api.Command.recordingpolicy_test(user=USER, host=api.env.host)

    def test_who_sees_some_of_the_policies_is_not_told_that_nobody_is_recorded(self) -> None:
        with change_principal(f"host/{api.env.host}", keytab="/etc/krb5.keytab"):
            api.Command.recordingconfig_show()
            with raises_exact(REFUSAL):
                api.Command.recordingpolicy_test(user=USER, host=api.env.host)

    def test_who_sees_some_attributes_of_the_policies_is_not_told_that_nobody_is_recorded(self) -> None:
        permission = "System: Read Session Recording Policies"
        api.Command.permission_mod(permission, ipapermexcludedattr="memberuser")
        try:
            with change_principal("recotto", PASSWORD), raises_exact(REFUSAL):
                api.Command.recordingpolicy_test(user=USER, host=api.env.host)
        finally:
            api.Command.permission_mod(permission, ipapermexcludedattr=None)

    def test_a_search_that_is_cut_short_is_not_taken_for_all_policies(self) -> None:
        api.Command.recordingpolicy_add(OTHER)
        dn = api.Command.user_show("recotto")["result"]["dn"]
        change(dn, nssizelimit=["1"])
        try:
            with change_principal("recotto", PASSWORD), pytest.raises(errors.SizeLimitExceeded):
                api.Command.recordingpolicy_test(user=USER, host=api.env.host)
        finally:
            change(dn, nssizelimit=None)
            api.Command.recordingpolicy_del(OTHER)
