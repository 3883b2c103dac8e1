"""`sessrec host` on the lab's client: installing and uninstalling it, its state, and proving that it records."""

import json
import re
import time

import pytest

from recorder.formats.message import Output, parse

SOURCES = "/root/session-recording"
FROM_SOURCES = ("python3", f"{SOURCES}/sessrec.py", "host", "install")
POLICY = "host-test"

# What is not part of the product, or changes by itself.
SNAPSHOT = """
import hashlib, os, stat
for top in ("/etc", "/usr", "/var/lib/pam", "/var/lib/session-recording", "/run/session-recording"):
    for directory, directories, files in os.walk(top):
        directories[:] = sorted(set(directories) - {"__pycache__"})
        for path in [directory, *(os.path.join(directory, name) for name in sorted(files))]:
            status = os.lstat(path)
            what = "-"
            if stat.S_ISLNK(status.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                what = hashlib.sha256(open(path, "rb").read()).hexdigest()
            if not path.endswith(("/last-known.json", "/krb5cc")):
                print(path, oct(status.st_mode), status.st_uid, status.st_gid, what)
"""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def installed(client):
    yield
    client.run(*FROM_SOURCES)


def snapshot(client):
    return client.run("python3", "-c", SNAPSHOT).stdout.splitlines()


def shell_of(client, user):
    return client.run("getent", "passwd", user).stdout.strip().rpartition(":")[2]


def life(client):
    """Changes whenever a service is started or a file of ours written."""
    units = "sssd session-recorder session-recording-responder dbus"
    shown = client.run("systemctl", "show", "-p", "ExecMainStartTimestampMonotonic", *units.split()).stdout
    found = (
        "find / -xdev -path '*session-recording*' -type f ! -name last-known.json ! -name krb5cc -printf '%p %C@\n'"
    )
    return shown + client.run("sh", "-c", found).stdout


@pytest.fixture
def policy(server, client):
    """A policy that records alice on every host, in force on the client."""

    def made(*options):
        server.ipa("recordingpolicy-add", POLICY, "--hostcat=all", *options)
        server.ipa("recordingpolicy-add-user", POLICY, "--users=alice")
        wait_for(lambda: decision(client, "alice")["record"])

    server.ipa("recordingpolicy-del", POLICY, check=False)
    yield made
    server.ipa("recordingpolicy-del", POLICY, check=False)
    wait_for(lambda: not decision(client, "alice")["record"])


def decision(client, user):
    return json.loads(client.run("sessrec", "host", "status", "--json", user, check=False).stdout)["user"]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.3)


def sessions(client):
    lines = client.run("sessrec", "host", "sessions", "--json").stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_the_second_of_two_runs_changes_nothing_and_says_so(client):
    client.run(*FROM_SOURCES)
    before = life(client)
    assert client.run(*FROM_SOURCES).stdout == "Session recording is in place and up to date: nothing to do.\n"
    assert client.run("sessrec", "host", "install", "--check").returncode == 0
    assert life(client) == before


def test_uninstalling_restores_the_host_and_installing_again_brings_it_all_back(client):
    client.run("rm", "-rf", "/var/lib/session-recording/saved")
    with_it = snapshot(client)
    key = client.run("cat", "/var/lib/session-recording/key.pem").stdout
    client.run("sessrec", "host", "install", "--uninstall")
    without = snapshot(client)
    assert shell_of(client, "alice") in ("/bin/sh", "/bin/bash")
    assert not any("login-shell" in line for line in client.run("cat", "/etc/shells").stdout.splitlines())
    assert client.run("grep", "-r", "session-recording", "/etc/pam.d", check=False).stdout == ""
    assert client.run("su", "-", "alice", "-c", "echo $0 is mine").stdout.endswith(" is mine\n")
    left = [line.split()[0] for line in without if "session-recording" in line or "sessrec" in line]
    assert left == ["/var/lib/session-recording", "/var/lib/session-recording/key.pem"]

    client.run(*FROM_SOURCES)
    assert shell_of(client, "alice") == "/usr/libexec/session-recording/login-shell"
    assert client.run("cat", "/var/lib/session-recording/key.pem").stdout == key
    again = snapshot(client)
    for changes in ("installed.json", ".socket", "audit-progress.json", "tally.json"):
        again, with_it = ([line for line in lines if changes not in line] for lines in (again, with_it))
    assert again == with_it

    client.run("sessrec", "host", "install", "--uninstall")
    assert snapshot(client) == without


