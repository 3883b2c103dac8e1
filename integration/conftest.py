"""The machines of the lab that is running."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from integration.login import Logins
from integration.machine import LAB, Machine
from integration.ssh import Ssh

# These run in the lab's server, not here.
collect_ignore = ["directory", "ipatests"]


def pytest_sessionstart() -> None:
    """Say in one line what to do, rather than fail in every test."""
    if os.geteuid() != 0:
        pytest.exit("these tests need root, for the lab: sudo make integration", 2)
    done = subprocess.run([LAB, "run", "server", "true"], capture_output=True, text=True)
    if done.returncode:
        pytest.exit(done.stderr.strip(), 2)


@pytest.fixture(scope="session")
def server() -> Machine:
    """The FreeIPA server, with session recording."""
    return Machine("server")


@pytest.fixture(scope="session")
def client() -> Machine:
    """The enrolled host, with session recording."""
    return Machine("client")


@pytest.fixture(scope="session")
def ssh(server: Machine, client: Machine) -> Iterator[Ssh]:
    """Logins on the client."""
    made = Ssh(server, client)
    yield made
    made.close()


@pytest.fixture(scope="session")
def logins(client: Machine, server: Machine, ssh: Ssh) -> Logins:
    """Ways into the client, on terminals and without, by users whose own shell is bash."""
    for user in ("alice", "bob"):
        server.ipa("user-mod", user, "--shell=/bin/bash", check=False)
    # What SSSD knows of them already it would not ask for again for an hour and a half.
    forget = "rm -f /var/lib/sss/db/cache_* /var/lib/sss/db/timestamps_* /var/lib/sss/mc/*"
    client.run("sh", "-c", f"systemctl stop sssd; {forget}; systemctl start sssd; until id bob; do sleep 0.2; done")
    return Logins(client)
