"""A made-up class: right answers, wrong ones, accidents and cheats, graded for real.  `python -m grader.demo`."""