def test_check_names_what_somebody_has_changed(client):
    client.run("sh", "-c", "echo '# changed' >>/usr/lib/session-recording/recorder/errors.py")
    found = client.run("sessrec", "host", "install", "--check", check=False)
    assert found.returncode == 1
    changed = "/usr/lib/session-recording/recorder/errors.py"
    assert found.stdout.startswith(f"would put right {changed}, which was changed since it was placed\n")
    refused = client.run("sessrec", "host", "install", check=False)
    assert refused.returncode == 1
    assert "run it from the sources" in refused.stderr
    from_sources = client.run(*FROM_SOURCES, "--check", check=False)
    assert from_sources.returncode == 1
    assert "bring /usr/lib/session-recording up to date: 1 files" in from_sources.stdout
    status = client.run("sessrec", "host", "status", check=False)
    assert re.search(r"(?m)^warning +files +/usr/lib/session-recording/recorder/errors.py changed", status.stdout)


def test_an_edited_drop_in_of_sssd_is_left_and_kept(client):
    drop_in = "/etc/sssd/conf.d/60-session-recording.conf"
    client.run("sh", "-c", f"echo '[pam]' >>{drop_in}; echo 'pam_verbosity = 2' >>{drop_in}")
    assert "nothing to do" in client.run(*FROM_SOURCES).stdout
    said = client.run("sessrec", "host", "install", "--uninstall").stdout
    copy = re.findall(rf"your changes to {drop_in} are in (\S+)", said)[0]
    assert "pam_verbosity = 2" in client.run("cat", copy).stdout
    client.run("rm", copy)


def test_a_newer_version_that_does_not_work_gives_way_to_the_one_before(client, ssh):
    client.run("sh", "-c", f"cp -r {SOURCES} /root/broken; echo 'import nothing' >>/root/broken/recorder/service.py")
    try:
        failed = client.run("python3", "/root/broken/sessrec.py", "host", "install", check=False, timeout=120)
    finally:
        client.run("rm", "-rf", "/root/broken")
    assert failed.returncode == 1
    assert "the version that was there before is in its place again" in failed.stdout
    assert "session-recorder.service" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert ssh.run("alice", "echo", "fine").stdout == "fine\n"
    assert client.run("systemctl", "is-active", "session-recorder").stdout == "active\n"


def test_a_mistake_in_the_configuration_is_told_before_anything_is_changed(client):
    config = "/etc/session-recording/config.toml"
    client.run("sh", "-c", f"cp -p {config} /root/config.before; printf '[host]\\nsink = \"nowhere\"\\n' >{config}")
    try:
        before = life(client)
        failed = client.run(*FROM_SOURCES, check=False)
        assert life(client) == before
        status = client.run("sessrec", "host", "status", check=False).stdout
    finally:
        client.run("sh", "-c", f"cp -p /root/config.before {config}; rm /root/config.before")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert re.fullmatch(rf"sessrec: {config}:2: host\.sink: .*; nothing was changed\n", failed.stderr)
    assert re.search(rf"(?m)^warning +settings +{config}:2: ", status)


def test_where_no_version_works_logins_are_refused_and_nobody_gets_past_the_recorder(client, ssh):
    # What no version of ours can do anything about.
    drop_in = "/run/systemd/system/session-recorder.service.d"
    broken = f"printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >{drop_in}/broken.conf"
    client.run("sh", "-c", f"mkdir -p {drop_in}; {broken}; systemctl daemon-reload")
    client.run("sh", "-c", f"cp -r {SOURCES} /root/newer; echo '# newer' >>/root/newer/recorder/service.py")
    try:
        failed = client.run("python3", "/root/newer/sessrec.py", "host", "install", check=False, timeout=120)
        shell = shell_of(client, "alice")
        refused = ssh.run("alice", "echo", "in", check=False)
        root = client.run("su", "-", "root", "-c", "echo in")
    finally:
        client.run("sh", "-c", f"rm -r {drop_in} /root/newer; systemctl daemon-reload")
    assert failed.returncode == 1
    assert "logins by the login shell are refused" in failed.stdout
    assert failed.stderr.count("\n") == 1
    assert shell == "/usr/libexec/session-recording/login-shell"
    assert (refused.returncode, refused.stdout) == (254, "")
    assert root.stdout == "in\n"


def test_status_is_for_monitoring(client):
    answer = client.run("sessrec", "host", "status", "--json", check=False)
    said = json.loads(answer.stdout)
    assert answer.returncode == ["ok", "warning", "critical"].index(said["level"])
    assert said["level"] != "critical", said["checks"]
    client.run("systemctl", "stop", "session-recorder")
    stopped = client.run("sessrec", "host", "status", check=False)
    assert stopped.returncode == 2
    assert re.search(r"(?m)^critical +service +session-recorder is inactive", stopped.stdout)
    client.run("systemctl", "start", "session-recorder")
    assert client.run("sessrec", "host", "status", check=False).returncode < 2


def test_status_says_that_an_administrator_s_own_file_takes_users_past_the_recorder(client):
    other = "/etc/sssd/conf.d/70-other.conf"
    client.run("sh", "-c", f"printf '[domain/lab.test]\noverride_shell = /bin/dash\n' >{other}; chmod 600 {other}")
    try:
        status = client.run("sessrec", "host", "status", check=False)
    finally:
        client.run("rm", other)
    assert status.returncode == 2
    assert "override_shell is /bin/dash in [domain/lab.test]" in status.stdout


