"""What tells how far a run is."""

import sys
import threading

from grader.meter import Bar


def test_a_bar_starts_no_thread_since_with_one_no_worker_is_forked(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    before = threading.active_count()
    bar = Bar()
    bar.total(2)
    assert threading.active_count() == before
    bar.step()
    bar.step()
    assert "2/2" in capsys.readouterr().err


def test_without_a_terminal_there_is_a_line_for_every_event(capsys) -> None:
    bar = Bar()
    bar.total(1)
    bar.line("judged ada")
    bar.step()
    assert capsys.readouterr().err == "judged ada\n"
