"""Templates: Jinja2 with everything escaped, and text of strangers made harmless to the eye as well.

HTML has no way to write most control characters, and those that turn the direction of text around could make a page
say something else than it does. Whatever a template prints passes here.
"""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auditor.output.moments import clock, iso, length, moment
from auditor.output.printable import printable

TEMPLATES = Path(__file__).parent / "templates"

_KEPT = frozenset("\n\t")
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Templates:
    """The pages' templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_harmless,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            clock=clock,
            iso=iso,
            duration=lambda ms: length(ms // 1000),
            moment=moment,
            printable=printable,
            thousands=lambda number: f"{number:,}".replace(",", "\u202f"),
            path=lambda text: quote(text, safe=""),
        )

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The page."""
        return self._environment.get_template(name).render(context)


def _harmless(value: Any) -> Any:
    # Exactly str: what is marked as HTML was made by us.
    if type(value) is not str or value.isprintable():
        return value
    return "".join(_shown(char) for char in value)


def _shown(char: str) -> str:
    if char in _KEPT or unicodedata.category(char) not in _UNSAFE:
        return char
    return char.encode("unicode_escape").decode("ascii")