def test_status_tells_what_would_happen_to_a_user(server, client, policy):
    policy("--capture=output", "--notice=You are recorded.")
    # Tests of logins give their users another one.
    shell = re.search(r"loginshell: (.*)", server.ipa("user-show", "alice", "--raw").stdout)[1]
    said = client.run("sessrec", "host", "status", "alice", check=False).stdout
    assert "alice would be recorded, by policy host-test: output" in said
    assert "he is shown: You are recorded." in said
    assert f"alice's shell is {shell}\n" in said
    unknown = client.run("sessrec", "host", "status", "nobody-knows", check=False)
    assert unknown.returncode == 2
    assert re.search(r"(?m)^critical +user ", unknown.stdout)


def test_status_needs_root_and_says_so(client):
    done = client.run("su", "-s", "/bin/sh", "alice", "-c", "sessrec host status", check=False)
    assert (done.returncode, done.stderr) == (3, "sessrec: must be run as root\n")


def test_a_recorded_login_is_proven(client, policy):
    policy("--capture=output", "--audit=exec")
    proven = client.run("sessrec", "host", "prove", "alice")
    assert proven.stdout.splitlines()[-1] == "PROVEN     a login of alice is recorded"
    said = json.loads(client.run("sessrec", "host", "prove", "alice", "--json").stdout)
    assert said["proven"]
    assert "complete, signed by the host's key" in said["seal"]
    assert said["audit"] == "rules were set during the session: exec"


def test_a_login_that_is_not_recorded_is_not_proven(client):
    failed = client.run("sessrec", "host", "prove", "alice", check=False)
    assert (failed.returncode, failed.stdout) == (1, "NOT PROVEN\n")
    assert failed.stderr == "sessrec: alice is not recorded here: no policy applies to him\n"


def test_a_recording_that_does_not_arrive_is_not_proven(client, policy):
    policy("--capture=output", "--audit=none", "--on-failure=allow")
    client.run("systemctl", "stop", "systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald")
    try:
        failed = client.run("sessrec", "host", "prove", "alice", check=False)
    finally:
        client.run("systemctl", "start", "systemd-journald")
    assert failed.returncode == 1
    assert "NOT PROVEN" in failed.stdout
    assert failed.stderr.count("\n") == 1


def test_an_ssh_login_is_in_the_journal(client, ssh, policy):
    policy("--capture=output")
    begun = client.run("date", "+%s").stdout.strip()
    ssh.run("alice", "echo to''gether", tty=True)

    def printed():
        lines = client.run(
            *(
                "journalctl",
                "-o",
                "cat",
                f"--since=@{begun}",
                "SESSREC_TYPE=io",
                "_SYSTEMD_UNIT=session-recorder.service",
            )
        ).stdout.splitlines()
        packets = [packet for line in lines for packet in parse(line.encode()).packets]
        return b"".join(packet.data for packet in packets if isinstance(packet, Output))

    wait_for(lambda: b"together" in printed())


def test_a_session_is_suspended_resumed_and_terminated(client, ssh, policy):
    policy("--capture=output")
    with ssh.begun("alice") as login:
        session = the_session(client)
        rec = session["rec"]
        assert (session["user"], session["kind"], session["from"]) == ("alice", "terminal", "10.99.0.11")
        assert rec in client.run("sessrec", "host", "sessions").stdout
        assert client.run("sessrec", "host", "suspend", rec[:8]).stdout == f"{rec}: suspended\n"
        assert the_session(client)["state"] == "suspended"
        assert client.run("sessrec", "host", "resume", rec).stdout == f"{rec}: running\n"
        client.run("sessrec", "host", "terminate", rec)
        login.wait(15)
        wait_for(lambda: sessions(client) == [])
    gone = client.run("sessrec", "host", "terminate", rec, check=False)
    assert gone.returncode == 1
    assert "no session" in gone.stderr


def test_sessions_go_on_while_the_software_is_brought_up_to_date(client, ssh, policy):
    policy("--capture=output")
    with ssh.begun("alice") as login:
        before = the_session(client)
        client.run("sh", "-c", "echo '# changed' >>/usr/lib/session-recording/recorder/errors.py")
        assert "start session-recorder.service" in client.run(*FROM_SOURCES).stdout
        after = the_session(client)
        assert (after["rec"], after["state"]) == (before["rec"], "running")
        out, _ = login.communicate(b"echo still''here\nexit\n", timeout=30)
        assert b"stillhere" in out
    wait_for(lambda: sessions(client) == [])


def the_session(client):
    wait_for(lambda: sessions(client))
    (session,) = sessions(client)
    return session
