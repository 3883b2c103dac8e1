"""Ansible's way into a machine of the running lab: root's shell by `lab run`; nothing has to be installed there."""

import subprocess
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: lab
short_description: Machines of the lab that is running
description: Runs commands by C(integration/lab/lab run MACHINE), of the lab that E(LAB_NAME) names.
author: Contributors to session recording for FreeIPA
options:
  remote_addr:
    description: The machine, C(server) or C(client).
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
"""

LAB = Path(__file__).parent.parent.parent / "lab/lab"


class Connection(ConnectionBase):
    """Each command is a process of its own in the machine."""

    transport = "lab"
    has_pipelining = True
    has_tty = False
    module_implementation_preferences: ClassVar[tuple[str, ...]] = ("",)

    def _connect(self) -> "Connection":
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command line by the machine's shell."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run(["sh", "-c", cmd], in_data or b"")

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file to the machine."""
        super().put_file(in_path, out_path)
        self._checked(["sh", "-c", 'cat >"$0"', out_path], Path(in_path).read_bytes())

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file from the machine."""
        super().fetch_file(in_path, out_path)
        Path(out_path).write_bytes(self._checked(["cat", in_path], b""))

    def reset(self) -> None:
        """Nothing is kept open."""

    def close(self) -> None:
        """Nothing is kept open."""
        self._connected = False

    def _checked(self, argv: list[str], data: bytes) -> bytes:
        status, said, problem = self._run(argv, data)
        if status:
            raise AnsibleConnectionFailure(f"{argv}: {problem.decode(errors='replace').strip()}")
        return said

    def _run(self, argv: list[str], data: bytes) -> tuple[int, bytes, bytes]:
        machine: Any = self.get_option("remote_addr")
        done = subprocess.run([LAB, "run", machine, *argv], input=data, capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr
