"""For `sessrec doctor`, what is wrong on a FreeIPA server that has session recording: code, directory, services."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from ipa_plugin import install, install_files
from ipa_plugin.install_data import InstallError
from ipa_plugin.install_server import STATE, Server, check_version
from recorder.doctor import Finding

PART = "server"
INSTALL = install.PROGRAM

CONTAINERS = ("cn=policies", "cn=config", "cn=sessions", "cn=keys")


def present() -> bool:
    """Whether our installer was run here."""
    return (STATE / "installed.json").exists()


def findings(server: Server | None = None, source: Path = install.SOURCE) -> Iterator[Finding]:
    """All of them."""
    server = server or Server()
    try:
        layout = server.layout()
        warning = check_version(server.version())
        if warning:
            yield Finding(PART, "version", "warning", warning, "sessrec --version; ipa --version")
        placed = install_files.contents(source, layout)
        old = install_files.read_manifest(layout)
        yield _files(install_files.differing(placed), install_files.outdated(old, placed))
        # Also where ours are as they were: FreeIPA may have been upgraded since.
        server.load_plugins(source)
        now = install.manifest(server, source, placed, old)
        yield Finding(PART, "plugins", "ok", f"load in FreeIPA {server.version()}")
    except InstallError as error:
        yield Finding(PART, "plugins", "critical", str(error), f"{INSTALL} --dry-run")
        return
    if not server.is_configured():
        yield Finding(PART, "freeipa", "warning", "this server is not configured yet", "ipa-replica-install")
        return
    if now.applied != now.data:
        text = "schema and permissions of this version are not in the directory"
        yield Finding(PART, "directory", "critical", text, INSTALL)
    if now.running != now.source:
        text = "the web server has not been restarted since plugins were placed"
        yield Finding(PART, "web", "warning", text, INSTALL)
    yield from data(server)
    yield from services()


def _files(differing: list[Path], outdated: list[Path]) -> Finding:
    if not differing and not outdated:
        return Finding(PART, "files", "ok", "as this version has them")
    others = [*differing, *outdated]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return Finding(PART, "files", "critical", f"{others[0]}{more}: not as this version has it", INSTALL)


def data(server: Server) -> Iterator[Finding]:
    """Whether the directory answers, and has what policies are kept below."""
    try:
        names = [str(name).lower() for name in server.find_data()]
    except InstallError as error:
        yield Finding(PART, "directory", "critical", str(error), "ipactl restart")
        return
    missing = [each for each in CONTAINERS if not any(name.startswith(f"{each},cn=session-rec") for name in names)]
    if missing:
        text = f"the directory has no {missing[0]},cn=session-recording"
        yield Finding(PART, "directory", "critical", text, f"{INSTALL} --force")
    else:
        yield Finding(PART, "directory", "ok", f"has the {len(names)} entries of session recording")


def services() -> Iterator[Finding]:
    """Those of FreeIPA, as it says itself."""
    try:
        done = subprocess.run(["ipactl", "status"], capture_output=True, text=True, check=False)
    except OSError as error:
        yield Finding(PART, "freeipa", "warning", f"ipactl: {error.strerror}", "systemctl status ipa")
        return
    stopped = [line.partition(" Service:")[0] for line in done.stdout.splitlines() if line.endswith(": STOPPED")]
    for name in stopped:
        yield Finding(PART, "freeipa", "critical", f"{name} is stopped", "ipactl start")
    if not stopped:
        if done.returncode == 0:
            yield Finding(PART, "freeipa", "ok", "its services run")
        else:
            said = (done.stderr.strip() or "ipactl status fails").splitlines()[-1]
            yield Finding(PART, "freeipa", "critical", said, "ipactl restart")
