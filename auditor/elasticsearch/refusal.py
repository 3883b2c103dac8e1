"""What it means for whoever reads it that Elasticsearch refuses something. Needs no client of its."""

from auditor.elasticsearch.address import Address
from auditor.recordings.store_error import StoreError, StoreUnavailableError

NO_SERVER = "no Elasticsearch is named: write url into [store] in {}, or give its address"


def is_read_only(type: str) -> bool:
    """Whether an error says that an index takes no writes."""
    return type == "cluster_block_exception"


def item_error(address: Address, status: int, type: str, reason: str) -> StoreError:
    """What it means that a request, or one document of it, was refused."""
    name, reason = f"Elasticsearch at {address}", reason[:300]
    if is_read_only(type):
        return StoreUnavailableError(
            f"{name} takes no writes now; most often its disk is full: make room, and it goes on by itself ({reason})"
        )
    if status == 401:
        return StoreError(f"{name} does not know the user or key: see [store] in the configuration")
    if status == 403:
        return StoreError(f"{name} does not let this user do that: give the role the privilege ({reason})")
    if status == 404:
        return StoreError(f"{name} has no store yet: `sessrec store setup --store {address}` makes it ({reason})")
    if status == 429:
        return StoreUnavailableError(f"{name} has too much to do: try again later ({reason})")
    if status >= 500:
        return StoreUnavailableError(
            f"{name} cannot do it now: `sessrec store status --store {address}` says how it is ({reason})"
        )
    return StoreError(f"{name} refuses what it was asked: {reason}")
