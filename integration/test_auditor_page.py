"""The auditor's page in the lab: who may see what by Kerberos and FreeIPA, and live sessions in FreeIPA's web UI."""

import json
import re
import time
from pathlib import Path

import pytest

from integration.auditor_page import CODE, CURL, HOST, ORIGIN, PLACE, PRINCIPAL, STORE, AuditorPage, Viewer, ticket_in
from integration.browser import Browser
from integration.entries import Policies
from integration.ldap_as import SESSIONS, read, user
from integration.login import wait_for, wait_until_recorded
from integration.machine import Machine

RECORD_BOB = """
recordingpolicy_add("page", hostcategory="all", iparecordingcapture=["output", "resize"])
recordingpolicy_add_user("page", user="bob")
recordingpolicy_add_user("page", user="alice")
"""
ELSEWHERE = "other.lab.test"
FACET = ".facet.active-facet"
FRAME = f"{FACET} iframe"
SOON = 60.0
NEEDLE = f"needle{time.time_ns()}"
"""Printed in the sessions of this run, and in none that the journal has of an earlier one."""
NO_TICKETS = (
    "Negotiate",
    "Negotiate YII=",
    "Negotiate ?",
    "Basic cml0YTpTZWNyZXQxMjM=",
    "Negotiate TlRMTVNTUAAB",
)
PARTS = (
    *(
        "",
        "/index.json",
        "/segments/0",
        "/events",
        "/tree",
        "/preview?t=0",
        f"/hits?q={NEEDLE}",
        "/timeline",
        "/live",
    ),
    *("/export?format=asciicast", "/export?format=raw", "/verify"),
)
"""What there is of a recording, below /api/recordings/REC."""

# What stands on the terminal of the player; each piece of a row at the column that its style names.
ROWS = """
return Array.from(document.querySelectorAll('.stage pre.ap-term-text > *'), row =>
    Array.from(row.children, piece => piece.textContent).join(' ')).join('\\n');
"""

# Before the login the web UI asks whether there is a ticket, and is told that there is none.
FREEIPAS_OWN = r"ipa\.lab\.test/ipa/\S* - Failed to load resource: the server responded with a status of 401"


@pytest.fixture(scope="module")
def page(server, client):
    made = AuditorPage(server, client)
    yield made
    made.close()


@pytest.fixture(scope="module")
def recorded(server, client, logins):
    policies = Policies(server)
    policies.make(RECORD_BOB)
    wait_until_recorded(client, True, "bob", "alice")
    yield
    policies.make()


@pytest.fixture(scope="module")
def recordings(page, recorded, logins, client, otto):
    """The ids of a session of bob's and one of alice's on the client, and of one on a host of no host group."""
    for name in ("alice", "bob"):
        with logins.terminal(name) as terminal:
            terminal.expect(r"\$ ")
            terminal.run(f"echo {NEEDLE} of {name}")
            terminal.log_out()
    # It goes on, so that there is something live that is not everybody's.
    file = f"{PLACE}/elsewhere.jsonl"
    told = f"python3 {CODE} rec -o {file} -- sh -c 'echo {NEEDLE} elsewhere; exec sleep 600'"
    told = f"hostname {ELSEWHERE}; exec {told}"
    client.run("systemd-run", "--quiet", "--unit=lab-elsewhere", "unshare", "--uts", "sh", "-c", told)
    wait_for(lambda: client.run("test", "-s", file, check=False).returncode == 0, SOON)
    client.run("python3", CODE, "ingest", "--quiet", "--no-rules", "--store", STORE, file)

    def found():
        done = client.run("python3", CODE, "search", "--json", "--store", STORE, NEEDLE, check=False)
        hits = [json.loads(line) for line in done.stdout.splitlines()]
        return {"elsewhere" if hit["host"] == ELSEWHERE else hit["user"]: hit["rec"] for hit in hits}

    wait_for(lambda: {"alice", "bob", "elsewhere"} <= set(found()), SOON, every=0.5)
    return found()


