"""The doctor and the numbers on a real host and a real FreeIPA server: what is broken is named, and the command that
stands beside it mends it."""

import json
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from integration.test_host_install import wait_for

ROOT = Path(__file__).parents[2]
DROP_IN = "/etc/sssd/conf.d/60-session-recording.conf"
TEXTFILES = "/var/lib/prometheus/node-exporter"

BROKEN = {
    "service": "systemctl stop session-recorder",
    "responder": "systemctl stop session-recording-responder",
    "events": "systemctl stop session-recording-audit.socket session-recording-audit.service",
    "shell": "rm /usr/libexec/session-recording/login-shell",
    "pam": "sed -i /session-recording/d /etc/pam.d/common-session",
    "sssd": f"rm {DROP_IN}; systemctl restart sssd",
    "files": "echo '# changed' >> /usr/lib/systemd/system/session-recorder.service",
    "key": "chmod 644 /var/lib/session-recording/key.pem",
}

pytestmark = pytest.mark.timeout(600)


def wrong(machine, *command):
    """What is wrong, by name, as the first of that name was found; and whether the exit status says so."""
    done = machine.run(*command, "doctor", "--json", check=False)
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    assert done.returncode == ["ok", "warning", "critical"].index(said["level"])
    found = {}
    for finding in said["findings"]:
        if finding["level"] != "ok":
            assert finding["command"], finding
            found.setdefault(finding["name"], finding)
    return found


@pytest.fixture(scope="module")
def well(client):
    """What is said of the host before anything is broken: that a container is no machine, for instance."""
    client.run("sessrec", "host", "install")
    return set(wrong(client, "sessrec"))


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_the_command_that_mends_it(client, well, name):
    assert name not in well, wrong(client, "sessrec")
    client.run("sh", "-c", BROKEN[name])
    try:
        found = wrong(client, "sessrec")
        assert name in found, found
        client.run("sh", "-c", found[name]["command"])
        wait_for(lambda: name not in wrong(client, "sessrec"))
    finally:
        client.run("sessrec", "host", "install")


def test_a_host_that_is_well_has_nothing_critical(client, well):
    assert [each for each in wrong(client, "sessrec").values() if each["level"] == "critical"] == []


@pytest.fixture(scope="module")
def counting(client):
    """The host with Prometheus' library, as the package brings it."""
    library = Path(prometheus_client.__file__).parent
    client.copy_in(library, f"/usr/lib/python3/dist-packages/{library.name}")
    client.run("mkdir", "-p", TEXTFILES)
    return client


def numbers(text):
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_the_service_writes_numbers_in_which_a_login_is_counted(counting, server, ssh):
    def looked():
        counting.run("systemctl", "start", "session-recording-metrics.service")
        return numbers(counting.run("cat", f"{TEXTFILES}/session-recording.prom").stdout)

    server.ipa("recordingpolicy-add", "counted", "--usercat=all", "--hostcat=all")
    try:
        before = looked()
        assert before["session_recording_check", "service"] == 0
        assert before["session_recording_policies_age_seconds",] < 60
        wait_for(lambda: "counted" in counting.run("sessrec", "host", "status", "alice", check=False).stdout)
        ssh.run("alice", "echo counted")
        ended = ("session_recording_sessions_ended_total", "exit")
        wait_for(lambda: looked()[ended] > before[ended])
        after = looked()
        begun, size = ("session_recording_sessions_begun_total",), ("session_recording_message_bytes_total",)
        assert (after[begun], after[size] > before[size]) == (before[begun] + 1, True)
        mode = counting.run("stat", "-c", "%a %U", f"{TEXTFILES}/session-recording.prom").stdout.strip()
        assert mode == "644 root"
    finally:
        server.ipa("recordingpolicy-del", "counted")


@pytest.fixture(scope="module")
def checkout(server):
    """A copy of what the servers' package and the common one have, and the command there."""
    for name in ("recorder", "ipa_plugin"):
        server.run("mkdir", "-p", f"/root/doctor/{name}")
        server.copy_in(ROOT / name, f"/root/doctor/{name}")
    server.copy_in(ROOT / "sessrec.py", "/root/doctor/sessrec.py")
    install = "/root/doctor/ipa_plugin/bin/ipa-session-recording-install"
    server.run(install, "--unattended", timeout=280)
    return ("python3", "/root/doctor/sessrec.py"), install


def test_a_server_is_looked_at_and_a_file_that_is_missing_is_named(server, checkout):
    command, install = checkout
    assert wrong(server, *command) == {}
    page = server.run("sh", "-c", "ls /usr/share/ipa/ui/js/plugins/session_recording/policies.js").stdout.strip()
    server.run("rm", page)
    try:
        found = wrong(server, *command)
        assert (set(found), found["files"]["command"]) == ({"files"}, "ipa-session-recording-install")
        assert page in found["files"]["text"]
    finally:
        server.run(install, "--unattended", timeout=280)
    assert wrong(server, *command) == {}
