"""Tasks of Ansible on a machine of the lab, and what each of them came to."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.ansible_collection import ansible

COLLECTION = "freeipa.session_recording"
Task = dict[str, Any]


def task(module: str, *, check: bool = False, environment: dict[str, str] | None = None, **options: Any) -> Task:
    """A task with a module of ours; `check` is check mode, whatever the play is in."""
    return {f"{COLLECTION}.{module}": options, "check_mode": check, "environment": environment or {}}


def results(machine: str, *tasks: Task) -> list[dict[str, Any]]:
    """Run tasks on a machine, one after the other, also where one fails. Returns what each of them returned."""
    names = [f"result_{number}" for number in range(len(tasks))]
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory, "results")
        content = "{{ [" + ", ".join(names) + "] | to_json }}"
        last = {"ansible.builtin.copy": {"content": content, "dest": str(kept)}, "delegate_to": "localhost"}
        steps = [{**step, "register": name, "ignore_errors": True} for step, name in zip(tasks, names, strict=True)]
        done = play(machine, [*steps, last], directory, "--diff")
        assert done.returncode == 0, done.stdout + done.stderr
        read: list[dict[str, Any]] = json.loads(kept.read_text())
    return read


def play(
    machine: str, tasks: list[Task], directory: str, *arguments: str, **keywords: Any
) -> subprocess.CompletedProcess[str]:
    """Run a play of these tasks; `keywords` are those of a play."""
    program, environment = ansible("ansible-playbook")
    hosts = {
        machine: {"ansible_connection": "lab", "ansible_python_interpreter": "/usr/bin/python3"},
        "localhost": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        },
    }
    inventory, playbook = Path(directory, "hosts.json"), Path(directory, "play.json")
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    playbook.write_text(json.dumps([{"hosts": machine, "gather_facts": False, **keywords, "tasks": tasks}]))
    plugins = Path(__file__).parent / "connection_plugins"
    return subprocess.run(
        [program, "-i", inventory, playbook, *arguments],
        env={**environment, "ANSIBLE_CONNECTION_PLUGINS": str(plugins), "ANSIBLE_PIPELINING": "1"},
        capture_output=True,
        text=True,
        timeout=800,
    )