@pytest.fixture(scope="module")
def otto(page, client):
    return Viewer(client, "otto")


@pytest.fixture
def alice(page, server, client):
    """Auditor of the hosts of production, and of no others."""
    server.ipa("group-add-member", "web-auditors", "--users=alice", check=False)
    yield Viewer(client, "alice")
    server.ipa("group-remove-member", "web-auditors", "--users=alice", check=False)


@pytest.fixture
def bob(page, client):
    return Viewer(client, "bob")


@pytest.fixture
def live(server):
    """The id of the only session that goes on."""

    def entries():
        found = read(server, "root", f"fqdn={HOST},{SESSIONS}", "(objectClass=ipaRecordedSession)", "*", "+")
        return {entry["cn"][0]: entry for entry in found.values()}

    wait_for(lambda: not entries(), 60)
    return entries


def state(live, rec):
    return live().get(rec, {}).get("iparecordingstate", ["gone"])[0]


def test_a_ticket_opens_it_and_without_one_nothing_does(page, otto, client, server):
    answer = otto.get("/sessions")
    assert answer.statuses == [200]
    assert "www-authenticate: Negotiate" in answer.headers, "the server proves itself as well"
    assert re.search(r"set-cookie: __Host-\S+; Path=/; HttpOnly; SameSite=Strict; Secure", answer.headers)
    assert otto.get("/sessions").statuses == [200], "the session needs no ticket"
    for header in ("", *(f"Authorization: {each}" for each in NO_TICKETS)):
        refused = client.run(*CURL, "-H", header, f"{ORIGIN}/sessions")
        assert refused.stdout.startswith("HTTP/1.1 401"), header
        assert "www-authenticate: Negotiate" in refused.stdout
    assert "Traceback" not in page.said()


def test_a_ticket_is_good_once(page, client):
    said = client.run("python3", "-", principal="otto", input=_TWICE).stdout
    assert said.split() == ["200", "401"]
    assert "replay" in page.said()


_TWICE = f"""
import base64, gssapi, ssl, http.client
context = gssapi.SecurityContext(name=gssapi.Name("HTTP@{HOST}", gssapi.NameType.hostbased_service), usage="initiate")
token = base64.b64encode(context.step()).decode()
for _ in range(2):
    connection = http.client.HTTPSConnection(
        "{HOST}", 8443, context=ssl.create_default_context(cafile="/root/lab/ca.crt"))
    connection.request("GET", "/sessions", headers={{"Authorization": "Negotiate " + token}})
    print(connection.getresponse().status)
"""


def test_who_is_named_by_no_rule_is_refused(page, client):
    answer = Viewer(client, "rita").get("/sessions")
    assert answer.status == 403
    assert "none of the rules" in answer.text
    assert Viewer(client, "host").get("/sessions").status == 403
    assert "rita" in page.said()


def test_an_auditor_of_a_host_group_sees_the_sessions_of_its_hosts_only(alice, otto, recordings):
    assert recordings["elsewhere"] in otto.get("/sessions").text
    listed = alice.get("/sessions").text
    assert recordings["bob"] in listed
    assert recordings["elsewhere"] not in listed
    assert ELSEWHERE not in alice.get("/sessions?host=other*").text.replace('value="other', "")
    found = alice.get(f"/search?q={NEEDLE}").text
    assert recordings["bob"] in found
    assert recordings["elsewhere"] not in found
    assert recordings["elsewhere"] in otto.get(f"/search?q={NEEDLE}").text
    unknown = alice.get_all(paths("no-such-recording"))
    for path, answer in alice.get_all(paths(recordings["elsewhere"])).items():
        assert answer.status == 404, path
        # The same as for what nobody has.
        same = path.replace(recordings["elsewhere"], "no-such-recording")
        assert answer.text.replace(recordings["elsewhere"], "no-such-recording") == unknown[same].text
    live = otto.get(f"/api/recordings/{recordings['elsewhere']}/live")
    assert live.status == 200
    assert "text/event-stream" in live.headers
    hers = [*paths(recordings["bob"]), *paths(recordings["alice"])]
    for (path, answer), (_, whole) in zip(alice.get_all(hers).items(), otto.get_all(hers).items(), strict=True):
        assert answer.status == whole.status, path


