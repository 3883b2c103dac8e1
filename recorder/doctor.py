"""What is wrong on a machine, and which command mends it: what the parts of session recording that are here find.

Each part has a module with `present() -> bool` and `findings() -> Iterator[Finding]`, which is imported only where
that part is installed. Up to `present` it must do with the standard library: the code of a part may lie where the
part is not set up, without what it needs.
"""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from recorder.errors import SessrecError

LEVELS = ("ok", "warning", "critical")
"""From the best to the gravest; the exit status for monitoring is the place in it."""

PARTS = {"host": "host.doctor", "auditor": "auditor.doctor", "server": "ipa_plugin.doctor"}
"""A recorded host, a machine of auditors', a FreeIPA server."""

BY_PIP = {"re2": "python3 -m pip install --target /usr/local/lib/session-recording google-re2"}
"""What no distribution has, and how it comes to the place where the installed command looks for it."""


class UnknownError(SessrecError):
    """Nobody can say what is wrong; the text says why."""

    exit_status = len(LEVELS)
    """As monitoring has it for what it does not know."""


class Finding(NamedTuple):
    """`level` is one of LEVELS. `text` says what is, and `command` mends it, or shows what else has to be done; "" of
    what is well."""

    part: str
    name: str
    level: str
    text: str
    command: str = ""


def examined(parts: dict[str, str] = PARTS) -> Iterator[Finding]:
    """All findings of the parts that are set up here. Raises UnknownError where there is none."""
    none = True
    for part, name in parts.items():
        module = _loaded(name)
        if module is not None and module.present():
            none = False
            yield from _findings(part, module)
    if none:
        raise UnknownError(
            "no part of session recording is set up here; a recorded host is made by: sessrec host install"
        )


def _loaded(name: str) -> ModuleType | None:
    """The module of a part; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in (name, name.partition(".")[0]):
            return None
        raise


def _findings(part: str, module: ModuleType) -> Iterator[Finding]:
    """Those of a part; where it cannot work without another package, that."""
    try:
        yield from module.findings()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        command = BY_PIP.get(package, f"apt-get install python3-{package}")
        yield Finding(part, "python", "critical", f"the Python package '{package}' is not installed", command)
