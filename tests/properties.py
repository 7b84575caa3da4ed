"""Settings of the property tests: importing this turns off the time limit, since no test of ours is timed."""

from hypothesis import settings

settings.register_profile("diffkit", deadline=None)
settings.load_profile("diffkit")
