"""FreeIPA's web UI with our pages, in a headless browser: what each role sees there and can do.

A picture of each page is left in build/screenshots.
"""

import re
from collections.abc import Iterator

import pytest

from integration import ldap_as
from integration.browser import Browser
from integration.entries import GONE, HOST, OTHER, Policies, Sessions
from integration.machine import Machine

RESPONDER = "session-recording-responder"
PAGE = ".facet.active-facet"
DIALOG = ".modal.in .modal-dialog"

# Before the login the web UI asks whether there is a ticket, and is told that there is none. Each command that the
# server refuses leaves a rejected promise with an object; an error of ours would be one of JavaScript's.
FREEIPAS_OWN = r'401 \(Unauthorized\)|dojo\.js\S* \d+:\d+ Object "'

HOSTILE = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser; the test fails if its console has an error of ours."""
    yield chromium
    assert [line for line in chromium.console() if not re.search(FREEIPAS_OWN, line)] == []


@pytest.fixture
def rita(browser: Browser) -> Browser:
    browser.login("rita")
    return browser


@pytest.fixture
def otto(browser: Browser) -> Browser:
    browser.login("otto")
    return browser


@pytest.fixture(scope="module")
def policies(server: Machine) -> Iterator[Policies]:
    made = Policies(server)
    yield made
    made.make()


@pytest.fixture
def policy(policies: Policies) -> str:
    """The only policy, of order 10: record contractors in production, with the settings of the configuration."""
    policies.make("""
        recordingpolicy_add("contractors", iparecordingorder=10, description="What contractors do in production")
        recordingpolicy_add_user("contractors", group="contractors")
        recordingpolicy_add_host("contractors", hostgroup="production")
    """)
    return "contractors"


@pytest.fixture(autouse=True, scope="module")
def nobody_else_writes_sessions(server: Machine, client: Machine) -> Iterator[None]:
    """The client's own responder would remove what it knows nothing of, for a while after each session."""
    client.run("systemctl", "stop", RESPONDER)
    server.run("ldapdelete", "-c", "-r", *ldap_as.bind("root"), f"fqdn={HOST},{ldap_as.SESSIONS}", check=False)
    yield
    client.run("systemctl", "start", RESPONDER)


@pytest.fixture
def sessions(server: Machine, client: Machine) -> Iterator[Sessions]:
    made = Sessions(server, client)
    yield made
    made.remove()


def add_members(browser: Browser, table: str, name: str) -> None:
    """Add a member with the dialog of one of the tables of a policy's page."""
    browser.click(f"{PAGE} [name={table}] button[name=add]")
    browser.visible(DIALOG)
    browser.settle()
    browser.tick(f"{DIALOG} .adder-dialog-available", name)
    browser.click(f"{DIALOG} .modal-body button[name=add]")
    browser.click(f"{DIALOG} .modal-footer button[name=add]")
    browser.gone(DIALOG)
    browser.settle()


def save(browser: Browser) -> None:
    browser.click(f"{PAGE} button[name=save]")
    browser.visible(f"{PAGE} button[name=save]:disabled, {PAGE} button[name=save].disabled")
    browser.settle()


