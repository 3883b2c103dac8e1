"""Somebody who looks at recordings, and what he may do."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.web.access.scope import Scope


class Right(StrEnum):
    """What a viewer may do with the recordings that exist for him.

    WATCH: see and search what was printed, run and audited. INPUT: see what was typed. EXPORT: take recordings
    away. CONTROL: suspend, resume and end live sessions. TRAIL: see who watched what. HOLD: keep recordings from
    being deleted. DELETE: delete them.
    """

    WATCH = "watch"
    INPUT = "input"
    EXPORT = "export"
    CONTROL = "control"
    TRAIL = "trail"
    HOLD = "hold"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in: his name as the audit trail has it, the recordings that exist for him, and his rights."""

    name: str
    scope: Scope
    rights: frozenset[Right]

    def may(self, right: Right) -> bool:
        """Whether he has the right."""
        return right in self.rights
