"""`grader grade LESSON --regrade`: after a check was mended."""

import argparse

from grader.text import shown


def run(options: argparse.Namespace) -> int:
    """Grade again, and say who gains or loses.  Returns 1 if something could not be judged."""
    from grader.meter import Bar
    from grader.regrade import change_table, regrade

    done = regrade(
        options.root.resolve(),
        options.lesson,
        dry_run=options.dry_run,
        workers=options.workers,
        mode=options.sandbox,
        feedback=not options.no_feedback,
        executor=options.executor,
        meter=Bar(),
    )
    print(change_table(done.changes))
    judged = "would be judged again" if options.dry_run else "were judged again"
    print(f"{len(done.judged)} {judged}, {len(done.same)} are as they were and were not touched")
    if done.new:
        print(f"not graded yet: {_names(done.new)}. Run `grader grade {options.lesson}`")
    if done.refused:
        print(f"cannot be graded as they are, `grader grade` says why: {_names(done.refused)}")
    for student, problem in done.problems.items():
        print(f"{shown(student)}: {problem}")
    if options.dry_run:
        print("nothing was entered: run the command without --dry-run")
    return int(bool(done.problems))


def _names(students: list[str]) -> str:
    return ", ".join(map(shown, students))
