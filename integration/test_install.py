"""ipa-session-recording-install on real servers: throwaway copies of the lab's, beside the lab that is running."""

import os
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from integration.machine import LAB, PASSWORD

ROOT = Path(__file__).parent.parent
INSTALL = "/root/ipa_plugin/bin/ipa-session-recording-install"
LOCAL = ("-LLLQ", "-o", "ldif-wrap=no", "-Y", "EXTERNAL", "-H", "ldapi://%2Frun%2Fslapd-LAB-TEST.socket")
TREE = "cn=session-recording,dc=lab,dc=test"

SERVER_INSTALL = (
    *("ipa-server-install", "--unattended", "--realm", "LAB.TEST", "--domain", "lab.test"),
    *("--hostname", "ipa.lab.test", "--ip-address", "10.99.0.10"),
    *("--ds-password", PASSWORD, "--admin-password", PASSWORD, "--ca-cert-file", "certificates/ca.crt"),
    *("--http-cert-file", "certificates/server.p12", "--http-pin", PASSWORD),
    *("--dirsrv-cert-file", "certificates/server.p12", "--dirsrv-pin", PASSWORD),
    *("--no-pkinit", "--no-ntp", "--no-host-dns", "--no-ui-redirect", "--skip-mem-check"),
)


pytestmark = pytest.mark.timeout(900)


class Throwaway:
    """A second lab, of its own name, of which only the server is used."""

    def __init__(self, stage: str) -> None:
        beside = os.environ.get("LAB_NAME", "lab")
        self._environment = {**os.environ, "LAB_NAME": f"{beside}-install-{stage}"}
        self._lab("start", stage, timeout=580)

    def stop(self) -> None:
        self._lab("stop")

    def run(self, *argv: str, input: bytes = b"", check: bool = True, timeout: float = 400) -> str:
        """What a command says as root on the server, standard error included."""
        done = self._lab("run", "server", *argv, input=input, check=False, timeout=timeout)
        said = done.stdout.decode(errors="replace")
        assert not check or done.returncode == 0, said
        return said

    def fails(self, *argv: str) -> str:
        """The same of a command that has to fail."""
        done = self._lab("run", "server", *argv, check=False, timeout=400)
        assert done.returncode == 1, done.stdout.decode()
        return done.stdout.decode()

    def ipa(self, *argv: str) -> str:
        """What `ipa` says to the administrator, with a fresh list of commands."""
        self.run("sh", "-c", "klist -s || kinit admin", input=f"{PASSWORD}\n".encode())
        return self.run("ipa", "-e", "force_schema_check=True", *argv, check=False)

    def put(self, changes: dict[str, str] | None = None) -> None:
        """Copy ipa_plugin to /root, with these texts in the place of what its files hold."""
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(ROOT / "ipa_plugin", "ipa_plugin", filter=_without_bytecode)
            for name, text in (changes or {}).items():
                entry = tarfile.TarInfo(f"ipa_plugin/{name}")
                entry.size, entry.mode = len(text.encode()), 0o644
                archive.addfile(entry, BytesIO(text.encode()))
        self.run("sh", "-c", "rm -rf ipa_plugin && tar x", input=packed.getvalue())

    def installed(self) -> None:
        """As it is after a plain installation, whatever a test before did."""
        self.put()
        self.run(INSTALL, "--unattended")

    def entries(self, filter: str, base: str = "dc=lab,dc=test") -> str:
        """The names of entries in the directory."""
        return self.run("ldapsearch", *LOCAL, "-b", base, filter, "1.1", check=False)

    def life(self) -> str:
        """Changes whenever a service is restarted, the directory upgraded or a file of ours written."""
        units = "apache2 ipa krb5-kdc dirsrv@LAB-TEST"
        return self.run(
            "sh",
            "-c",
            f"systemctl show -p ExecMainStartTimestampMonotonic -p MainPID {units}; "
            "stat -c %s /var/log/ipaupgrade.log; "
            "find /usr /var/lib/ipa -path '*recording*' -type f -printf '%p %C@\\n'",
        )

    def _lab(
        self, *argv: str, input: bytes = b"", check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [LAB, *argv],
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            check=check,
            timeout=timeout,
        )