def test_a_policy_that_is_added_and_edited_is_there_after_a_reload(
    rita: Browser, server: Machine, policies: Policies
) -> None:
    policies.make()
    rita.menu("Policy", "Session Recording", "Policies")
    rita.click(f"{PAGE} button[name=add]")
    rita.fill(f"{DIALOG} input[name=cn]", "contractors")
    assert rita.ticked(f"{DIALOG} div[name=iparecordingaction]") == ["record"]
    rita.fill(f"{DIALOG} input[name=iparecordingorder]", "10")
    rita.fill(f"{DIALOG} textarea[name=description]", "What contractors do in production")
    rita.take_picture("policy-add")
    rita.click(f"{DIALOG} button[name=add_and_edit]")
    rita.gone(DIALOG)

    add_members(rita, "memberuser_group", "contractors")
    add_members(rita, "memberhost_hostgroup", "production")
    for value in ("output", "input"):
        rita.tick(f"{PAGE} div[name=iparecordingcapture]", value)
    rita.fill(f"{PAGE} input[name=iparecordingnotice]", "This session is recorded.")
    rita.choose(f"{PAGE} select[name=iparecordingonfailure]", "deny")
    rita.tick(f"{PAGE} div[name=iparecordingaudit]", "exec")
    for attribute, path in (("changes", "/etc"), ("reads", "/srv/secret")):
        rita.click(f"{PAGE} div[name=iparecordingaudit{attribute}] button[name=add]")
        rita.fill(f"{PAGE} div[name=iparecordingaudit{attribute}] input", path)
    save(rita)

    rita.reload()
    assert rita.text(f"{PAGE} .facet-pkey") == "contractors"
    assert rita.value(f"{PAGE} textarea[name=description]") == "What contractors do in production"
    assert rita.value(f"{PAGE} input[name=iparecordingorder]") == "10"
    assert rita.texts(f"{PAGE} [name=memberuser_group] tbody td a") == ["contractors"]
    assert rita.texts(f"{PAGE} [name=memberhost_hostgroup] tbody td a") == ["production"]
    assert rita.ticked(f"{PAGE} div[name=iparecordingcapture]") == ["output", "input"]
    assert rita.value(f"{PAGE} input[name=iparecordingnotice]") == "This session is recorded."
    assert rita.value(f"{PAGE} select[name=iparecordingonfailure]") == "deny"
    assert rita.ticked(f"{PAGE} div[name=iparecordingaudit]") == ["exec"]
    assert rita.value(f"{PAGE} div[name=iparecordingauditchanges] input") == "/etc"
    assert rita.value(f"{PAGE} div[name=iparecordingauditreads] input") == "/srv/secret"
    rita.take_picture("policy")

    shown = server.ipa("recordingpolicy-show", "contractors").stdout
    assert re.search(r"Capture: (output, input|input, output)\n", shown)
    assert "Audit changes under: /etc\n" in shown
    assert "Host Groups: production\n" in shown


def test_the_test_page_tells_who_is_recorded_and_by_which_policy(
    rita: Browser, policies: Policies, policy: str
) -> None:
    policies.change(f"""
        recordingpolicy_mod("{policy}", iparecordingnotice="{HOSTILE}", iparecordingaudit="exec",
                            iparecordingauditchanges="/etc")
        recordingpolicy_add("nights", usercategory="all")
    """)
    rita.go("/e/recordingpolicy_test/details")
    run_test(rita, "bob", HOST)
    assert rita.text(f"{PAGE} p[name=recorded]") == "yes"
    assert rita.text(f"{PAGE} p[name=decided]") == policy
    assert rita.text(f"{PAGE} p[name=capture]") == "output, resize"
    assert rita.text(f"{PAGE} p[name=audit]") == "exec, changes under /etc"
    assert rita.text(f"{PAGE} p[name=notice]") == HOSTILE
    assert rita.text(f"{PAGE} p[name=onfailure]") == "deny"
    assert rita.text(f"{PAGE} p[name=matched]") == policy
    assert rita.text(f"{PAGE} p[name=notmatched]") == "nights"
    assert_nothing_ran(rita)
    policies.change(f"recordingpolicy_mod('{policy}', iparecordingnotice='This session is recorded.')")
    rita.click(f"{PAGE} button[name=run]")
    rita.take_picture("test")

    run_test(rita, "alice", HOST)
    assert rita.text(f"{PAGE} p[name=recorded]") == "no"
    assert not rita.shown(f"{PAGE} p[name=capture]")

    run_test(rita, "nobody-of-this-name", HOST)
    assert "nobody-of-this-name" in rita.text(f"{PAGE} .alert-danger")
    assert not rita.shown(f"{PAGE} p[name=recorded]")

    rita.click(f"{PAGE} button[name=again]")
    assert rita.value(f"{PAGE} input[name=user]") == ""
    assert not rita.shown(f"{PAGE} .alert-danger")


def test_the_test_page_counts_disabled_policies_only_when_asked(rita: Browser, server: Machine, policy: str) -> None:
    server.ipa("recordingpolicy-disable", policy)
    rita.go("/e/recordingpolicy_test/details")
    run_test(rita, "bob", HOST)
    assert rita.text(f"{PAGE} p[name=recorded]") == "no"
    rita.tick(f"{PAGE} div[name=disabled]", "checked")
    rita.click(f"{PAGE} button[name=run]")
    assert rita.text(f"{PAGE} p[name=recorded]") == "yes"


def run_test(browser: Browser, user: str, host: str) -> None:
    browser.click(f"{PAGE} button[name=again]")
    browser.fill(f"{PAGE} input[name=user]", user)
    browser.fill(f"{PAGE} input[name=host]", host)
    browser.click(f"{PAGE} button[name=run]")


