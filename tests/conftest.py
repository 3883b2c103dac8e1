"""What tests share: an empty store, and how property tests search.

Those see the same examples in every `make test`, and new ones in every round of `make fuzz`.
"""

import os

import pytest
from hypothesis import settings

from tests.recordings import new_store

# No deadline: a machine that is busy with something else is not a fault of the code.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()
