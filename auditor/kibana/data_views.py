"""Data views: what Kibana knows of the store's indices, and how it shows their fields.

A recording's id is a link to the player, wherever it is shown.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.elasticsearch.layout import MESSAGES, RECORDINGS, TEXTS, Kind, Names
from auditor.kibana.saved_object import Json, PlayerUrl, SavedObject, text

VIEWS: Mapping[str, tuple[Kind, str]] = {
    "recordings": (RECORDINGS, "Recordings"),
    "texts": (TEXTS, "Recordings: what was seen and typed"),
    "messages": (MESSAGES, "Recordings: messages and events"),
}
"""Data views by what ids are made of: the kind of documents, and what people call them."""

_MILLISECONDS = {
    "id": "duration",
    "params": {"inputFormat": "milliseconds", "outputFormat": "humanizePrecise", "outputPrecision": 1},
}
_BYTES = {"id": "bytes", "params": {}}

_FORMATS: Mapping[str, Mapping[str, Json]] = {
    "recordings": {"length": _MILLISECONDS, "printed": _BYTES, "typed": _BYTES, "lost": _BYTES},
    "texts": {"at": _MILLISECONDS},
    "messages": {"pos": _MILLISECONDS, "sessrec.at": _MILLISECONDS},
}

_LABELS: Mapping[str, Mapping[str, str]] = {
    "recordings": {
        "rec": "Recording",
        "length": "Length",
        "printed": "Printed",
        "typed": "Typed",
        "missing": "Missing messages",
        "lost": "Lost bytes",
        "exit_code": "Exit status",
        "reason": "Ended by",
    },
    "texts": {"rec": "Recording", "at": "Into the recording", "kind": "Kind", "text": "Text"},
    "messages": {"rec": "Recording", "sessrec.at": "Into the recording"},
}


def view_id(prefix: str, name: str) -> str:
    """The id of one of VIEWS."""
    return f"{prefix}-view-{name}"


def data_views(prefix: str, player: PlayerUrl | None) -> Iterator[SavedObject]:
    """One for each of VIEWS."""
    for name, (kind, title) in VIEWS.items():
        formats: dict[str, Any] = dict(_FORMATS[name])
        if player is not None:
            formats["rec"] = {
                "id": "url",
                "params": {
                    "type": "a",
                    "urlTemplate": player.of_recording,
                    "labelTemplate": "▶ {{value}}",
                    "openLinkInCurrentTab": False,
                },
            }
        labels = {field: {"customLabel": label} for field, label in _LABELS[name].items()}
        attributes = {
            "title": Names(prefix).of(kind),
            "name": title,
            "timeFieldName": "@timestamp",
            "fieldFormatMap": text(formats),
            "fieldAttrs": text(labels),
            "sourceFilters": "[]",
            "fields": "[]",
            "runtimeFieldMap": "{}",
            "typeMeta": "{}",
            "allowHidden": False,
        }
        yield SavedObject("index-pattern", view_id(prefix, name), attributes)
