"""Where figures are kept: docs/benchmarks.md, a section each."""

from pathlib import Path

RESULT = Path(__file__).parent.parent / "docs" / "benchmarks.md"

BEFORE = "## Logins"
"""The section that new ones stand before: it is the last."""


def write_section(heading: str, text: str) -> None:
    """Put a section of docs/benchmarks.md where it was, or before BEFORE."""
    page = RESULT.read_text()
    start = page.find(heading + "\n")
    if start >= 0:
        end = page.find("\n## ", start)
        page = page[:start] + (page[end + 1 :] if end >= 0 else "")
    at = page.find(BEFORE + "\n")
    at = len(page) if at < 0 else at
    RESULT.write_text(page[:at] + text + ("\n" if page[at:] else "") + page[at:])
