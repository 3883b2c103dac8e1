"""Where things lie: the user's own data (XDG base directories) and the system's configuration."""

import os
from pathlib import Path

WEB_SETTINGS = Path("/etc/session-recording/web.toml")
"""Of the page that is served to several people."""

RULES = Path("/etc/session-recording/rules.d")
"""Files of rules that watch what is taken in; its *.toml are read in the order of their names."""


def data_directory() -> Path:
    """The user's recordings, store and key: `$XDG_DATA_HOME/session-recording`, as the XDG specification says."""
    base = os.environ.get("XDG_DATA_HOME", "")
    # A relative XDG_DATA_HOME is invalid by the specification and must be ignored.
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "session-recording"


def recordings_directory() -> Path:
    """One file per recording, named REC.jsonl."""
    return data_directory() / "recordings"


def store_file() -> Path:
    """The user's own store."""
    return data_directory() / "store.sqlite"


def user_key_file() -> Path:
    """The key that seals what the user records without a recorder service."""
    return data_directory() / "key.pem"
