"""The collection where Ansible and Python look for it: below ansible_collections/NAMESPACE/NAME."""

import shutil
from pathlib import Path

COLLECTION = Path(__file__).parent.parent / "ansible"
NAME = ("freeipa", "session_recording")


def linked(directory: Path) -> Path:
    """A link to the collection below `directory`. Returns `directory`, as ANSIBLE_COLLECTIONS_PATH has it."""
    place = _place(directory)
    place.symlink_to(COLLECTION)
    return directory


def copied(directory: Path) -> Path:
    """A copy of the collection below `directory`. Returns where it is."""
    return Path(
        shutil.copytree(
            COLLECTION, _place(directory), ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")
        )
    )


def _place(directory: Path) -> Path:
    place = directory.joinpath("ansible_collections", *NAME)
    place.parent.mkdir(parents=True)
    return place
