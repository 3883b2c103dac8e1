"""FreeIPA's commands in this process, on the directory server alone: nothing else of the server runs here."""

import pytest
from ipalib import api


@pytest.fixture(scope="session", autouse=True)
def commands():
    """FreeIPA's commands as root, who is the directory's manager over its local socket."""
    api.bootstrap(context="server", in_server=True, confdir="/etc/ipa", log=None)
    api.finalize()
    api.Backend.ldap2.connect()
    return api.Command
