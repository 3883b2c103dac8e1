"""Saved searches: tables of documents that one wants to look at again and again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.kibana.data_views import view_id
from auditor.kibana.saved_object import SavedObject, search_source


@dataclass(frozen=True, slots=True)
class Search:
    """`query` in Lucene's language over the data view `view`; `columns` are fields."""

    name: str
    title: str
    view: str
    query: str
    columns: Sequence[str]
    description: str


SEARCHES = (
    Search(
        "sessions", "Recorded sessions", "recordings", "deleted:false",
        ("user", "host", "rec", "length", "command", "exit_code", "reason", "missing"),
        "Each recording, the latest first. The recording's id opens the player.",
    ),
    Search(
        "commands", "Commands", "texts", "kind:command", ("user", "host", "text", "at", "rec"),
        "What stood on the line when Enter was pressed.",
    ),
    Search(
        "events", "Events", "texts", "kind:(exec OR file OR network OR other)",
        ("user", "host", "kind", "text", "at", "rec"),
        "What processes of sessions did, and what happened to sessions, a line each.",
    ),
    Search(
        "failures", "Failures", "messages", "event.outcome:failure",
        ("user", "host", "event.action", "process.executable", "file.path", "sessrec.error", "sessrec.at", "rec"),
        "What processes tried and were not allowed, or what was not there.",
    ),
    Search(
        "alerts", "Alerts", "texts", "kind:event AND action:alert", ("user", "host", "detail", "at", "rec"),
        "What rules have seen.",
    ),
    Search(
        "incomplete", "Incomplete recordings", "recordings", "deleted:false AND (missing:>0 OR lost:>0)",
        ("user", "host", "rec", "missing", "lost", "length"),
        "Messages that have not arrived, and bytes that were not recorded. sessrec verify says what it means.",
    ),
)  # fmt: skip


def search_id(prefix: str, name: str) -> str:
    """The id of one of SEARCHES."""
    return f"{prefix}-search-{name}"


def saved_searches(prefix: str) -> Iterator[SavedObject]:
    """One for each of SEARCHES."""
    for search in SEARCHES:
        meta, references = search_source(search.query, view_id(prefix, search.view))
        attributes = {
            "title": search.title,
            "description": search.description,
            "columns": list(search.columns),
            "sort": [["@timestamp", "desc"]],
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "kibanaSavedObjectMeta": meta,
        }
        yield SavedObject("search", search_id(prefix, search.name), attributes, references)
