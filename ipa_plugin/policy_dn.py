"""Distinguished names as RFC 4514 writes them, read without a library: python-ldap need not be where policies are."""

import re

Rdn = tuple[str, str]
"""(attribute in lower case, value). Where "+" joins several into one, both are joined by "+"."""

_CHARACTER = r'(?:[^\\",+<>;\0 ]|\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\]))'
_RDN = re.compile(rf" *([A-Za-z0-9.-]+) *= *((?!#){_CHARACTER}+(?: +{_CHARACTER}+)*) *([,+]|\Z)")
_ESCAPE = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)")


def rdns_of(dn: str) -> list[Rdn]:
    """The parts of a DN, its entry's own first. Spaces around separators do not count, as in RFC 2253.

    Raises ValueError for what is not a DN, and for forms that directory servers do not write: quoted values, ";"
    between parts, an empty value, a value in hexadecimal BER.
    """
    rdns: list[Rdn] = []
    at, separator = 0, ","
    while separator:
        found = _RDN.match(dn, at)
        if found is None:
            raise ValueError("not a distinguished name as RFC 4514 writes it")
        attribute, value = found[1].lower(), _unescaped(found[2])
        if separator == "+":
            joined = rdns.pop()
            attribute, value = f"{joined[0]}+{attribute}", f"{joined[1]}+{value}"
        rdns.append((attribute, value))
        at, separator = found.end(), found[3]
    return rdns


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    # A pair of digits is a byte of UTF-8: a character may be several pairs.
    return _ESCAPE.sub(lambda escape: escape[2] or bytes.fromhex(escape[1].replace("\\", "")).decode(), value)
