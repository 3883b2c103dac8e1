"""The file system that all simulated hosts share, with session recording as it is installed on a host.

An overlay over that of the lab's client, or over this machine's own without a lab: what is written there is in memory
and gone with the last process. The soak runs in a mount namespace of its own (`run.py`), so nobody else sees it.
"""

import subprocess
from pathlib import Path

from benchmarks.recorder.candidates import compiled
from host.install_layout import Layout

RUN = Path("/run")
BASE = RUN / "soak"
ROOT = BASE / "root"
ENTER = "/usr/libexec/session-recording/enter"
LOGIN_SHELL = "/usr/libexec/session-recording/login-shell"

USERS = {"alice": 42_450, "bob": 42_451}
"""uids of who logs in: one whom a policy names, and one of a group that it names."""
GROUP = "contractors"
RECORDER = 42_453

_MASKED = ("/var/lib/session-recording", "/etc/session-recording")
"""Of this machine: the soak's own commands are not to find a ledger or settings there."""

_SETTINGS = """
[host]
shells = { alice = "/bin/sh", bob = "/bin/sh" }
"""

_POLICY = """
[[policy]]
name = "soak"
action = "record"
users = ["alice"]
groups = ["contractors"]
audit = ["none"]
"""

SMALL = "small.toml"
"""The settings of hosts that keep little back while journald is away, so that there is something to lose."""


def make(lower: str, freeipa: bool) -> None:
    """Mount it, with `lower` as overlayfs' lowerdir=, and put on it what a host has."""
    _run("mount", "-t", "tmpfs", "-o", "mode=755,size=75%", "soak", str(RUN))
    for masked in _MASKED:
        if Path(masked).exists():
            _run("mount", "-t", "tmpfs", "soak", masked)
    for name in ("upper", "work", "root"):
        (BASE / name).mkdir(parents=True)
    options = f"volatile,lowerdir={lower},upperdir={BASE / 'upper'},workdir={BASE / 'work'}"
    _run("mount", "-t", "overlay", "-o", options, "soak", str(ROOT))
    for name in ("proc", "dev", "run"):
        _run("mount", "--rbind", f"/{name}", str(ROOT / name))
    for path, content in Layout(root=ROOT).contents().items():
        target = ROOT / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.data)
        target.chmod(content.mode)
    _run("chroot", str(ROOT), "/usr/bin/python3", "-m", "compileall", "-q", "/usr/lib/session-recording")
    source = Path(__file__).parent.parent / "login" / "enter.c"
    (ROOT / ENTER[1:]).write_bytes(Path(compiled(source, BASE)).read_bytes())
    (ROOT / ENTER[1:]).chmod(0o755)
    _accounts()
    settings = _SETTINGS if freeipa else f"{_SETTINGS}freeipa = false\n"
    directory = ROOT / "etc/session-recording"
    directory.mkdir(exist_ok=True)
    (directory / "config.toml").write_text(settings)
    (directory / SMALL).write_text(f'{settings}spool = "16K"\n')
    if not freeipa:
        (directory / "policies.toml").write_text(_POLICY)
        (directory / f"policies-{SMALL}").write_text(f'{_POLICY}on_failure = "allow"\n')


def _accounts() -> None:
    """Local ones, of the names that FreeIPA has; SSSD is none here."""
    uids = {**USERS, "session-recording": RECORDER}
    shells = {**dict.fromkeys(USERS, LOGIN_SHELL), "session-recording": "/usr/sbin/nologin"}
    passwd = "".join(f"{name}:x:{uid}:{uid}::/:{shells[name]}\n" for name, uid in uids.items())
    group = "".join(f"{name}:x:{uid}:\n" for name, uid in uids.items()) + f"{GROUP}:x:42454:bob\n"
    for file, more in (("passwd", passwd), ("group", group)):
        with (ROOT / "etc" / file).open("a") as accounts:
            accounts.write(more)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
