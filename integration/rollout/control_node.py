"""The control node of the lab's rollout: this machine, with packages built of this tree; playbooks run from it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.auditor_page import HOST, certificate
from integration.machine import PASSWORD, Machine
from tests.ansible_collection import ansible

ROOT = Path(__file__).parents[2]
SERVER = "ipa.lab.test"
PACKAGE = "freeipa-session-recording"
PACKAGES = {"server": ("common", "server"), "client": ("common", "host", "auditor")}
"""Which of ours a machine of the lab gets; the client is a host and the auditors' machine as well."""

NEEDED = ("python3-apt", "systemd-journal-remote", "rsyslog", "rsyslog-elasticsearch", "python3-prometheus-client")
"""What Ansible and the roles have from a mirror elsewhere."""


@dataclass(frozen=True)
class Run:
    """What a playbook came to."""

    status: int
    said: str

    @property
    def changed(self) -> int:
        """How many tasks changed something, or would."""
        return sum(map(int, re.findall(r"changed=(\d+)", self.said)))


class ControlNode:
    """An inventory of the lab in a directory, with what the roles are to be told there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.packages = _packages(directory / "packages")
        for machine in PACKAGES:
            _provide(Machine(machine), directory, self.packages[machine])
        for name, text in zip(("web.key", "web.crt"), certificate(Machine("server"), HOST), strict=True):
            (directory / name).write_text(text)
        _provide_elasticsearch(Machine("client"), directory / "elasticsearch")
        self._inventory = directory / "hosts.json"
        self._inventory.write_text(json.dumps(self._hosts()))

    def play(self, playbook: Any, *arguments: str, **variables: Any) -> Run:
        """Run a playbook, given as text or as what it means; `variables` come before the inventory's."""
        book = self.directory / "playbook.yml"
        book.write_text(playbook if isinstance(playbook, str) else json.dumps(playbook))
        program, environment = ansible("ansible-playbook")
        done = subprocess.run(
            [program, "-i", self._inventory, "-e", json.dumps(variables), *arguments, book],
            env={
                **environment,
                "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).parent / "connection_plugins"),
                "ANSIBLE_PIPELINING": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return Run(done.returncode, done.stdout)

    def make_repository(self) -> None:
        """Make the directory of the packages one of apt's."""
        listed = subprocess.run(
            ["dpkg-scanpackages", "--multiversion", "."],
            cwd=self.directory / "packages",
            capture_output=True,
            check=True,
            timeout=60,
        )
        (self.directory / "packages/Packages").write_bytes(listed.stdout)

    def _hosts(self) -> dict[str, Any]:
        """As the documentation has it, with machines of the lab in its groups."""
        client = {HOST: {"ansible_host": "client"}}
        return {
            "all": {
                "vars": {
                    "ansible_connection": "lab",
                    "ansible_python_interpreter": "/usr/bin/python3",
                    "ipaadmin_password": PASSWORD,
                    "session_recording_server_packages": self.packages["server"],
                    "session_recording_host_packages": self.packages["client"],
                    "session_recording_auditor_packages": self.packages["client"],
                    "session_recording_host_test_user": "bob",
                    "session_recording_auditor_control": True,
                    # The lab's FreeIPA is without an authority that certmonger could ask.
                    "session_recording_auditor_certificate": str(self.directory / "web.crt"),
                    "session_recording_auditor_certificate_key": str(self.directory / "web.key"),
                },
                "children": {
                    "ipaserver": {"hosts": {SERVER: {"ansible_host": "server"}}},
                    "auditors": {"hosts": client},
                    "ipaclients": {"hosts": client},
                },
            }
        }


def _packages(directory: Path) -> dict[str, list[str]]:
    """Built of this tree, by machine."""
    done = subprocess.run([ROOT / "packaging/build-deb", directory], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        machine: [str(path) for name in names for path in directory.glob(f"{PACKAGE}-{name}_*.deb")]
        for machine, names in PACKAGES.items()
    }


def _provide(machine: Machine, directory: Path, packages: list[str]) -> None:
    """What a distribution's mirror would give to Ansible and our packages: nothing of ours."""
    place = directory / f"fetched-{machine.name}"
    suite = machine.run("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME").stdout.strip()
    machine.copy_out("/var/lib/dpkg/status", directory / "status")
    done = subprocess.run(
        [Path(__file__).parent / "fetch-packages", place, directory / "status", suite, *NEEDED, *packages],
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    machine.copy_in(place / "cache/archives", "/root/fetched")
    machine.run("sh", "-c", "find /root/fetched -name '*.deb' -exec dpkg --install {} + && rm -rf /root/fetched")


def _provide_elasticsearch(machine: Machine, directory: Path) -> None:
    """What PyPI would give to the role `auditor`."""
    version = machine.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").stdout.strip()
    made_for = ("--python-version", version, "--only-binary=:all:")
    wanted = ("--target", directory, "--require-hashes", "-r", ROOT / "requirements/elasticsearch.txt")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *made_for, *wanted], check=True, timeout=300)
    machine.copy_in(directory, "/usr/local/lib/session-recording")
