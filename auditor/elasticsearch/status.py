"""How a store is doing: what `sessrec store status` says, and whether anything is wrong."""

from dataclasses import dataclass
from typing import Any

from auditor.elasticsearch.connection import errors
from auditor.elasticsearch.layout import KINDS, MESSAGES, RECORDINGS, REFUSALS, Kind
from auditor.elasticsearch.server import Server
from auditor.recordings.store import StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Status:
    """`version` of the server; `health` green, yellow or red; documents, bytes and indices of each kind.

    `recordings`, those of which not all that is known is searchable yet (`unsettled`), and dead letters (`refused`):
    -1 where that cannot be said. `problems` are sentences that say what to do.
    """

    version: str
    health: str
    documents: dict[str, int]
    sizes: dict[str, int]
    indices: dict[str, int]
    recordings: int
    unsettled: int
    refused: int
    problems: tuple[str, ...]


def status(server: Server) -> Status:
    """Ask the server. Raises StoreError where it does not answer or there is no store."""
    client, names = server.client, server.names
    with errors(server.address):
        version = str(client.info()["version"]["number"])
        health = str(client.cluster.health(index=f"{names.prefix}-*", timeout="5s")["status"])
        stats = client.indices.stats(
            index=[names.of(kind) for kind in KINDS], metric=["docs", "store"], forbid_closed_indices=False
        )
        settings = client.indices.get_settings(index=f"{names.prefix}-*", flat_settings=True)
    indices: dict[str, list[dict[str, Any]]] = {kind.name: [] for kind in KINDS}
    for name, found in stats["indices"].items():
        for kind in KINDS:
            if f"{names.of(kind)}-" in name:
                indices[kind.name].append(found["primaries"])
    return Status(
        version=version,
        health=health,
        documents={kind: sum(each["docs"]["count"] for each in found) for kind, found in indices.items()},
        sizes={kind: sum(each["store"]["size_in_bytes"] for each in found) for kind, found in indices.items()},
        indices={kind: len(found) for kind, found in indices.items()},
        recordings=_count(server, RECORDINGS, {"term": {"deleted": False}}),
        unsettled=_count(server, RECORDINGS, {"term": {"settled": False}}),
        refused=_count(server, REFUSALS, {"match_all": {}}),
        problems=tuple(_problems(server, version, health, settings.body)),
    )


def _count(server: Server, kind: Kind, query: dict[str, Any]) -> int:
    try:
        return server.count(kind, query)
    except StoreUnavailableError:
        return -1


def _problems(server: Server, version: str, health: str, settings: dict[str, Any]) -> list[str]:
    found = []
    if not version.startswith("8."):
        found.append(f"this is Elasticsearch {version}: only 8 has been tried")
    if health == "red":
        found.append(
            "a part of the indices is not there (red): see _cluster/allocation/explain; searches fail meanwhile"
        )
    blocked = sorted(name for name, each in settings.items() if _is_blocked(each["settings"]))
    if blocked:
        found.append(
            f"{', '.join(blocked)} takes no writes: make room on the disk, and Elasticsearch lifts that by itself; "
            "one that was set by hand is lifted by setting index.blocks.read_only_allow_delete to null"
        )
    if _count(server, MESSAGES, {"match_all": {}}) and not _count(server, RECORDINGS, {"match_all": {}}):
        found.append("there are messages and no recordings: run `sessrec ingest --from elasticsearch --follow`")
    return found


def _is_blocked(settings: dict[str, Any]) -> bool:
    return any(
        settings.get(f"index.blocks.{name}") == "true" for name in ("read_only", "read_only_allow_delete", "write")
    )
