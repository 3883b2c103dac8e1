"""Saved objects of Kibana, as its import takes them: one JSON object each, with JSON as text inside of it.

An object names others by references: each has a name that the object's own JSON uses, and the type and id that it
stands for. Kibana brings objects of the versions named here up to date itself when it imports them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from recorder.errors import SessrecError

Json = dict[str, Any]

CORE_VERSION = "8.8.0"
"""Of the layout of saved objects in general: what Kibana 8.8 and later write."""

TYPE_VERSIONS = {
    "index-pattern": "8.0.0",
    "search": "8.0.0",
    "visualization": "8.5.0",
    "dashboard": "8.9.0",
}
"""Of the layout of each type: no older Kibana 8 than these can import them."""

SOURCE = "kibanaSavedObjectMeta.searchSourceJSON.index"
"""The name of the reference to the data view that an object takes its documents from."""


class PlayerUrlError(SessrecError):
    """What was given as address of the player cannot be one."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Reference:
    """Another object, by the name that the one that has it calls it."""

    name: str
    type: str
    id: str

    def as_json(self) -> Json:
        """As it stands in the object."""
        return {"name": self.name, "type": self.type, "id": self.id}


@dataclass(frozen=True, slots=True)
class SavedObject:
    """`id`: the same in every import, so that one that is imported again takes the place of the old one."""

    type: str
    id: str
    attributes: Mapping[str, Any]
    references: Sequence[Reference] = field(default_factory=tuple)

    def as_json(self) -> Json:
        """A line of the file to import."""
        return {
            "type": self.type,
            "id": self.id,
            "attributes": dict(self.attributes),
            "references": [reference.as_json() for reference in self.references],
            "managed": False,
            "coreMigrationVersion": CORE_VERSION,
            "typeMigrationVersion": TYPE_VERSIONS[self.type],
        }


@dataclass(frozen=True, slots=True)
class PlayerUrl:
    """Where recordings are played: `{{value}}` is the recording, `{{at}}` the moment in ms since it began."""

    template: str

    @classmethod
    def read(cls, text: str | None) -> "PlayerUrl | None":
        """Raises PlayerUrlError."""
        if text is None:
            return None
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"[\s\"'\\<>]", text):
            raise PlayerUrlError(
                f"{text!r} is no address of the web: write https://player.example.test/play/{{{{value}}}}"
            )
        if "{{value}}" not in text:
            raise PlayerUrlError("the player's address needs {{value}} where the recording's id stands")
        return cls(text)

    @property
    def of_recording(self) -> str:
        """Its beginning: with `{{value}}` only, all that a data view can fill in."""
        return self.template.replace("{{at}}", "0")


def text(value: Any) -> str:
    """JSON as text inside of JSON."""
    return json.dumps(value, separators=(",", ":"))


def search_source(query: str, view: str | None) -> tuple[Json, list[Reference]]:
    """Which documents: a query of Lucene's language over a data view, with the reference that belongs to it."""
    source: Json = {"query": {"query": query, "language": "lucene"}, "filter": []}
    if view is None:
        return {"searchSourceJSON": text(source)}, []
    source["indexRefName"] = SOURCE
    return {"searchSourceJSON": text(source)}, [Reference(SOURCE, "index-pattern", view)]
