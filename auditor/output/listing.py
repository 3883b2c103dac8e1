"""Tables and lines on standard output: for a person at a terminal, or plain for whatever reads a pipe."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from auditor.output.printable import printable


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> None:
    """Rows under headings; `right` are columns of numbers. On a terminal a table that folds what is too long, else
    aligned columns of which nothing is cut off. Cells may be text of strangers."""
    safe = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        # Imported where it is used: it takes longer than listing a thousand recordings.
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column, heading in enumerate(headings):
            table.add_column(heading, justify="right" if column in right else "left", overflow="fold")
        for row in safe:
            table.add_row(*map(Text, row))
        Console(highlight=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(headings, *safe, strict=True)]
    for row in [list(headings), *safe]:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print_line("  ".join(cells).rstrip())


def print_line(text: str) -> None:
    """One line of our own; characters that the output's encoding does not have are written as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def print_json(value: Any) -> None:
    """One object on one line, in ASCII: also JSON must not carry control characters to a terminal."""
    sys.stdout.write(json.dumps(value) + "\n")
