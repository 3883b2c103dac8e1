"""The store that a verb works on."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.ingest.file_source import catch_up
from auditor.recordings.store import Store
from auditor.recordings.store_name import METAVAR, open_named, store_name
from recorder.paths import recordings_directory

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """The option --store."""
    parser.add_argument(
        "--store",
        type=store_name,
        metavar=METAVAR,
        help="the store to use: a file, or https://HOST:9200/PREFIX of one in Elasticsearch "
        "(default: your own, brought up to date with your recordings first)",
    )


def open_store(name: "Path | Address | None") -> Store:
    """The store that --store names, else the user's own with all that the user recorded. Raises StoreError."""
    store = open_named(name)
    if name is None:
        directory = recordings_directory()
        if directory.is_dir():
            catch_up(store, directory)
    return store
