"""Load all of FreeIPA's commands, with plugins of ours that are not installed yet; for `install_server.load_plugins`.

`python3 -m ipa_plugin.install_check DIRECTORY NAMES WITHOUT`: the plugins' directory, and two lists of module names,
comma-separated: those to load from it, and those of the server's to leave out. Prints the permissions that our
plugins declare, as JSON in one line.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import ipaserver.plugins
from ipalib import api
from ipalib.plugable import find_modules_in_dir
from ipapython.dn import DN


def main(directory: str, names: list[str], without: list[str]) -> None:
    """Raises whatever a plugin raises."""
    package = ipaserver.plugins
    (home,) = package.__path__
    package.__path__.insert(0, directory)
    package.modules = sorted({*find_modules_in_dir(home), *names} - {*without})
    # Names of its own instead of the server's: there are none before ipa-server-install.
    api.bootstrap(
        context="server",
        in_server=True,
        confdir="/nonexistent",
        log=None,
        plugins_on_demand=False,
        host="ipa.example.test",
        domain="example.test",
        realm="EXAMPLE.TEST",
        basedn=DN("dc=example,dc=test"),
    )
    api.finalize()
    print(json.dumps(list(permissions(names)), sort_keys=True, default=_plain))


def permissions(names: list[str]) -> Iterator[tuple[str, str, Any]]:
    """(module, class, permissions) of every class in these modules that declares some."""
    for name in names:
        module = sys.modules[f"ipaserver.plugins.{name}"]
        for value in vars(module).values():
            if getattr(value, "__module__", "") == module.__name__ and "managed_permissions" in vars(value):
                yield name, value.__name__, value.managed_permissions


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


if __name__ == "__main__":
    main(sys.argv[1], *(argument.split(",") if argument else [] for argument in sys.argv[2:4]))