def paths(rec):
    """Every address that has to do with one recording."""
    return [f"/watch/{rec}", f"/compare?left={rec}&right={rec}", *(f"/api/recordings/{rec}{part}" for part in PARTS)]


def test_somebody_sees_his_own_sessions_only(bob, recordings):
    listed = bob.get("/sessions").text
    assert recordings["bob"] in listed
    assert recordings["alice"] not in listed
    assert bob.get(f"/api/recordings/{recordings['alice']}/index.json").status == 404


def test_what_is_taken_from_somebody_in_freeipa_is_gone_here_soon(alice, server):
    assert alice.get("/sessions").status == 200
    server.ipa("group-remove-member", "web-auditors", "--users=alice")
    begun = time.monotonic()
    wait_for(lambda: alice.get("/sessions").status == 403, SOON, every=0.5)
    print(f"\nrefused {time.monotonic() - begun:.1f} s after the group lost its member")
    server.ipa("group-add-member", "web-auditors", "--users=alice")
    wait_for(lambda: alice.get("/sessions").status == 200, SOON, every=0.5)
    server.ipa("user-disable", "alice")
    try:
        wait_for(lambda: alice.get("/sessions").status == 403, SOON, every=0.5)
    finally:
        server.ipa("user-enable", "alice")


def test_a_host_that_joins_a_host_group_is_seen(alice, recordings, server):
    assert recordings["elsewhere"] not in alice.get("/sessions").text
    server.ipa("hostgroup-add-member", "web", f"--hosts={ELSEWHERE}")
    try:
        wait_for(lambda: recordings["elsewhere"] in alice.get("/sessions").text, SOON, every=0.5)
    finally:
        server.ipa("hostgroup-remove-member", "web", f"--hosts={ELSEWHERE}")
    wait_for(lambda: recordings["elsewhere"] not in alice.get("/sessions").text, SOON, every=0.5)


def test_a_session_is_controlled_in_the_auditors_own_name(otto, bob, page, live, logins, recorded):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        wait_for(live, SOON)
        [rec] = live()
        path = f"/api/recordings/{rec}/control"
        wait_for(lambda: otto.get(path).status == 200, SOON)
        assert otto.get(path).json == {
            "live": True,
            "state": "running",
            "wanted": "",
            "wanted_by": "",
            "orders": ["terminate", "suspend"],
        }
        assert "as soon as its host acts" in otto.post(path, action="suspend").json["message"]
        wait_for(lambda: state(live, rec) == "suspended", SOON)
        assert live()[rec]["modifiersname"][0] in (
            user("otto"),
            f"fqdn={HOST},cn=computers,cn=accounts,dc=lab,dc=test",
        )
        assert otto.get(path).json["wanted_by"] in ("otto", "")
        assert otto.get(path, "--data", "action=terminate").status == 403, "without the token of a page"
        assert otto.post(path, action="explode").status == 400
        refused = bob.post(path, action="resume")
        assert refused.status == 409, "the page lets him, FreeIPA does not"
        otto.post(path, action="resume")
        assert terminal.run("echo here") == "here"
        otto.post(path, action="terminate")
        terminal.expect("ended by an administrator", SOON)
        terminal.end(SOON)
    wait_for(lambda: state(live, rec) in ("ended", "gone"), SOON)
    assert otto.post(path, action="suspend").status == 409


def test_without_the_administrators_leave_the_server_acts_for_nobody(page, client, server, recordings):
    path = f"/api/recordings/{recordings['elsewhere']}/control"
    assert Viewer(client, "otto").get(path).json["live"] is False, "FreeIPA has no such session, and says so to otto"
    member = ("session-recording-web-control", f"--principals={PRINCIPAL}")
    server.ipa("servicedelegationrule-remove-member", *member)
    try:
        answer = Viewer(client, "otto").get(path)
        assert answer.status == 409
        assert "does not let this server act for you" in answer.text
    finally:
        server.ipa("servicedelegationrule-add-member", *member)