def _without_bytecode(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


def _started(stage: str) -> Iterator[Throwaway]:
    server = Throwaway(stage)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def installed() -> Iterator[Throwaway]:
    yield from _started("installed")


@pytest.fixture
def server(installed):
    installed.installed()
    return installed


@pytest.fixture(scope="module")
def unconfigured() -> Iterator[Throwaway]:
    yield from _started("server")


def test_dropped_into_an_installed_server_the_commands_are_there(server):
    assert "Added" in server.ipa("recordingpolicy-add", "dropped", "--usercat=all", "--hostcat=all")
    assert "dropped" in server.ipa("recordingpolicy-find")
    server.ipa("recordingpolicy-del", "dropped")
    assert "Session Recording Auditor" in server.ipa("role-find", "recording")
    assert "System: Read Session Recording" in server.ipa("permission-find", "recording", "--pkey-only")


def test_the_second_of_two_runs_in_a_row_changes_nothing(server):
    before = server.life()
    assert "nothing to do" in server.run(INSTALL, "--unattended")
    assert server.life() == before


def test_a_newer_plugin_is_taken_up_without_upgrading_the_directory(server):
    module = (ROOT / "ipa_plugin/plugins/recordingpolicy.py").read_text()
    help_text = "Search for session recording policies."
    assert help_text in module
    server.put({"plugins/recordingpolicy.py": module.replace(help_text, "Search in a newer version.")})
    said = server.run(INSTALL, "--unattended")
    assert "place " in said
    assert "ipa-server-upgrade" not in said
    assert "Search in a newer version." in server.ipa("recordingpolicy-find", "--help")


def test_a_newer_permission_upgrades_the_directory(server):
    module = (ROOT / "ipa_plugin/plugins/recordingpolicy.py").read_text()
    name = "System: Remove Session Recording Policies"
    assert name in module
    newer = "System: Remove Session Recording Policies Anew"
    server.put({"plugins/recordingpolicy.py": module.replace(name, newer)})
    assert "ipa-server-upgrade" in server.run(INSTALL, "--unattended")
    assert newer in server.ipa("permission-show", newer)
    server.ipa("permission-del", newer, "--force")


def test_a_plugin_that_does_not_load_is_refused_and_the_server_goes_on(server):
    before = server.life()
    server.put({"plugins/recordingpolicy.py": "import nothing_of_that_name\n"})
    said = server.fails(INSTALL, "--unattended")
    assert said.count("\n") == 1
    assert "do not load" in said
    assert "nothing_of_that_name" in said
    assert server.life() == before


def test_an_upgrade_that_fails_shows_why_and_the_next_run_goes_on(server):
    server.put({"updates/75-session-recording.update": "dn: cn=session-recording,$SUFFIX\nnonsense\n"})
    said = server.fails(INSTALL, "--unattended")
    assert "ipa-server-upgrade failed" in said
    assert "75-session-recording.update" in said
    server.put()
    assert "ipa-server-upgrade" in server.run(INSTALL, "--unattended")
    assert "Number of entries returned" in server.ipa("recordingpolicy-find")


def test_uninstalling_removes_the_commands_and_keeps_the_policies(server):
    server.ipa("recordingpolicy-add", "kept", "--usercat=all")
    said = server.run(INSTALL, "--uninstall", "--keep-data", "--unattended")
    assert "schema stays" in said
    assert "unknown command" in server.ipa("recordingpolicy-find")
    assert "User login: admin" in server.ipa("user-show", "admin")
    assert "(" not in server.run(
        "find", "/", "-xdev", "-name", "*75-session-recording*", "-o", "-name", "recordingpolicy*"
    )
    assert "ipaUniqueID=" in server.entries("(cn=kept)", TREE)
    server.installed()
    assert "Policy name: kept" in server.ipa("recordingpolicy-show", "kept")
    server.ipa("recordingpolicy-del", "kept")


def test_uninstalling_with_the_data_leaves_nothing_but_the_schema(server):
    server.ipa("recordingpolicy-add", "lost", "--usercat=all")
    server.run(INSTALL, "--uninstall", "--delete-data", "--unattended")
    assert server.entries("(cn=*recording*)") == ""
    assert server.entries("(aci=*recording*)") == ""
    assert "unknown command" in server.ipa("recordingpolicy-find")
    assert "User login: admin" in server.ipa("user-show", "admin")
    server.installed()
    assert "Number of entries returned 0" in server.ipa("recordingpolicy-find")


def test_a_server_that_is_set_up_afterwards_has_session_recording(unconfigured):
    unconfigured.put()
    said = unconfigured.run(INSTALL, "--unattended")
    assert "not configured yet" in said
    unconfigured.run(*SERVER_INSTALL, timeout=560)
    assert "Number of entries returned 0" in unconfigured.ipa("recordingpolicy-find")
    assert "Session Recording Auditor" in unconfigured.ipa("role-find", "recording")
    assert "nothing to do" in unconfigured.run(INSTALL, "--unattended")
