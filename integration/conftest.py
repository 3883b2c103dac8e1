"""The machines of the lab that is running."""

import os
import subprocess

import pytest

from integration.machine import LAB, Machine

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
    """The enrolled host."""
    return Machine("client")
