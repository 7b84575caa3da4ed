"""Students who did the work, each in another style.  All of them must get full marks."""

from grader.demo.answers import ANSWERS
from grader.demo.student import Student, answers, both, first


def right(lesson: str, full: float) -> list[Student]:
    """The students whose every answer is right."""
    ways = ANSWERS[lesson]
    return [
        Student("perfect", lambda n: None, full),
        Student("perfect_with_loops", answers(ways.loops), full),
        Student("perfect_other_formulas", answers(ways.other_formulas), full),
        Student("perfect_but_noisy", both(answers(ways.noisy), first("import torch\n" + NOISY_CELL)), full),
    ]


# Habits that cost points with other graders: output of every kind, warnings, threads, classes, magics, seeds, files.
NOISY_CELL = """
import logging, sys, threading, warnings
import numpy as np
%matplotlib inline
import matplotlib.pyplot as plt

warnings.warn("this is only a warning")
logging.getLogger().warning("and this is a log line")
print("debugging ...", file=sys.stderr)
torch.manual_seed(0)
np.random.seed(0)
COUNT = 0

class Coefficients:
    def __init__(self, a):
        self.signal, self.noise = a.sqrt(), (1 - a).sqrt()

def work():
    global COUNT
    COUNT += 1

threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
with open("notes.txt", "w") as file:
    file.write("a helper file")
plt.plot([1, 2, 3])
plt.show()
-3
"""
