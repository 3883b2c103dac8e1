"""The recorders that are compared, and the C programs that drive them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Candidate:
    """`command(out, argv)` records `argv` into the file `out`; some write more files, whose names begin with it."""

    name: str
    command: Callable[[Path, Sequence[str]], list[str]]

    def recorded_bytes(self, out: Path) -> int:
        """The size of what was recorded."""
        return sum(file.stat().st_size for file in out.parent.glob(out.name + "*"))


@dataclass(frozen=True)
class Programs:
    """The paths of the C programs: see the head of each."""

    drive: str
    workload: str
    copy: str


def build(directory: Path) -> Programs:
    """Compile the C programs into `directory`; raises CalledProcessError or FileNotFoundError (no compiler)."""
    return Programs(*(compiled(HERE / f"{name}.c", directory) for name in ("drive", "workload", "copy")))


def compiled(source: Path, directory: Path) -> str:
    """The path of one program; raises as `build` does."""
    program = str(directory / source.stem)
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", program, str(source), "-lutil"], check=True)
    return program


def available(programs: Programs) -> list[Candidate]:
    """Every recorder of this machine; the one that records nothing is first, ours is last."""
    found = [
        Candidate("bare", lambda out, argv: list(argv)),
        Candidate("copy", lambda out, argv: [programs.copy, str(out), *argv]),
    ]
    if shutil.which("script"):
        found.append(Candidate("script", _script))
    if shutil.which("tlog-rec") and _login_records():
        found.append(Candidate("tlog", lambda out, argv: ["tlog-rec", "--writer=file", f"--file-path={out}", *argv]))
    sessrec = str(Path(sys.executable).parent / "sessrec")
    found.append(Candidate("sessrec", lambda out, argv: [sessrec, "rec", "-o", str(out), "--", *argv]))
    return found


def environment(home: Path) -> dict[str, str]:
    """The same for every candidate; keys and configuration lie in `home`."""
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ["PATH"],
        "SHELL": "/bin/sh",
        "TERM": "xterm",
        "WORKLOAD_CPU": str(home / "workload-cpu"),
    }


def _script(out: Path, argv: Sequence[str]) -> list[str]:
    return ["script", "-q", "-e", "-O", str(out), "-T", f"{out}.timing", "-c", "exec " + " ".join(argv)]


def _login_records() -> bool:
    """tlog-rec ends at once where /run/utmp does not exist, as in containers; root may make it."""
    file = Path("/run/utmp")
    if not file.exists() and os.access(file.parent, os.W_OK):
        file.touch(mode=0o644)
    return file.exists()
