"""That a request which changes something was meant: it carries a token which only our own pages know."""

import hmac
from collections.abc import Mapping

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

FIELD = "csrf"
HEADER = "x-csrf-token"


def is_meant(token: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether the request comes from a page of the session whose token is given; `headers` by lower-case name."""
    # Every present browser says so; what says nothing has to have the token all the same.
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    given = headers.get(HEADER) or form.get(FIELD) or ""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())
