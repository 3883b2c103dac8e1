"""FreeIPA's own test runner, on the server: tests of our commands, written as FreeIPA writes its own, and those of
FreeIPA's that live by the same rules."""

from pathlib import Path

import pytest

from integration.machine import Machine

OURS = Path(__file__).parent / "ipatests"
TESTS = "/usr/lib/python3/dist-packages/ipatests/test_xmlrpc"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def runner(server: Machine) -> Machine:
    # The runner takes itself to be in FreeIPA's source tree and looks for these in the home directory.
    server.run("sh", "-c", "mkdir -p .ipa && cp /etc/ipa/default.conf /etc/ipa/ca.crt .ipa/")
    for path in OURS.glob("*.py"):
        server.copy_in(path, f"{TESTS}/{path.name}")
    return server


def test_our_commands_pass_declarative_tests(runner):
    passed(runner, *(f"test_xmlrpc/{path.name}" for path in sorted(OURS.glob("test_*.py"))))


def test_the_commands_that_ours_resemble_pass_the_tests_of_freeipa(runner):
    passed(runner, *(f"test_xmlrpc/test_{name}_plugin.py" for name in ("hbac", "hbactest", "selinuxusermap")))


def passed(runner: Machine, *files: str) -> None:
    """They ran and none failed; what the runner said otherwise."""
    done = runner.run("ipa-run-tests", "-q", "--no-header", *files, principal="admin", check=False, timeout=800)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