def test_policies_are_disabled_enabled_and_removed_from_the_list(rita: Browser, server: Machine, policy: str) -> None:
    server.ipa("recordingpolicy-add", "operators", "--action=exempt", "--order=20", "--desc=On call")
    rita.go("/e/recordingpolicy/search")
    assert rita.rows() == [
        {
            "cn": policy,
            "ipaenabledflag": "Enabled",
            "iparecordingaction": "record",
            "iparecordingorder": "10",
            "description": "What contractors do in production",
        },
        {
            "cn": "operators",
            "ipaenabledflag": "Enabled",
            "iparecordingaction": "exempt",
            "iparecordingorder": "20",
            "description": "On call",
        },
    ]
    for button, status in (("disable", "Disabled"), ("enable", "Enabled"), ("disable", "Disabled")):
        rita.select_row("cn", policy)
        rita.click(f"{PAGE} button[name={button}]")
        rita.confirm()
        assert [row["ipaenabledflag"] for row in rita.rows()] == [status, "Enabled"]
    rita.take_picture("policies")
    rita.select_row("cn", policy)
    rita.click(f"{PAGE} button[name=remove]")
    rita.confirm()
    assert [row["cn"] for row in rita.rows()] == ["operators"]


def test_a_policy_is_disabled_renamed_and_removed_on_its_own_page(
    rita: Browser, server: Machine, policy: str
) -> None:
    rita.go(f"/e/recordingpolicy/details/{policy}")
    assert rita.actions() == ["disable", "rename", "delete"]
    rita.action("disable")
    rita.confirm()
    assert rita.actions() == ["enable", "rename", "delete"]

    rita.action("rename")
    rita.fill(f"{DIALOG} input[name=rename]", "externals")
    rita.click(f"{DIALOG} button[name=rename]")
    rita.gone(DIALOG)
    assert rita.text(f"{PAGE} .facet-pkey") == "externals"
    assert "Policy name: externals\n" in server.ipa("recordingpolicy-show", "externals").stdout

    rita.action("delete")
    rita.confirm()
    assert rita.rows() == []


def test_a_policy_that_comes_to_exempt_loses_its_settings(rita: Browser, server: Machine, policy: str) -> None:
    server.ipa("recordingpolicy-mod", policy, "--capture=output", "--audit-reads=/srv", "--on-failure=allow")
    rita.go(f"/e/recordingpolicy/details/{policy}")
    rita.tick(f"{PAGE} div[name=iparecordingaction]", "exempt")
    assert not rita.shown(f"{PAGE} div[name=iparecordingcapture]")
    assert (
        rita.texts(f"{PAGE} .details-section > .help-block")
        == ['Nothing: this policy exempts from recording. Choose the action "record" to set this.'] * 2
    )

    rita.tick(f"{PAGE} div[name=iparecordingaction]", "record")
    assert rita.ticked(f"{PAGE} div[name=iparecordingcapture]") == ["output"], "nothing is lost by looking"
    assert not rita.enabled(f"{PAGE} button[name=save]")

    rita.tick(f"{PAGE} div[name=iparecordingaction]", "exempt")
    save(rita)
    rita.reload()
    assert rita.ticked(f"{PAGE} div[name=iparecordingaction]") == ["exempt"]
    assert not rita.shown(f"{PAGE} div[name=iparecordingcapture]")
    shown = server.ipa("recordingpolicy-show", policy, "--all", "--raw").stdout
    assert not re.search("capture|audit|onfailure", shown, re.IGNORECASE)


def test_none_stands_alone_among_what_is_captured(rita: Browser, server: Machine, policy: str) -> None:
    rita.go(f"/e/recordingpolicy/details/{policy}")
    boxes = f"{PAGE} div[name=iparecordingcapture]"
    rita.tick(boxes, "output")
    rita.tick(boxes, "none")
    assert rita.ticked(boxes) == ["none"]
    save(rita)
    assert "Capture: none\n" in server.ipa("recordingpolicy-show", policy).stdout
    rita.tick(boxes, "resize")
    assert rita.ticked(boxes) == ["resize"]
    rita.tick(boxes, "resize")
    save(rita)
    assert "Capture" not in server.ipa("recordingpolicy-show", policy).stdout, "left to the configuration again"


def test_a_setting_that_is_refused_is_named_and_stays_to_be_corrected(rita: Browser, policy: str) -> None:
    rita.go(f"/e/recordingpolicy/details/{policy}")
    field = f"{PAGE} div[name=iparecordingauditchanges]"
    rita.click(f"{field} button[name=add]")
    rita.fill(f"{field} input", "etc")
    rita.click(f"{PAGE} button[name=save]")
    told = rita.error()
    assert "audit_changes" in told
    assert "absolute" in told
    rita.fill(f"{field} input", "/etc")
    save(rita)


