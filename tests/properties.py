"""Settings of the property tests: no time limit, since no test of ours is timed, and the same examples everywhere.

A run that must say the same on every machine cannot look for new examples.
`DIFFKIT_FUZZ=2000 make test ARGS="-k fuzz"` does: so many for each property, other ones each time.
"""

import os

from hypothesis import settings

MORE = int(os.environ.get("DIFFKIT_FUZZ", "0"))
settings.register_profile("diffkit", deadline=None, derandomize=not MORE, max_examples=MORE or 100)
settings.load_profile("diffkit")