@pytest.fixture(scope="module")
def machine():
    return Machine("browser")


def test_a_browser_with_a_ticket_shows_it_without_asking(page, machine, recordings):
    browser = Browser("--auth-server-allowlist=*.lab.test", tickets=ticket_in(machine, "otto"))
    try:
        # Chromium loads Kerberos' library after the first challenge that it ever meets, and answers those after it.
        browser.open("https://ipa.lab.test/ipa/session/login_kerberos")
        browser.console()
        browser.open(f"{ORIGIN}/sessions")
        wait_for(lambda: browser.text("h1") == "Sessions", SOON)
        assert "otto" in browser.text("body")
        assert browser.console() == [], "no 401 is left to be seen"
    finally:
        browser.close()


def test_a_browser_without_a_ticket_is_told_what_it_takes(page):
    browser = Browser("--auth-server-allowlist=*.lab.test")
    try:
        browser.open(f"{ORIGIN}/sessions")
        assert "kinit" in browser.text("body")
    finally:
        browser.close()


@pytest.fixture(scope="module")
def chromium():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def ipa_ui(chromium, page):
    """FreeIPA's web UI, into which otto has logged in with his password: he has no ticket."""
    chromium.login("otto")
    yield chromium
    assert [line for line in chromium.console() if not re.search(FREEIPAS_OWN, line)] == []


def test_recordings_are_found_and_watched_in_freeipas_web_ui(ipa_ui, recordings):
    ipa_ui.menu("Policy", "Session Recording", "Recordings")
    ipa_ui.enter(FRAME)
    wait_for(lambda: ipa_ui.address().startswith(f"{ORIGIN}/sessions"), SOON)
    ipa_ui.click(f"a[href*='/watch/{recordings['bob']}']")
    watches(ipa_ui, f"{NEEDLE} of bob")
    ipa_ui.leave()
    ipa_ui.take_picture("recordings")


def test_a_live_session_is_watched_and_controlled_in_freeipas_web_ui(ipa_ui, live, logins, recorded):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        terminal.run("echo seen by otto")
        wait_for(live, SOON)
        [rec] = live()
        ipa_ui.go("/e/recordedsession/search")
        ipa_ui.click(f"{FACET} tbody a")
        ipa_ui.enter(FRAME)
        wait_for(lambda: f"/watch/{rec}" in ipa_ui.address(), SOON)
        watches(ipa_ui, "seen by otto")
        terminal.run("echo and this $((1+2)) now")
        begun = time.monotonic()
        watches(ipa_ui, "and this 3 now")
        print(f"\n{time.monotonic() - begun:.1f} s from the user's screen to the auditor's")
        ipa_ui.leave()
        ipa_ui.take_picture("session-live")

        ipa_ui.click(f"{FACET} button[name=suspend]")
        ipa_ui.confirm()
        wait_for(lambda: state(live, rec) == "suspended", SOON)
        terminal.type("echo still-$((40+2))\n")
        time.sleep(1)
        assert b"still-42" not in terminal.shown
        ipa_ui.click(f"{FACET} button[name=resume]")
        ipa_ui.confirm()
        terminal.expect("still-42", SOON)
        ipa_ui.enter(FRAME)
        watches(ipa_ui, "still-42")
        ipa_ui.leave()
        ipa_ui.click(f"{FACET} button[name=terminate]")
        ipa_ui.confirm()
        terminal.expect("ended by an administrator", SOON)
        terminal.end(SOON)


def watches(browser, text):
    """Wait until it stands on the terminal of the player."""
    try:
        wait_for(lambda: text in browser.script(ROWS), SOON)
    except AssertionError:
        raise AssertionError(f"{text!r} is not seen, but {browser.script(ROWS)!r}") from None


