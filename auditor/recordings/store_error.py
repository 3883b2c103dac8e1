"""What goes wrong with a store, for all that use one; hosts have this without the stores."""

from recorder.errors import SessrecError


class StoreError(SessrecError):
    """The store cannot be opened, read or written; the text says what to do."""


class StoreUnavailableError(StoreError):
    """The store cannot be used now, and may be usable again without anything being done: whoever follows waits."""
