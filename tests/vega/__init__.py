"""The real vega, installed from the registry into build/ once, without being run as a browser."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / "build" / "vega"
PARTS = ("package.json", "package-lock.json", ".npmrc", "render.mjs")


def installed():
    """The directory with render.mjs and what it imports. Without Node or npm the test is skipped, and fails in CI."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    version = hashlib.sha256(b"\0".join((HERE / part).read_bytes() for part in PARTS)).hexdigest()[:12]
    place = CACHE / version
    if not missing and not place.is_dir():
        making = CACHE / f"{version}.{os.getpid()}"
        making.mkdir(parents=True)
        try:
            for part in PARTS:
                shutil.copy(HERE / part, making)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=280, check=False)
            if done.returncode:
                missing = [f"vega ({done.stderr.strip()[-300:]})"]
            else:
                making.rename(place)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    if missing:
        reason = f"{', '.join(missing)} not installed: apt-get install nodejs npm"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return place


def rendered(specification):
    """The SVG that vega draws; it must not complain."""
    done = subprocess.run(
        ["node", "render.mjs"], input=json.dumps(specification), cwd=installed(), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
