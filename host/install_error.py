"""What the installer raises."""

from recorder.errors import SessrecError


class InstallError(SessrecError):
    """It cannot be done; the text says why and what to do."""
