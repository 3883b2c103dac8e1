"""Where two words meet, as words of the index: what finds a phrase without looking at every line that has its words.

A joint is the end of one word and the beginning of the next, `ound|in_t`, for lines and phrases alike, so that the
parts of words that a phrase begins and ends with do not matter. The index of positions that Elasticsearch has could
say the same of whole words only.
"""

from collections.abc import Iterator

from auditor.words import neighbours

LENGTH = 4
"""Characters of either word."""

MIDDLE = "|"
"""A separator of words, so that no word looks like a joint."""


def joints(folded: str) -> set[str]:
    """Those of a folded line."""
    return {f"{left[-LENGTH:]}{MIDDLE}{right[:LENGTH]}" for left, right in neighbours(folded)}


def wanted(term: str) -> Iterator[tuple[str, str, str]]:
    """For each joint of a folded term: "*" or nothing, the joint that lines with the term have, "*" or nothing.

    A star stands for what a line may have more of the word there, where that would be part of the joint.
    """
    pairs = neighbours(term)
    for number, (left, right) in enumerate(pairs):
        # Only the first and the last word of a term may be parts of longer ones.
        before = "*" if number == 0 and len(left) < LENGTH and term.startswith(left) else ""
        after = "*" if number == len(pairs) - 1 and len(right) < LENGTH and term.endswith(right) else ""
        yield before, f"{left[-LENGTH:]}{MIDDLE}{right[:LENGTH]}", after
