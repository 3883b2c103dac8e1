"""The real vega, without being run as a browser."""

import json
import subprocess
from pathlib import Path

from tests import npm


def installed():
    """The directory with render.mjs and what it imports."""
    return npm.installed(Path(__file__).parent, "vega", "render.mjs")


def rendered(specification):
    """The SVG that vega draws; it must not complain."""
    done = subprocess.run(
        ["node", "render.mjs"], input=json.dumps(specification), cwd=installed(), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
