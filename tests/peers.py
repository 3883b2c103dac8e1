"""Programs that judge us: present, or the test is skipped on a newcomer's machine and fails in CI."""

import os
import shutil
from typing import NoReturn

import pytest


def needs(*programs):
    """Decorator: the test runs where every one of `programs` is on the PATH."""
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return lambda test: test
    reason = f"{', '.join(missing)} not installed: apt-get install it (make test does so as root)"
    if os.environ.get("CI") == "true":
        return lambda test: _failing(test, reason)
    return pytest.mark.skip(reason=reason)


def unavailable(reason: str) -> NoReturn:
    """What a test needs is not here: it is skipped on a newcomer's machine, and fails in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _failing(test, reason):
    def fails(*args, **kwargs):
        pytest.fail(reason)

    fails.__name__ = test.__name__
    return fails
