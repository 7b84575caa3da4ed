"""How far a run is, for whoever watches."""

import sys

from tqdm import tqdm


class Meter:
    """Says nothing.  total: how many there will be; step: one is done; line: something worth a line."""

    def total(self, number: int) -> None:
        pass

    def step(self) -> None:
        pass

    def line(self, text: str) -> None:
        pass


SILENT = Meter()


class Bar(Meter):
    """On a terminal a bar with the time left; elsewhere, in a log say, a line for every event."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def total(self, number: int) -> None:
        if sys.stderr.isatty():
            tqdm.monitor_interval = 0  # its thread would keep workers from being forked: each would load all anew
            self._bar = tqdm(total=number, unit="submission", dynamic_ncols=True)

    def step(self) -> None:
        if self._bar is not None:
            self._bar.update()
            if self._bar.n == self._bar.total:
                self._bar.close()

    def line(self, text: str) -> None:
        if self._bar is None:
            print(text, file=sys.stderr)
