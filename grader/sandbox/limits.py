"""What one submission may use."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """A cell's and a call's seconds are of computing, so that a busy machine makes no difference.

    On the clock they may take `patience` times as long; the seconds of the whole submission are all of wall clock.
    Memory is per process, on top of what the preloaded libraries take; where control groups can be made, it bounds
    all processes together too, with room for files in /tmp and copied pages.
    """

    cell_seconds: float = 30
    call_seconds: float = 5
    patience: float = 4
    submission_seconds: float = 180  # cells, calls and replays together
    memory_bytes: int = 2048 * MIB
    processes: int = 64  # and threads
    file_bytes: int = 64 * MIB  # the largest file
    tmp_bytes: int = 256 * MIB  # all files together
    tmp_files: int = 16384
    open_files: int = 256
    output_bytes: int = MIB  # per cell
    all_output_bytes: int = 16 * MIB  # of all cells together
    reply_bytes: int = 64 * MIB  # the largest value that a function may return
    callbacks: int = 2000  # how often one call may ask for the functions that it was given
    restarts: int = 3  # fresh kernels after a cell or call that killed the old one

    @property
    def most_for_a_cell(self) -> float:
        """Seconds on the clock."""
        return self.patience * self.cell_seconds

    @property
    def most_for_a_call(self) -> float:
        """Seconds on the clock."""
        return self.patience * self.call_seconds
