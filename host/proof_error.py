"""What a proof raises."""

from recorder.errors import SessrecError


class ProofError(SessrecError):
    """Nothing is proven; the text says at which point, and what to look at."""
