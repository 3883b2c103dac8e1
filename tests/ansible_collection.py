"""The collection where Ansible and Python look for it: below ansible_collections/NAMESPACE/NAME."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COLLECTION = ROOT / "ansible"
NAME = ("freeipa", "session_recording")
LINKED = ROOT / "build/ansible"
"""What ANSIBLE_COLLECTIONS_PATH and Python's path are to have."""


def link() -> None:
    """Have the collection below LINKED, and let Python import it."""
    place = _place(LINKED)
    if not place.is_symlink():
        place.symlink_to(COLLECTION)
        (LINKED / "ansible.cfg").touch()
    if str(LINKED) not in sys.path:
        sys.path.append(str(LINKED))


def copied(directory: Path) -> Path:
    """A copy of the collection below `directory`. Returns where it is."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")
    return Path(shutil.copytree(COLLECTION, _place(directory), ignore=ignored))


def ansible(program: str) -> tuple[Path, dict[str, str]]:
    """The path of a program of Ansible, and the environment in which it knows the collection and nothing of the
    user's."""
    link()
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(LINKED),
        "ANSIBLE_HOME": str(ROOT / "build/ansible-home"),
        "ANSIBLE_CONFIG": str(LINKED / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    return Path(sys.executable).parent / program, environment


def _place(directory: Path) -> Path:
    place = directory.joinpath("ansible_collections", *NAME)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
