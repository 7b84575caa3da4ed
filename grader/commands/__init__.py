"""Commands of `grader` besides grading itself, one per file."""
