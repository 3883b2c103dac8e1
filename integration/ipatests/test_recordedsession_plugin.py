"""The commands on recorded sessions.

FreeIPA's own test runner runs this on a server of its own, as root, beside its own tests in ipatests/test_xmlrpc.
"""

from collections.abc import Iterator

import pytest
from ipalib import api, errors
from ipaserver.plugins.recordedsession_entry import LONGEST, MOST
from ipatests.test_xmlrpc.recordedsession_expected import (
    ALIVE,
    FORGOTTEN,
    GONE,
    SESSIONS,
    ambiguous,
    enrol,
    has_entry,
    not_found,
    protected,
    put,
    remove_sessions,
    session,
    shown,
)
from ipatests.test_xmlrpc.xmlrpc_test import XMLRPC_test, assert_deepequal, raises_exact

HOSTS = (ALIVE, GONE)


@pytest.fixture(autouse=True)
def sessions(xmlrpc_setup) -> Iterator[None]:
    remove_sessions()
    session(ALIVE, "recone")
    session(ALIVE, "recboth", uid="bob", iparecordingpolicy=["one", "two"], iparecordingfrom="10.0.0.1")
    session(GONE, "recboth")
    session(FORGOTTEN, "recold")
    yield
    remove_sessions()


@pytest.mark.tier1
class test_recordedsession(XMLRPC_test):
    """Finding, showing, controlling and removing."""

    @pytest.fixture(autouse=True, scope="class")
    def hosts(self, xmlrpc_setup) -> Iterator[None]:
        for name in HOSTS:
            self.failsafe_del(api.Object.host, name)
            api.Command.host_add(name, force=True)
        enrol(ALIVE)
        yield
        for name in HOSTS:
            self.failsafe_del(api.Object.host, name)

    def found(self, *criteria: str, **options: object) -> list[str]:
        """The names of the sessions found."""
        return [entry["cn"][0] for entry in api.Command.recordedsession_find(*criteria, **options)["result"]]

    def state_wanted(self, recording: str, host: str) -> tuple | None:
        return api.Command.recordedsession_show(recording, host=host)["result"].get("iparecordingwanted")

    def test_all_are_found_by_host_and_time(self) -> None:
        result = api.Command.recordedsession_find()
        assert result["summary"] == "4 recorded sessions matched"
        assert [(entry["host"][0], entry["cn"][0]) for entry in result["result"]] == [
            (ALIVE, "recone"),
            (ALIVE, "recboth"),
            (FORGOTTEN, "recold"),
            (GONE, "recboth"),
        ]

    def test_one_is_shown_whole(self) -> None:
        expected = {"value": "recone", "summary": None, "result": shown(ALIVE, "recone")}
        assert_deepequal(expected, api.Command.recordedsession_show("recone"))

    def test_one_is_shown_as_it_is_stored(self) -> None:
        result = api.Command.recordedsession_show("recone", all=True, raw=True)["result"]
        assert result["iparecordingstart"] == ("20260102030405Z",)
        assert {value.lower() for value in result["objectclass"]} == {"top", "iparecordedsession"}
        assert "stale" not in result

    def test_they_are_found_by_what_they_are(self) -> None:
        assert self.found("recon") == ["recone"]
        assert self.found(uid="bob") == ["recboth"]
        assert self.found(host=ALIVE, pkey_only=True) == ["recone", "recboth"]
        assert self.found(host=f"{GONE.upper()}.") == ["recboth"]
        assert self.found(host="recgone") == ["recboth"]
        assert self.found(host="nobody") == []
        assert self.found(iparecordingpolicy="two") == ["recboth"]
        assert self.found(iparecordingfrom="10.0.0.1", iparecordingstate="running") == ["recboth"]
        assert self.found(iparecordingstate="suspended") == []

    def test_those_of_hosts_that_are_gone_are_stale(self) -> None:
        assert self.found(stale=True) == ["recold", "recboth"]
        assert self.found(stale=True, pkey_only=True) == ["recold", "recboth"]
        assert self.found(stale=False) == ["recone", "recboth"]

    @pytest.mark.parametrize(
        ("command", "wanted", "will_be"),
        [
            ("suspend", "suspended", "suspended"),
            ("resume", "running", "resumed"),
            ("terminate", "terminated", "terminated"),
        ],
    )
    def test_a_host_is_asked_to_act(self, command: str, wanted: str, will_be: str) -> None:
        expected = {
            "result": True,
            "value": "recone",
            "summary": f'Session "recone" of alice on {ALIVE} will be {will_be} as soon as its host acts',
        }
        assert api.Command[f"recordedsession_{command}"]("recone") == expected
        assert api.Command[f"recordedsession_{command}"]("recone") == expected
        result = api.Command.recordedsession_show("recone")["result"]
        assert result["iparecordingwanted"] == (wanted,)
        assert result["wantedby"] == ("admin",)

    @pytest.mark.parametrize("command", ["show", "suspend", "resume", "terminate", "del"])
    def test_of_two_hosts_that_claim_a_name_one_must_be_named(self, command: str) -> None:
        with raises_exact(ambiguous("recboth", ALIVE, GONE)):
            api.Command[f"recordedsession_{command}"]("recboth")

    def test_another_host_cannot_take_a_session_out_of_control(self) -> None:
        session(GONE, "recone")
        api.Command.recordedsession_terminate("recone", host=ALIVE)
        assert self.state_wanted("recone", ALIVE) == ("terminated",)
        assert self.state_wanted("recone", GONE) is None

    @pytest.mark.parametrize("command", ["show", "suspend", "resume", "terminate", "del"])
    def test_one_that_is_not_there(self, command: str) -> None:
        for options in ({}, {"host": ALIVE}, {"host": f"nobody.{api.env.domain}"}):
            for name in ("recnone", "rec*", "recone,cn=x"):
                with raises_exact(not_found(name)):
                    api.Command[f"recordedsession_{command}"](name, **options)

    @pytest.mark.parametrize("command", ["suspend", "resume"])
    def test_nothing_is_asked_of_a_host_that_is_gone(self, command: str) -> None:
        for recording, host in (("recboth", GONE), ("recold", FORGOTTEN)):
            problem = f"nobody would act: {host} has not reported, or is no longer enrolled"
            with raises_exact(errors.ValidationError(name="recording", error=problem)):
                api.Command[f"recordedsession_{command}"](recording, host=host)
            assert self.state_wanted(recording, host) is None

    def test_a_host_that_comes_back_is_to_end_its_session(self) -> None:
        assert api.Command.recordedsession_terminate("recboth", host=GONE)["summary"] == (
            f'Session "recboth" of alice on {GONE} will be terminated as soon as its host comes back'
        )

    @pytest.mark.parametrize("command", ["suspend", "resume", "terminate"])
    def test_nothing_is_asked_of_a_session_that_has_ended(self, command: str) -> None:
        session(ALIVE, "recended", iparecordingstate="ended")
        with raises_exact(errors.ValidationError(name="recording", error="the session has ended")):
            api.Command[f"recordedsession_{command}"]("recended")

    def test_only_what_has_ended_or_is_stale_is_removed(self) -> None:
        session(ALIVE, "recended", iparecordingstate="ended")
        with raises_exact(protected("recone")):
            api.Command.recordedsession_del("recone")
        result = api.Command.recordedsession_del("recended", "recold")
        assert result["summary"] == 'Removed recorded session "recended,recold"'
        api.Command.recordedsession_del("recboth", host=GONE)
        assert self.found() == ["recone", "recboth"]
        assert [has_entry(host) for host in (ALIVE, GONE, FORGOTTEN)] == [True, False, False]

    def test_removing_several_goes_on_after_one_that_cannot_be_removed(self) -> None:
        result = api.Command.recordedsession_del("recone", "recold", **{"continue": True})
        assert result["value"] == ("recold",)
        assert result["result"]["failed"] == ("recone",)


