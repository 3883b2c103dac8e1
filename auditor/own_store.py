"""The store that a verb works on."""

import argparse
from pathlib import Path

from auditor.file_source import catch_up
from auditor.sqlite.store import SqliteStore
from recorder.paths import recordings_directory, store_file


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """The option --store."""
    parser.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        help="the store to use (default: your own, brought up to date with your recordings first)",
    )


def open_store(path: Path | None) -> SqliteStore:
    """The store that --store names, else the user's own with all that the user recorded. Raises StoreError."""
    if path is not None:
        return SqliteStore(path)
    store = SqliteStore(store_file())
    directory = recordings_directory()
    if directory.is_dir():
        catch_up(store, directory)
    return store
