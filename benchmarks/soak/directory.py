"""The lab's FreeIPA: the fleet's hosts and its policy in it, how it fails, and what it takes for them."""

import io
import os
import signal
import subprocess
import tarfile
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.directory.run import Lab
from benchmarks.soak.hosts import SoakError, children

DOMAIN = "lab.test"
SERVERS = ("ns-slapd", "krb5kdc")
OPERATIONS = {
    "strongauthbinds": "binds",
    "searchops": "searches",
    "addentryops": "adds",
    "modifyentryops": "changes",
    "removeentryops": "removals",
}
"""Its counters, and what they count."""
EVERY = 1.0
"""Seconds between two looks at what the servers have used."""

_RECORDING = "cn=session-recording,dc=lab,dc=test"
_LDAPI = "ldapi://%2Frun%2Fslapd-LAB-TEST.socket"
_DIRSRV = "dirsrv@LAB-TEST"
_KILL = f"systemctl kill -s KILL {_DIRSRV} krb5-kdc; systemctl stop {_DIRSRV} krb5-kdc"
_START = f"systemctl start {_DIRSRV} && systemctl start krb5-kdc"


class Directory:
    """Of a lab that runs, by its name."""

    def __init__(self, name: str) -> None:
        self._lab = Lab(name)
        run = Path(os.environ.get("LAB_CACHE", "/var/cache/session-recording-lab")) / "run" / name
        try:
            self.layers = (run / "client.layers").read_text().strip()
            first = children(int((run / "pid").read_text()))[0]
        except (OSError, IndexError) as error:
            raise SoakError(f"there is no lab {name!r}: {error}") from error
        self.network = Path(f"/proc/{first}/root/run/netns/client")
        self._servers = Path(f"/proc/{first}/root/run/netns/server").stat().st_ino

    def set_up(self, hosts: list[str], small: list[str]) -> dict[str, bytes]:
        """Enrol these and have them record; their keytabs. `small`: those that go on when they lose messages."""
        self._shell("rm -rf /root/soak; mkdir /root/soak")
        script = (Path(__file__).parent / "enrol.py").read_bytes()
        self._shell("cat >/root/soak/enrol.py", script)
        self._shell(f"cd /root/soak && python3 enrol.py '{' '.join(hosts)}' '{' '.join(small)}'")
        packed = self._shell(f"cd /root/soak && tar c {' '.join(hosts)}")
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            return {name: file.read() for name in hosts if (file := archive.extractfile(name)) is not None}

    def published_keys(self) -> set[str]:
        """Ids of the keys that hosts have put there."""
        said = self._search(f"cn=keys,{_RECORDING}", "(objectClass=ipaRecordingKeyObject)", "cn")
        return {line.partition(": ")[2] for line in said.splitlines() if line.startswith("cn: ")}

    def sessions(self) -> int:
        """How many go on, as the directory has it."""
        said = self._search(f"cn=sessions,{_RECORDING}", "(ipaRecordingState=*)", "1.1")
        return sum(line.startswith("dn: ") for line in said.splitlines())

    def operations(self) -> dict[str, int]:
        """The directory server's own counters, since it was started."""
        said = self._search("cn=snmp,cn=monitor", "(objectClass=*)", *OPERATIONS, scope="base")
        pairs = (line.split(": ") for line in said.splitlines() if ": " in line)
        return {OPERATIONS[name]: int(value) for name, value in pairs if name in OPERATIONS}

    def kill(self) -> None:
        """The directory server and the KDC, which cannot do without it, as a crash does."""
        self._shell(_KILL)

    def start(self) -> None:
        """Start both again."""
        self._shell(_START)

    def stop(self) -> None:
        """The directory server stands still."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def pids(self) -> dict[int, str]:
        """The servers' processes, by their numbers on this machine, and what they are."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                name = (path / "comm").read_text().strip()
                if name in SERVERS and (path / "ns/net").stat().st_ino == self._servers:
                    found[int(path.name)] = name
            except OSError:
                continue
        return found

    def _signal(self, number: int) -> None:
        for pid, name in self.pids().items():
            if name == "ns-slapd":
                os.kill(pid, number)

    def _search(self, base: str, filter: str, *attributes: str, scope: str = "sub") -> str:
        words = ["ldapsearch", "-Q", "-LLL", "-o", "ldif-wrap=no", "-Y", "EXTERNAL", "-H", _LDAPI]
        return self._lab.run(*words, "-b", base, "-s", scope, filter, *attributes).decode()

    def _shell(self, script: str, input: bytes | None = None) -> bytes:
        try:
            return self._lab.run("sh", "-c", script, input=input)
        except subprocess.CalledProcessError as error:
            raise SoakError(f"on the FreeIPA server: {script.splitlines()[0]}: status {error.returncode}") from error


@dataclass(frozen=True)
class Use:
    """What the servers have used up to a moment (monotonic clock): processor seconds of each, MB, threads."""

    when: float
    cpu: dict[str, float]
    resident: float
    threads: int
    disturbed: bool


class Meter(threading.Thread):
    """Looks every second. `disturbed` tells whether what is seen now counts for nothing."""

    def __init__(self, directory: Directory) -> None:
        super().__init__(name="meter", daemon=True)
        self.uses: list[Use] = []
        self.disturbed = False
        self._directory = directory
        self._halt = threading.Event()
        self._before: dict[int, float] = {}
        self._cpu = dict.fromkeys(SERVERS, 0.0)
        self._pids: dict[int, str] = {}

    def run(self) -> None:
        """Until `finish`."""
        while not self._halt.wait(EVERY):
            self._look()

    def finish(self) -> None:
        """No more."""
        self._halt.set()
        self.join(10)

    def since(self, when: float) -> list[Use]:
        """What was seen after a moment."""
        return [use for use in self.uses if use.when >= when]

    def _look(self) -> None:
        if not self._pids or any(not Path(f"/proc/{pid}").exists() for pid in self._pids):
            self._pids = self._directory.pids()
        resident, threads = 0.0, 0
        for pid, name in self._pids.items():
            try:
                used = _cpu(pid)
                status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            except OSError:
                continue
            self._cpu[name] += max(0.0, used - self._before.get(pid, used if not self.uses else 0.0))
            self._before[pid] = used
            if name == "ns-slapd":
                resident, threads = int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"])
        self.uses.append(Use(time.monotonic(), dict(self._cpu), resident, threads, self.disturbed))


def rate(uses: list[Use], name: str) -> float:
    """Processor seconds of a server a second, where nothing was disturbed; 0 where nothing was seen."""
    pairs = [(a, b) for a, b in pairwise(uses) if not (a.disturbed or b.disturbed)]
    seconds = sum(b.when - a.when for a, b in pairs)
    return sum(b.cpu[name] - a.cpu[name] for a, b in pairs) / seconds if seconds else 0.0


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