@pytest.mark.tier1
class test_recordedsession_hostile(XMLRPC_test):
    """What a hostile host writes reaches nobody's terminal, and hides nothing."""

    def test_control_characters_are_shown_as_escapes(self) -> None:
        session(
            ALIVE,
            "rec\x1b[2J",
            uid="al\x1b[31mice",
            iparecordingterminal="pts/0\r\n\x07",
            iparecordingfrom="\u202eevil\x9b0m",
            iparecordingpolicy=["\x1b]0;title\x07"],
        )
        for options in ({}, {"all": True}, {"all": True, "raw": True}, {"pkey_only": True}):
            text = repr_of(api.Command.recordedsession_find(**options))
            assert "rec\\x1b[2J" in text
            assert text.isprintable()

    def test_absurd_lengths_and_numbers_are_cut(self) -> None:
        session(ALIVE, "rechuge", iparecordingfrom="x" * 100_000, iparecordingpolicy=[f"p{n}" for n in range(500)])
        result = api.Command.recordedsession_show("rechuge")["result"]
        assert len(result["iparecordingfrom"][0]) == LONGEST + 1
        assert len(result["iparecordingpolicy"]) == MOST + 1
        assert result["iparecordingpolicy"][-1] == "… and 480 more"

    def test_a_state_that_is_none_is_shown_as_such(self) -> None:
        session(ALIVE, "recodd", iparecordingstate="hacked\x1b")
        assert api.Command.recordedsession_show("recodd")["result"]["iparecordingstate"] == ("unknown (hacked\\x1b)",)

    def test_a_time_that_freeipa_does_not_read_breaks_nothing(self) -> None:
        session(ALIVE, "recodd", iparecordingstart="20260101000000.5+0100")
        for options in ({}, {"all": True}, {"all": True, "raw": True}):
            assert "recodd" in repr_of(api.Command.recordedsession_find(**options))

    @pytest.mark.parametrize("attribute", ["modifiersname;x", "iparecordingstate;x", "iparecordingstart;x"])
    def test_an_attribute_with_an_option_breaks_nothing_and_speaks_for_nobody(self, attribute: str) -> None:
        value = f"uid=mallory,cn=users,cn=accounts,{api.env.basedn}"
        session(ALIVE, "recodd", **{attribute: "20270101000000Z" if "start" in attribute else value})
        for options in ({}, {"all": True}, {"all": True, "raw": True}):
            assert "recodd" in repr_of(api.Command.recordedsession_find("recodd", **options))
        api.Command.recordedsession_terminate("recodd")
        assert api.Command.recordedsession_show("recodd", all=True)["result"]["wantedby"] == ("admin",)

    def test_what_only_looks_like_a_session_is_none(self) -> None:
        attributes = {
            "objectclass": ["top", "iparecordedsession"],
            "cn": ["recone", "recfake"],
            "uid": "alice",
            "iparecordingstart": "20260101000000Z",
            "iparecordingstate": "running",
        }
        put(f"cn=recfake+uid=alice,fqdn={ALIVE},{SESSIONS}", attributes)
        put(f"cn=recfake,cn=recone,fqdn={ALIVE},{SESSIONS}", attributes | {"cn": "recfake"})
        put(f"cn=recdouble,fqdn={ALIVE},{SESSIONS}", attributes | {"cn": ["recdouble", "recone"]})
        assert api.Command.recordedsession_find("recfake")["count"] == 0
        assert api.Command.recordedsession_show("recone")["result"]["cn"] == ("recone",)


def repr_of(value: object) -> str:
    """All that a command returned, as it would be printed."""
    if isinstance(value, dict):
        return " ".join(f"{key} {repr_of(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(repr_of(item) for item in value)
    return str(value)
