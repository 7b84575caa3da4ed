"""Hostile submissions to lesson 02, as their authors would write them, and honest ones beside them.

One module per family, each a tuple of short entries.  `arena.py` grades them all in one batch, `verdicts.py` says of
each whether it gained, leaked or harmed anything, and `python -m tests.attacks` prints the table of docs/security.md.
"""