def test_no_other_site_embeds_it_or_signs_anybody_in(page, client, machine):
    answer = client.run(*CURL, f"{ORIGIN}/sessions").stdout
    assert "frame-ancestors https://ipa.lab.test" in answer
    for origin in ("https://evil.lab.test", "null", ""):
        headers = ("-H", f"Origin: {origin}") if origin else ()
        told = ("--data", "ticket=YII%3D&next=/sessions")
        refused = client.run(*CURL, *headers, *told, f"{ORIGIN}/sign-in/ticket")
        assert refused.stdout.startswith("HTTP/1.1 403"), origin
    told = ("-H", "Origin: https://ipa.lab.test", "--data", "ticket=YII%3D&next=//evil.example")
    refused = client.run(*CURL, *told, f"{ORIGIN}/sign-in/ticket")
    assert refused.stdout.startswith("HTTP/1.1 401")


@pytest.fixture(scope="module")
def behind(page):
    """It listens on loopback as well, without TLS; a function that says what runs before it, as the documentation
    has it."""
    settings = page.client.run("cat", f"{PLACE}/web.toml").stdout
    own = re.sub(r"(?m)^(tls_\w+|listen) = .*\n", "", settings)
    page.client.run("sh", "-c", f"cat >{PLACE}/behind.toml", input=own.replace("[web]", f"[web]\n{ON_LOOPBACK}", 1))
    page.start("behind", "serve", "--settings", f"{PLACE}/behind.toml")
    page.wait_for("http://127.0.0.1:8080/static/base.css")

    def example(kind):
        [block] = re.findall(rf"```{kind}\n(.*?)```", DOCUMENTATION, re.DOTALL)
        block = block.replace("sessions.example.test", HOST).replace(
            "/etc/session-recording/web.", f"{PLACE}/server."
        )
        return re.sub(r"\b443\b", PORTS[kind], block)

    yield example
    page.client.run("systemctl", "stop", "nginx", "apache2", check=False)
    page.stop("behind")


ON_LOOPBACK = f'listen = "127.0.0.1:8080"\nnames = ["{HOST}"]'
PORTS = {"nginx": "9443", "apache": "9444"}
DOCUMENTATION = (Path(__file__).parent.parent / "docs/web.md").read_text()
STARTED = {
    "nginx": "rm -f /etc/nginx/sites-enabled/default; cat >/etc/nginx/conf.d/page.conf; systemctl restart nginx",
    "apache": "cat >/etc/apache2/sites-available/page.conf; a2dissite -q 000-default; a2ensite -q page; "
    "a2enmod -q ssl headers proxy proxy_http; echo Listen 9444 >/etc/apache2/ports.conf; systemctl restart apache2",
}


@pytest.mark.parametrize("kind", STARTED)
def test_it_works_behind_another_web_server(behind, page, client, recordings, kind):
    client.run("sh", "-ec", STARTED[kind], input=behind(kind))
    otto = Viewer(client, "otto", f"https://{HOST}:{PORTS[kind]}")
    answer = otto.get("/sessions")
    assert answer.statuses == [200]
    assert recordings["bob"] in answer.text
    assert re.search(
        r"set-cookie: __Host-\S+; Path=/; HttpOnly; SameSite=Strict; Secure", answer.headers, re.IGNORECASE
    )
    assert otto.get("/sessions").statuses == [200]
    answer = otto.get("/sessions", "-H", "X-Forwarded-For: 192.0.2.1")
    assert answer.status == 200
    rita = Viewer(client, "rita", otto.origin)
    assert rita.get("/sessions", "-H", "X-Forwarded-For: 192.0.2.1").status == 403
    assert "rita from 10.99.0.11: sign-in-refused" in page.said("behind"), "and not who he says he is"
    refused = client.run(*CURL, "-H", "X-Remote-User: otto", "-H", "Remote-User: otto", f"{otto.origin}/sessions")
    assert refused.stdout.startswith("HTTP/1.1 401")
