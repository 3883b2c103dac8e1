"""From a plain FreeIPA server and a plain enrolled host to a recorded fleet by one playbook, and back.

Each test goes on where the one before has left the lab: `make rollout` starts one without session recording.
"""

import re
import time
from pathlib import Path

import pytest

from auditor.elasticsearch.layout import MESSAGES, message_key
from integration.auditor_page import HOST, ORIGIN, PLACE, Viewer, ticket_in
from integration.browser import Browser
from integration.login import wait_for
from integration.machine import Machine
from integration.rollout.control_node import ControlNode
from integration.test_host_install import shell_of as shell
from integration.test_host_install import snapshot
from tests.recordings import messages

DOCUMENTATION = (Path(__file__).parents[2] / "docs/ansible.md").read_text()
LOGIN_SHELL = "/usr/libexec/session-recording/login-shell"
NEEDLE = f"needle{time.time_ns()}"
SOON = 60.0
AUDITORS = [{"hosts": "auditors", "roles": ["freeipa.session_recording.auditor"]}]
HOSTS_ALONE = [{"hosts": "ipaclients", "roles": ["freeipa.session_recording.host"]}]
SETTINGS = {"session_limit": 7, "journal_namespace": "session-recording"}
LOG_SERVER = "http://127.0.0.1:19532"
REMOTE = "/var/log/journal/remote"
METRICS = "/var/lib/lab-metrics"
TOLD = {"session_recording_host_settings": SETTINGS, "session_recording_host_metrics": METRICS}
SCREEN = """
return Array.from(document.querySelectorAll('.stage pre.ap-term-text > *'), row =>
    Array.from(row.children, piece => piece.textContent).join(' ')).join('\\n');
"""

pytestmark = pytest.mark.timeout(900)


def playbook(title):
    """The first playbook below a heading of the documentation."""
    below = DOCUMENTATION.partition(f"{title}\n")[2]
    return re.search(r"```yaml\n(- hosts.*?)```", below, re.DOTALL).group(1)


SITE, ABSENT = playbook("### One playbook"), playbook("### Taking it back")


