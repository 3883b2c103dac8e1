"""Programs of npm's registry that judge us, installed into build/ once, as their lock file says."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from auditor.web.frontend.player_files import node_environment
from tests.peers import unavailable

CACHE = Path(__file__).parent.parent / "build"


def installed(source, name, *more):
    """The directory with what package.json of the directory `source` names, and the files `more` beside it. Without
    Node or npm the test is skipped, and fails in CI."""
    parts = ("package.json", "package-lock.json", ".npmrc", *more)
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    version = hashlib.sha256(b"\0".join((source / part).read_bytes() for part in parts)).hexdigest()[:12]
    place = CACHE / name / version
    if not missing and not place.is_dir():
        making = CACHE / name / f"{version}.{os.getpid()}"
        making.mkdir(parents=True)
        try:
            for part in parts:
                shutil.copy(source / part, making)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(
                command, cwd=making, env=node_environment(), capture_output=True, text=True, timeout=280, check=False
            )
            if done.returncode:
                missing = [f"{name} ({done.stderr.strip()[-300:]})"]
            else:
                making.rename(place)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    if missing:
        reason = f"{', '.join(missing)} not installed: apt-get install nodejs npm"
        unavailable(reason)
    return place
