"""ansible-test's sanity tests of the collection, and mypy: python -m tests.ansible_sanity [ARGUMENT...]

Arguments are those of `ansible-test sanity`. ansible-test keeps environments in the home directory, of which it gets
one in build/ansible-sanity, and wants pip in them, which it fetches as a script from a server of Ansible's own. Ours
installs the same version from where all other packages come from.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.ansible_collection import copied

ROOT = Path(__file__).parent.parent
HOME = ROOT / "build/ansible-sanity"
BIN = Path(sys.executable).parent
PIP = "24.2"
"""The version that ansible-test 2.19 asks for."""
QUIET = ("-q", "--disable-pip-version-check")

GET_PIP = """\
import subprocess, sys

wheel = {wheel!r}
pip = [sys.executable, wheel + "/pip", "-q", "--disable-pip-version-check"]
sys.exit(subprocess.run([*pip, "install", "--no-index", wheel]).returncode)
"""


def main(arguments: list[str]) -> int:
    """Run them all. Returns 0 if they have passed, those that this machine cannot run aside; they are named."""
    cache = HOME / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    subprocess.run([BIN / "pip", *QUIET, "download", "--no-deps", "-d", cache, f"pip=={PIP}"], check=True)
    wheel = str(cache / f"pip-{PIP}-py3-none-any.whl")
    (cache / f"get_pip_{PIP.replace('.', '_')}.py").write_text(GET_PIP.format(wheel=wheel))
    # Nothing of the user's: a version manager's scripts of that name start no python3.8 that is not installed.
    environment = {**os.environ, "HOME": str(HOME), "PATH": f"{BIN}:/usr/bin:/bin", "MYPYPATH": "."}
    with tempfile.TemporaryDirectory(prefix="ansible-") as directory:
        collection = copied(Path(directory))
        package = ".".join(collection.relative_to(directory).parts)
        passed = [
            subprocess.run(["ansible-test", "sanity", "--color", "no", *arguments], cwd=collection, env=environment),
            subprocess.run(
                ["mypy", "--config-file", ROOT / "pyproject.toml", "--no-error-summary", "-p", f"{package}.plugins"],
                cwd=directory,
                env=environment,
            ),
        ]
    return max(run.returncode for run in passed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
