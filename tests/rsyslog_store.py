"""The real rsyslogd with the configuration that we ship, away from the system's: it reads the journal of a namespace
of the tests' own, and a socket that outlives it, as systemd's does."""

import os
import socket
import subprocess
import time
from pathlib import Path

from auditor.log_servers.configuration import configuration

PATIENCE = 180.0

# In a mount namespace of its own the tests' journal is the system's, as the unit's BindReadOnlyPaths= makes it. The
# variables of systemd's socket activation name the process, which `exec` keeps.
START = """
set -e
if [ -n "$JOURNAL" ]; then
  mkdir -p "$HERE/journal" /run/log
  mount --bind "$JOURNAL" "$HERE/journal"
  mount -t tmpfs none /run/log
  mkdir -p "/run/log/journal/$(cat /etc/machine-id)"
  mount --bind "$HERE/journal" "/run/log/journal/$(cat /etc/machine-id)"
  [ ! -d /var/log/journal ] || mount -t tmpfs none /var/log/journal
fi
export LISTEN_PID=$$ LISTEN_FDS=1
exec rsyslogd -n -f "$HERE/rsyslog.conf" -i NONE
"""


class Rsyslogd:
    """`journald`: whose journal it reads. `trusting`: it takes what any unit sent. `changes` of the configuration."""

    def __init__(self, home, address, journald=None, *, trusting=False, **changes):
        self.home = Path(home)
        self.socket_path = self.home / "log"
        self.put_aside = self.home / "work" / "put-aside"
        self._journald = journald
        self._process = None
        (self.home / "work").mkdir()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.socket_path))
        text = configuration("rsyslog", address)
        changes |= {"/var/lib/session-recording/rsyslog": str(self.home / "work")}
        changes |= {"/run/session-recording/log": str(self.socket_path)}
        if trusting:
            changes |= {'and $!_SYSTEMD_UNIT == "session-recorder.service" then': "then"}
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        (self.home / "rsyslog.conf").write_text(text)

    def start(self, password="secret"):
        environment = os.environ | {"HERE": str(self.home), "JOURNAL": "", "SESSREC_STORE_PASSWORD": password}
        if self._journald is not None:
            environment["JOURNAL"] = str(journal_of(self._journald))
        # Descriptor 3 is where systemd puts the first socket.
        self._process = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", f"exec 3<&{self._socket.fileno()}\n{START}"],
            env=environment, pass_fds=[self._socket.fileno()], stdin=subprocess.DEVNULL,
            stderr=(self.home / "said").open("ab"),
        )  # fmt: skip

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        """As its unit stops it, and as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def said(self):
        return (self.home / "said").read_text()

    def close(self):
        self.kill()
        self._socket.close()


def journal_of(journald):
    """The directory of its journal."""
    end = time.monotonic() + PATIENCE
    while True:
        for base in ("/run/log/journal", "/var/log/journal"):
            for directory in Path(base).glob(f"*.{journald.namespace}"):
                return directory
        assert time.monotonic() < end, "journald keeps no journal"
        time.sleep(0.05)
