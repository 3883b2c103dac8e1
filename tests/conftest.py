"""How property tests search: the same examples in every `make test`, new ones in every round of `make fuzz`."""

import os

from hypothesis import settings

# No deadline: a machine that is busy with something else is not a fault of the code.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
