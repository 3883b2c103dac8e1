"""What tests share: an empty store, and how property tests search.

Those see the same examples in every `make test`, and new ones in every round of `make fuzz`.
"""

import os
import signal

import pytest
from hypothesis import settings

from tests.recordings import new_store

pytest_plugins = ["tests.elasticsearch_node.fixtures"]

# No deadline: a machine that is busy with something else is not a fault of the code.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Started by nohup or in the background these are ignored, and every session that a test starts would inherit it.
for number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["sqlite", "elasticsearch"])
def store(request, tmp_path):
    """An empty store, of either kind: what is true of the one is true of the other."""
    if request.param == "elasticsearch":
        from auditor.elasticsearch.store import ElasticsearchStore

        store = ElasticsearchStore(request.getfixturevalue("elasticsearch_address"))
    else:
        store = new_store(tmp_path)
    yield store
    store.close()
