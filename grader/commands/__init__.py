"""The commands of `grader`, one per file."""
