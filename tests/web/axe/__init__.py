"""axe-core, which judges how pages can be used by people who do not see, or see badly, or have no mouse."""

from pathlib import Path

from tests import npm


def script():
    """The text of axe, to be run in a page."""
    place = npm.installed(Path(__file__).parent, "axe")
    return (place / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