def test_the_configuration_is_kept(rita: Browser, server: Machine) -> None:
    try:
        rita.menu("Policy", "Session Recording", "Configuration")
        rita.fill(f"{PAGE} input[name=iparecordingheartbeat]", "60")
        rita.tick(f"{PAGE} div[name=iparecordingaudit]", "network")
        save(rita)
        rita.reload()
        assert rita.value(f"{PAGE} input[name=iparecordingheartbeat]") == "60"
        assert rita.ticked(f"{PAGE} div[name=iparecordingaudit]") == ["exec", "network"]
        rita.take_picture("configuration")
    finally:
        server.ipa("recordingconfig-mod", "--heartbeat=300", "--audit=exec")


def test_an_administrator_of_policies_is_told_that_sessions_are_not_hers(rita: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob")
    rita.menu("Policy", "Session Recording", "Recorded Sessions")
    assert "Insufficient access" in rita.text(f"{PAGE} .facet-error")


def test_an_auditor_sees_policies_and_is_not_offered_to_change_them(otto: Browser, policy: str) -> None:
    otto.menu("Policy", "Session Recording", "Policies")
    assert [row["cn"] for row in otto.rows()] == [policy]
    assert [
        name for name in ("add", "remove", "enable", "disable") if otto.shown(f"{PAGE} button[name={name}]")
    ] == []
    otto.click(f"{PAGE} tbody a")
    assert otto.text(f"{PAGE} p[name=iparecordingorder]") == "10"
    assert otto.actions() == []
    assert not otto.shown(f"{PAGE} input[type=text]")
    assert otto.count(f"{PAGE} div[name=iparecordingcapture] input") == 5
    assert otto.count(f"{PAGE} .option_widget input:enabled") == 0
    otto.menu("Policy", "Session Recording", "Configuration")
    assert otto.text(f"{PAGE} p[name=iparecordingheartbeat]") == "300"
    otto.menu("Policy", "Session Recording", "Test")
    run_test(otto, "bob", HOST)
    assert otto.text(f"{PAGE} p[name=recorded]") == "yes"


def test_an_auditor_terminates_a_session_once_he_has_said_yes(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob", terminal="pts/3", **{"from": "10.99.0.20"}, policy="contractors")
    sessions.add("20260101-2", "alice", terminal="pts/4", **{"from": "10.99.0.21"})
    otto.go("/e/recordedsession/search")
    assert sorted((row["uid"], row["host"], row["iparecordingstate"]) for row in otto.rows()) == [
        ("alice", HOST, "running"),
        ("bob", HOST, "running"),
    ]
    otto.select_row("uid", "bob")
    otto.click(f"{PAGE} button[name=terminate]")
    otto.take_picture("session-terminate")
    otto.click(f"{DIALOG} button[name=cancel]")
    otto.gone(DIALOG)
    assert sessions.wanted("20260101-1") == ""

    otto.click(f"{PAGE} button[name=terminate]")
    question = otto.confirm()
    assert "bob" in question
    assert HOST in question
    assert sessions.wanted("20260101-1") == "terminated"
    assert sessions.wanted("20260101-2") == ""
    assert {row["uid"]: row["iparecordingwanted"] for row in otto.rows()} == {
        "bob": "terminated (asked)",
        "alice": "",
    }


def test_an_auditor_suspends_and_resumes_a_session_on_its_page(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob", terminal="pts/3", **{"from": "10.99.0.20"}, policy="contractors")
    otto.go("/e/recordedsession/search")
    otto.click(f"{PAGE} tbody a")
    assert otto.text(f"{PAGE} p[name=uid]") == "bob"
    assert otto.text(f"{PAGE} p[name=host]") == HOST
    assert otto.text(f"{PAGE} p[name=iparecordingterminal]") == "pts/3"
    assert otto.text(f"{PAGE} p[name=iparecordingfrom]") == "10.99.0.20"
    assert otto.text(f"{PAGE} p[name=iparecordingpolicy]") == "contractors"
    assert offered(otto) == ["terminate", "suspend"]
    otto.take_picture("session")
    otto.click(f"{PAGE} button[name=suspend]")
    otto.confirm()
    assert otto.text(f"{PAGE} p[name=iparecordingwanted]") == "suspended (asked)"
    assert otto.text(f"{PAGE} p[name=wantedby]") == "otto"
    assert offered(otto) == ["terminate", "resume"]
    otto.click(f"{PAGE} button[name=resume]")
    otto.confirm()
    assert sessions.wanted("20260101-1") == "running"


def test_several_sessions_are_suspended_at_once(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob")
    sessions.add("20260101-2", "alice")
    otto.go("/e/recordedsession/search")
    otto.select_row("uid", "bob")
    otto.select_row("uid", "alice")
    otto.click(f"{PAGE} button[name=suspend]")
    question = otto.confirm()
    assert "2 sessions" in question
    assert [row["iparecordingwanted"] for row in otto.rows()] == ["suspended (asked)"] * 2


def test_a_session_of_a_host_that_vanished_is_recognised_and_removed(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob", host=GONE, **{"from": "10.99.0.20"})
    sessions.add("20260101-2", "alice", **{"from": "10.99.0.21"})
    sessions.add("20260101-3", "bob", host=OTHER, state="suspended", **{"from": "10.99.0.20"})
    otto.go("/e/recordedsession/search")
    assert {row["host"]: row["iparecordingstate"].split() for row in otto.rows()} == {
        HOST: ["running"],
        OTHER: ["suspended"],
        GONE: ["running", "stale"],
    }
    otto.take_picture("sessions")
    otto.click(f"{PAGE} tbody tr.disabled a")
    assert offered(otto) == ["terminate", "remove"]
    otto.click(f"{PAGE} button[name=remove]")
    otto.confirm()
    assert sorted(row["host"] for row in otto.rows()) == [HOST, OTHER]


def test_sessions_of_two_hosts_with_one_name_are_kept_apart(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob")
    sessions.add("20260101-1", "alice", host=OTHER)
    otto.go("/e/recordedsession/search")
    otto.select_row("host", OTHER)
    otto.click(f"{PAGE} button[name=terminate]")
    assert f"alice on {OTHER}" in otto.confirm()
    assert sessions.wanted("20260101-1", HOST) == ""
    assert sessions.wanted("20260101-1", OTHER) == "terminated"
    for row, user in ((HOST, "bob"), (OTHER, "alice")):
        otto.go("/e/recordedsession/search")
        otto.click(f"{PAGE} tbody a[href*='{row}']")
        assert otto.text(f"{PAGE} p[name=uid]") == user


def test_what_a_host_writes_is_text_and_no_markup(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", HOSTILE, terminal=HOSTILE, **{"from": HOSTILE}, policy=HOSTILE)
    otto.go("/e/recordedsession/search")
    (row,) = otto.rows()
    assert row["uid"] == HOSTILE
    assert row["iparecordingfrom"] == HOSTILE
    otto.select_row("uid", HOSTILE)
    otto.click(f"{PAGE} button[name=refresh]")
    otto.click(f"{PAGE} button[name=suspend]")
    assert HOSTILE in otto.confirm()
    assert_nothing_ran(otto)
    otto.click(f"{PAGE} tbody a")
    assert otto.text(f"{PAGE} p[name=uid]") == HOSTILE
    assert otto.text(f"{PAGE} p[name=iparecordingterminal]") == HOSTILE
    otto.click(f"{PAGE} button[name=terminate]")
    assert HOSTILE in otto.confirm()
    assert_nothing_ran(otto)


def test_the_list_of_sessions_keeps_itself_up_to_date(otto: Browser, sessions: Sessions) -> None:
    sessions.add("20260101-1", "bob")
    otto.go("/e/recordedsession/search")
    otto.select_row("uid", "bob")
    sessions.add("20260101-2", "alice")
    otto.visible(f"{PAGE} tbody tr:nth-child(2)")
    assert sorted(row["uid"] for row in otto.rows()) == ["alice", "bob"]
    assert otto.enabled(f"{PAGE} button[name=terminate]"), "what was selected still is"


def test_who_has_no_role_sees_nothing_of_session_recording(browser: Browser, policy: str) -> None:
    browser.login("alice")
    assert "Session Recording" not in browser.menu_labels()
    browser.go(f"/e/recordingpolicy/details/{policy}")
    assert policy not in browser.rows()
    browser.error()


def offered(browser: Browser) -> list[str]:
    """What the page of a session offers to do."""
    verbs = ("terminate", "suspend", "resume", "remove")
    return [verb for verb in verbs if browser.shown(f"{PAGE} button[name={verb}]")]


def assert_nothing_ran(browser: Browser) -> None:
    assert browser.script("return window.hacked === undefined")
    assert browser.count("img[src=x]") == 0
