"""Which indices the store has, what they are called, and how documents of a recording are named."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.elasticsearch.mapping import LEASE, MESSAGE, RECORDING, REFUSED, SOURCE, TEXT, TEXT_ORDER

MAX_KEY = 200
"""Bytes of a recording's id that stand in a document's id as they are; Elasticsearch takes 512 in all."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document.

    `rolled`: what grows without end, in an index that a new one follows; else one index whose documents are changed
    in place. `packed`: compressed in large blocks, since its documents are read in their order, if at all; others are
    read here and there, from blocks that are small and fast. `unkept`: fields that are looked up and never read.
    `order`: fields, each with its direction, by which documents lie in the index.
    """

    name: str
    fields: Mapping[str, Any]
    rolled: bool
    packed: bool = False
    unkept: tuple[str, ...] = ()
    order: tuple[tuple[str, str], ...] = ()


MESSAGES = Kind("messages", MESSAGE, rolled=True, packed=True)
TEXTS = Kind("texts", TEXT, rolled=True, unkept=("words", "joints"), order=TEXT_ORDER)
REFUSALS = Kind("refused", REFUSED, rolled=True, packed=True)
RECORDINGS = Kind("recordings", RECORDING, rolled=False)
SOURCES = Kind("sources", SOURCE, rolled=False)
LEASES = Kind("leases", LEASE, rolled=False)

KINDS = (MESSAGES, TEXTS, REFUSALS, RECORDINGS, SOURCES, LEASES)


@dataclass(frozen=True, slots=True)
class Names:
    """The indices (or aliases, or data streams) of the store with this prefix."""

    prefix: str

    def of(self, kind: Kind) -> str:
        """What is read and written by this name."""
        return f"{self.prefix}-{kind.name}"

    def first(self, kind: Kind) -> str:
        """The first index behind the alias of a rolled kind."""
        return f"{self.of(kind)}-000001"


def recording_key(rec: str) -> str:
    """How a recording's documents are called: by its id, or by a hash where that is too long for a document's."""
    encoded = rec.encode("utf-8", "surrogatepass")
    return rec if len(encoded) <= MAX_KEY else "sha256:" + hashlib.sha256(encoded).hexdigest()


def message_key(rec: str, id: int) -> str:
    """The document of a message: the same whoever puts it there, so that nothing stands twice."""
    return f"{recording_key(rec)}-{id}"


def text_key(rec: str, claim: int, number: int) -> str:
    """The document of a line, by the claim with which it was added."""
    return f"{recording_key(rec)}-{claim}-{number}"
