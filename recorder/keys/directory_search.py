"""A search in FreeIPA's directory with the Kerberos ticket of whoever runs it.

`python3 directory_search.py SERVER BASE FILTER ATTRIBUTE...` prints JSON: a list of [DN, {ATTRIBUTE: [VALUE...]}],
each VALUE in base64. BASE is below the directory's own, as `cn=keys,cn=session-recording`. On an error it prints one
line to standard error, and the exit status is 1. It needs python-ldap, which every enrolled machine has for the
system's interpreter, and imports nothing else of ours, so that this can run it (`recorder.keys.host_directory`).
"""

import base64
import json
import sys
from collections.abc import Sequence

PATIENCE = 20.0
"""Seconds for each answer of the server."""
MIN_SSF = 56
"""Nobody on the way may change an answer: the connection is encrypted by Kerberos, or is none."""

Entry = tuple[str, dict[str, list[bytes]]]


class SearchError(Exception):
    """The directory cannot be asked; the text says what to do."""


def search(server: str, base: str, filter: str, attributes: Sequence[str]) -> list[Entry]:
    """All entries at and below `base`; none if it is not there. Raises SearchError, and ImportError without ldap."""
    import ldap
    import ldap.sasl

    try:
        connection = ldap.initialize(f"ldap://{server}")
        for option, value in (
            (ldap.OPT_NETWORK_TIMEOUT, PATIENCE),
            (ldap.OPT_TIMEOUT, PATIENCE),
            (ldap.OPT_REFERRALS, 0),
            # The server is who it is called here, not who some name server says it is.
            (ldap.OPT_X_SASL_NOCANON, ldap.OPT_ON),
            (ldap.OPT_X_SASL_SSF_MIN, MIN_SSF),
        ):
            connection.set_option(option, value)
        connection.sasl_interactive_bind_s("", ldap.sasl.gssapi())
        [(_, root)] = connection.search_s("", ldap.SCOPE_BASE, attrlist=["defaultNamingContext"])
        suffix = root["defaultNamingContext"][0].decode()
        found = connection.search_s(f"{base},{suffix}", ldap.SCOPE_SUBTREE, filter, list(attributes))
    except ldap.NO_SUCH_OBJECT:
        return []
    except ldap.SIZELIMIT_EXCEEDED as error:
        raise SearchError("the directory has more than it tells at once: name the hosts") from error
    except ldap.LDAPError as error:
        raise SearchError(
            f"{server} cannot be asked ({_reason(error)}): see with klist that there is a ticket"
        ) from error
    return [(dn, attributes) for dn, attributes in found if dn]


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return " ".join(str(said.get("info") or said.get("desc") or error).split())


def main(server: str, base: str, filter: str, *attributes: str) -> int:
    """The whole program."""
    try:
        found = search(server, base, filter, attributes)
    except (SearchError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    coded = [
        [dn, {name: [base64.b64encode(value).decode() for value in values] for name, values in entry.items()}]
        for dn, entry in found
    ]
    print(json.dumps(coded))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
