"""Where two words meet, as words of the index: what finds a phrase without looking at every line that has its words.

A joint is the end of one word and the beginning of the next, `und|in_`, for lines and phrases alike, so that the
parts of words that a phrase begins and ends with do not matter. The index of positions that Elasticsearch has could
say the same of whole words only.
"""

from typing import NamedTuple

from auditor.query.words import neighbours

LENGTH = 3
"""Characters of either word."""

MIDDLE = "|"
"""A separator of words, so that no word looks like a joint."""


class Wanted(NamedTuple):
    """What a line has among its joints that has a term in it: all of `whole`, and one that begins with `beginning`,
    unless that is empty. `first`, `last`: this says of the term's first and last word what can be said of them."""

    whole: list[str]
    beginning: str
    first: bool
    last: bool


def joints(folded: str) -> set[str]:
    """Those of a folded line."""
    return {_joint(left, right) for left, right in neighbours(folded)}


def wanted(term: str) -> Wanted:
    """For a folded term, whose first and last word may be parts of longer ones."""
    pairs = neighbours(term)
    whole = []
    beginning = ""
    first = last = False
    for number, (left, right) in enumerate(pairs):
        is_first = number == 0 and term.startswith(left)
        is_last = number == len(pairs) - 1 and term.endswith(right)
        if is_first and len(left) < LENGTH:
            continue  # the line may have any letters before it in the joint
        if is_last and len(right) < LENGTH:
            beginning = _joint(left, right)
        else:
            whole.append(_joint(left, right))
        first, last = first or is_first, last or is_last
    return Wanted(whole, beginning, first, last)


def _joint(left: str, right: str) -> str:
    return f"{left[-LENGTH:]}{MIDDLE}{right[:LENGTH]}"