@pytest.fixture(scope="module")
def control(tmp_path_factory, server):
    if server.run("test", "-e", "/var/lib/ipa/session-recording", check=False).returncode == 0:
        pytest.skip("this lab has session recording already: make rollout starts one without")
    return ControlNode(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def before(control, client):
    """Every file of the client that could be touched, as it was."""
    return files(client)


def files(client):
    """But for what dpkg and the passage of time change by themselves."""
    return [
        line
        for line in snapshot(client)
        if not re.match(r"/etc/(passwd|shadow|group|gshadow)-|/usr/share/man|/etc/ld\.so\.cache|/etc/?\s", line)
    ]


def test_the_playbook_has_ten_lines():
    assert len(SITE.splitlines()) == 10


def test_check_mode_says_what_would_be_done_and_does_nothing(control, before, client, server):
    done = control.play(SITE, "--check", "--diff", "--limit=ipaclients")
    assert done.status == 0, done.said
    assert done.changed > 0
    assert files(client) == before


def test_a_server_knows_policies_when_the_role_has_been_there(control, server):
    done = control.play(SITE, "--limit=ipaserver")
    assert done.status == 0, done.said
    assert "contractors" in server.ipa("recordingpolicy-find").stdout


def test_whose_test_login_is_not_recorded_changes_nobody_s_login(control, before, client):
    own = shell(client, "bob")
    done = control.play(HOSTS_ALONE, session_recording_host_test_user="alice")
    assert done.status != 0
    assert "alice is not recorded here" in done.said
    assert shell(client, "bob") == own
    touched = client.run("grep", "-r", "session-recording", "/etc/pam.d", "/etc/sssd", check=False).stdout
    assert touched == ""


def test_what_nobody_confirms_is_taken_back(control, client):
    own = shell(client, "bob")
    client.run("sessrec", "host", "install", "--test-user=bob", "--confirm-within=15")
    assert shell(client, "bob") == LOGIN_SHELL
    wait_for(lambda: shell(client, "bob") == own, SOON)
    wait_for(
        lambda: client.run("systemctl", "is-active", "session-recorder", check=False).stdout == "inactive\n", SOON
    )
    late = client.run("sessrec", "host", "install", "--confirm").stdout
    assert late == "There is nothing to confirm.\n"


def test_where_no_login_works_after_the_change_it_is_taken_back_at_once(control, client):
    own = shell(client, "bob")
    # Nobody gets in by login(1) any more, but root's su works.
    client.run("sed", "-i", "1i account requisite pam_deny.so", "/etc/pam.d/login")
    done = control.play(HOSTS_ALONE)
    client.run("sed", "-i", "1d", "/etc/pam.d/login")
    assert done.status != 0
    assert "Prove that a login is recorded" in done.said
    assert "does not come to a prompt" in done.said
    assert shell(client, "bob") == own
    assert client.run("systemctl", "is-active", "session-recording-unconfirmed.timer", check=False).returncode != 0


def test_one_playbook_later_a_login_is_recorded(control, client):
    done = control.play(SITE)
    assert done.status == 0, done.said
    assert shell(client, "bob") == LOGIN_SHELL
    assert client.run("systemctl", "is-active", "session-recording-unconfirmed.timer", check=False).returncode != 0
    assert "PROVEN" in client.run("sessrec", "host", "prove", "bob").stdout


@pytest.fixture
def auditor(server):
    """A browser with otto's ticket, who is an auditor."""
    server.ipa("role-add-member", "Session Recording Auditor", "--users=otto", check=False)
    browser = Browser("--auth-server-allowlist=*.lab.test", tickets=ticket_in(Machine("browser"), "otto"))
    # Chromium loads Kerberos' library after the first challenge that it ever meets, and answers those after it.
    browser.open("https://ipa.lab.test/ipa/session/login_kerberos")
    yield browser
    browser.close()


def watches(browser, text):
    """Find it, and watch the session that it is of."""

    def found():
        browser.open(f"{ORIGIN}/search?q={text}")
        return browser.script("return document.querySelectorAll('a[href*=\"/watch/\"]').length")

    wait_for(found, SOON, every=1)
    browser.click("a[href*='/watch/']")
    wait_for(lambda: text in browser.script(SCREEN), SOON, every=0.5)


def test_the_auditor_finds_and_plays_the_session_and_stops_the_next_one(auditor, logins):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        terminal.run(f"echo {NEEDLE}")
        terminal.log_out()
    watches(auditor, NEEDLE)
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        terminal.run(f"echo next{NEEDLE}")
        watches(auditor, f"next{NEEDLE}")
        auditor.click("button[data-order=terminate]")
        auditor.click("dialog[data-part=confirm] button.danger")
        terminal.expect("ended by an administrator", SOON)
        terminal.end(SOON)


def test_the_same_playbook_again_changes_nothing(control):
    done = control.play(SITE, "--diff")
    assert done.status == 0, done.said
    assert done.changed == 0, done.said


def test_a_setting_is_taken_up_and_sessions_go_on(control, client, logins):
    with logins.terminal("bob") as terminal:
        terminal.expect(r"\$ ")
        done = control.play(HOSTS_ALONE, "--diff", session_recording_host_settings=SETTINGS)
        assert done.status == 0, done.said
        assert "+session_limit = 7" in done.said
        assert terminal.run("echo here") == "here"
        terminal.log_out()
    refused = control.play(HOSTS_ALONE, session_recording_host_settings={"session_limit": "many"})
    assert refused.status != 0
    assert "session_limit" in refused.said


def test_recordings_of_a_namespace_are_sent_to_a_log_server(control, client):
    server = ("/usr/lib/systemd/systemd-journal-remote", "--listen-http=19532", f"--output={REMOTE}/")
    client.run("mkdir", "-p", REMOTE)
    client.run("systemd-run", "--quiet", "--collect", "--unit=lab-log-server", *server)
    told = {"session_recording_host_settings": SETTINGS, "session_recording_host_log_server": LOG_SERVER}
    done = control.play(HOSTS_ALONE, **told)
    assert done.status == 0, done.said

    def arrived():
        return client.run("journalctl", f"--directory={REMOTE}", "-o", "cat", check=False).stdout

    wait_for(lambda: "session-end" in arrived(), SOON, every=1)
    assert "sshd" not in arrived(), "recordings alone"
    client.run("systemctl", "stop", "lab-log-server")


def test_recordings_are_sent_into_a_store_and_numbers_written_for_prometheus(control, client, elasticsearch, store):
    spaces = control.play(HOSTS_ALONE, **{**TOLD, **store, "session_recording_host_store_password": "two words"})
    assert spaces.status != 0
    assert "must not have spaces" in spaces.said
    client.run("mkdir", "-p", METRICS)
    done = control.play(HOSTS_ALONE, "--diff", **TOLD, **store)
    assert done.status == 0, done.said
    assert "$HOME" not in done.said, "the password"
    said = client.run("sessrec", "host", "prove", "bob").stdout
    rec, count = re.search(r"recording +(\S+): (\d+) messages", said).groups()

    def arrived():
        elasticsearch.refresh(MESSAGES)
        return elasticsearch.count(MESSAGES, {"term": {"rec": rec}})

    wait_for(lambda: arrived() == int(count), SOON, every=0.5)
    written = client.run("cat", f"{METRICS}/session-recording.prom").stdout
    assert re.search(r"(?m)^session_recording_", written)
    again = control.play(HOSTS_ALONE, "--diff", **TOLD, **store)
    assert again.status == 0, again.said
    assert again.changed == 0, again.said


def test_a_recording_that_does_not_arrive_in_the_store_fails_the_role(control, client, store):
    client.run("systemctl", "kill", "--signal=SIGSTOP", "session-recording-rsyslog.service")
    done = control.play(HOSTS_ALONE, **TOLD, **store)
    client.run("systemctl", "kill", "--signal=SIGCONT", "session-recording-rsyslog.service")
    assert done.status != 0
    assert "Prove that a recording arrives in the store" in done.said
    assert "nothing has sent the recording" in done.said
    assert shell(client, "bob") == LOGIN_SHELL, "people are recorded all the same"


def test_absent_leaves_the_host_as_it_was_byte_for_byte(control, before, client, store):
    purge = {"session_recording_host_purge": True, "session_recording_auditor_purge": True}
    settings = {**TOLD, **store, "session_recording_host_log_server": LOG_SERVER}
    done = control.play(ABSENT, **purge, **settings)
    assert done.status == 0, done.said
    assert files(client) == before
    again = control.play(ABSENT, **purge, **settings)
    assert again.status == 0, again.said
    assert again.changed == 0, again.said
    assert client.run("su", "-", "bob", "-c", "echo hello").stdout == "hello\n"
    assert client.run("systemctl", "list-unit-files", "--no-legend", "session-recording*", check=False).stdout == ""


@pytest.fixture
def repository(control, client):
    """One with packages of this tree, which the client knows of."""
    control.make_repository()
    client.copy_in(control.directory / "packages", "/srv/repository")
    source = "/etc/apt/sources.list.d/lab.list"
    client.run("sh", "-c", f"echo 'deb [trusted=yes] file:/srv/repository ./' >{source}")
    client.run("apt-get", "update", "-o", f"Dir::Etc::SourceList={source}", "-o", "Dir::Etc::SourceParts=-")
    yield
    client.run("rm", "-rf", "/srv/repository", source)
    client.run("sh", "-c", "rm -f /var/lib/apt/lists/*repository*")


def test_packages_by_name_come_from_a_repository_that_the_machine_has(control, client, repository, knows_policies):
    named = {"session_recording_host_packages": ["freeipa-session-recording-host"]}
    done = control.play(HOSTS_ALONE, **named)
    assert done.status == 0, done.said
    assert shell(client, "bob") == LOGIN_SHELL
    again = control.play(HOSTS_ALONE, "--diff", **named)
    assert again.status == 0, again.said
    assert again.changed == 0, again.said
    done = control.play(ABSENT, "--limit=ipaclients", session_recording_host_purge=True, **named)
    assert done.status == 0, done.said
    assert "freeipa-session-recording" not in client.run("dpkg-query", "-W", "-f=${Package}\n").stdout


@pytest.fixture
def knows_policies(control):
    """The server, and what is there is taken back afterwards."""
    done = control.play(SITE, "--limit=ipaserver")
    assert done.status == 0, done.said
    yield
    assert control.play(ABSENT, "--limit=ipaserver").status == 0


# Not one user for both: tickets for the page that he has are no longer good when it has got another key.
@pytest.mark.parametrize(("proxy", "user"), [("nginx", "otto"), ("apache", "rita")])
def test_the_page_is_behind_a_web_server_and_has_its_store_in_elasticsearch(
    control, client, server, elasticsearch, knows_policies, proxy, user
):
    server.ipa("role-add-member", "Session Recording Auditor", f"--users={user}", check=False)
    told = {
        "session_recording_auditor_proxy": proxy,
        "session_recording_auditor_store": f"{elasticsearch.address.url}/{elasticsearch.address.prefix}",
        "session_recording_auditor_ingest": ["--from", "elasticsearch"],
    }
    done = control.play(AUDITORS, **told)
    assert done.status == 0, done.said
    again = control.play(AUDITORS, "--diff", **told)
    assert again.status == 0, again.said
    assert again.changed == 0, again.said
    rec = f"behind-{proxy}"
    for fields in messages(["as it was seen\r\n"], rec=rec):
        document = {"@timestamp": round(fields["time"] * 1000), **fields}
        elasticsearch.client.create(index="rollout-messages", id=message_key(rec, fields["id"]), document=document)
    client.run("mkdir", "-p", PLACE)
    viewer = Viewer(client, user, f"https://{HOST}")
    wait_for(lambda: rec in viewer.get("/sessions").text, SOON, every=1)
    done = control.play([{**AUDITORS[0], "vars": {"session_recording_auditor_state": "absent"}}], **told)
    assert done.status == 0, done.said
    gone = client.run("curl", "--silent", "--cacert", "/root/lab/ca.crt", f"https://{HOST}/sessions", check=False)
    assert "session" not in gone.stdout
    client.run("systemctl", "stop", {"nginx": "nginx", "apache": "apache2"}[proxy])
