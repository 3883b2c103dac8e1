"""What stands behind --store: the file of a SQLite store, or the address of one in Elasticsearch."""

from pathlib import Path
from typing import TYPE_CHECKING

from recorder.paths import store_file

if TYPE_CHECKING:
    from auditor.elasticsearch.address import Address
    from auditor.recordings.store import Store

METAVAR = "FILE|URL"


def store_name(text: str) -> "Path | Address":
    """The file or address that a text names. Raises StoreError for what looks like an address and is none."""
    if text.partition(":")[0] not in ("http", "https", "elasticsearch"):
        return Path(text)
    from auditor.elasticsearch.address import Address

    return Address.read(text) or Path(text)


def open_named(name: "Path | Address | None", *, shared: bool = False) -> "Store":
    """The store of that name; None is the user's own. `shared`: one of several that a process has open, each used by
    one thread at a time, whichever. Raises StoreError."""
    if name is None or isinstance(name, Path):
        from auditor.sqlite.store import SqliteStore

        return SqliteStore(name or store_file(), shared=shared)
    try:
        # Imported where it is used: the client takes longer to import than a search in SQLite takes.
        from auditor.elasticsearch.store import ElasticsearchStore
    except ModuleNotFoundError as error:
        from auditor.recordings.store import StoreError

        raise StoreError(
            f"a store in Elasticsearch needs the Python package '{error.name}', which is not installed: "
            "pip install 'freeipa-session-recording[elasticsearch]'"
        ) from error
    return ElasticsearchStore(name)
