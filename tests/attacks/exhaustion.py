"""Using up what there is: time, memory, processes, threads, disk, inodes, output, descriptors.  All bounded here."""

from grader.demo.student import answers, both, first
from tests.attacks.attack import OTHERS, Attack, runs

FAMILY: tuple[Attack, ...] = (
    runs("endless_loop", "a loop without end", "while True: pass"),
    runs("swallows_interrupts", "a loop that no exception ends", """
import signal
for n in (2, 14, 15, 24, 27): signal.signal(n, signal.SIG_IGN)
while True:
    try: pass
    except BaseException: pass
"""),
    runs("sleeps", "sleeps for a day", "import time; time.sleep(86400)"),
    runs("stops_itself", "stops instead of ending", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"),
    Attack("endless_function", "a function that never returns", answers({
        OTHERS[0].name: f"def {OTHERS[0].name.split('.')[1]}(*args):\n    while True: pass"})),
    runs("endless_c", "a loop in C that no signal handler reaches", "import re; re.match('(a+)+b', 'a' * 40)"),
    runs("exits", "ends the process", "import os; os._exit(0)"),
    runs("kills_its_group", "signals to its own process group, its parent and everybody", """
import os, signal, subprocess
for whom in (0, -1, os.getppid()):
    try: os.kill(whom, signal.SIGKILL)
    except OSError: pass
subprocess.run(["sh", "-c", "kill -9 0"])
"""),
    runs("crashes", "a segmentation fault", "import ctypes; ctypes.string_at(0)"),
    Attack("dies_every_time", "every cell ends the kernel", both(*[first("import os; os._exit(1)")] * 6)),
    runs("three_gigabytes", "three gigabytes in one piece", "x = bytearray(3 << 30)"),
    runs("memory_by_parts", "three gigabytes in small parts", "x = [bytearray(1 << 24) for _ in range(192)]"),
    runs("memory_by_children", "three gigabytes in twenty processes", """
import os, time
for _ in range(20):
    try: pid = os.fork()
    except OSError: break
    if pid == 0:
        x = bytearray(150 << 20); time.sleep(2); os._exit(0)
time.sleep(1)
"""),
    runs("memory_files", "three gigabytes in files that are only memory", """
import os
kept = 0
try:
    for _ in range(48):
        f = os.memfd_create("x")
        for _ in range(64): kept += os.write(f, bytes(1 << 20))
except OSError: pass
print("FOUND" if kept > 2 << 30 else kept)
"""),
    runs("shared_segments", "three gigabytes in segments that belong to no process", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
kept = 0
for _ in range(48):
    number = libc.shmget(0, 64 << 20, 0o1600)
    where = libc.shmat(number, None, 0) if number >= 0 else None
    if where in (None, 2 ** 64 - 1): break
    ctypes.memset(where, 1, 64 << 20); libc.shmdt(ctypes.c_void_p(where)); kept += 64 << 20
print("FOUND" if kept > 2 << 30 else kept)
"""),
    runs("message_queues", "kernel memory by message queues and semaphores", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(sum(libc.msgget(0, 0o1600) >= 0 for _ in range(1000)), sum(libc.semget(0, 100, 0o1600) >= 0 for _ in range(1000)))
"""),
    runs("twenty_processes", "twenty processes that each want twenty", """
import os, time
made = 0
for _ in range(20):
    try:
        if os.fork() == 0: time.sleep(60); os._exit(0)
        made += 1
    except OSError: break
print("FOUND" if made == 20 else made)
"""),
    runs("twenty_threads", "twenty threads", """
import threading, time
made = 0
try:
    for _ in range(20): threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); made += 1
except RuntimeError: pass
print("FOUND" if made == 20 else made)
"""),
    runs("disk", "half a gigabyte of files", """
kept = 0
try:
    for i in range(512): kept += open(f"/tmp/{i}.bin", "wb").write(bytes(1 << 20))
except OSError: pass
print("FOUND" if kept == 512 << 20 else kept)
"""),
    runs("one_file", "half a gigabyte in one file", """
try:
    with open("big", "wb") as f: print("FOUND" if [f.write(bytes(1 << 20)) for _ in range(512)] else 0)
except OSError as error: print(error)
"""),
    runs("shared_memory_disk", "half a gigabyte below /dev/shm", """
kept = 0
try:
    for i in range(512): kept += open(f"/dev/shm/{i}", "wb").write(bytes(1 << 20))
except OSError: pass
print("FOUND" if kept == 512 << 20 else kept)
"""),
    runs("inodes", "twenty thousand empty files", """
try:
    for i in range(20_000): open(f"/tmp/i{i}", "w").close()
    print("FOUND")
except OSError as error: print(error)
"""),
    runs("descriptors", "two thousand open files", """
try: kept = [open("/dev/null") for _ in range(2000)]; print("FOUND")
except OSError as error: print(error)
"""),
    runs("watches", "all the watches on files that a user may have on the machine", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
made = sum(libc.inotify_init1(0) >= 0 for _ in range(200))
print("FOUND" if made else made)
"""),
    runs("timers", "all the timers that a user may have on the machine", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
class Event(ctypes.Structure): _fields_ = [("value", ctypes.c_void_p), ("signal", ctypes.c_int), ("rest", ctypes.c_char * 64)]
timer, made = ctypes.c_void_p(), 0
while made < 2000 and libc.timer_create(1, ctypes.byref(Event(None, 10)), ctypes.byref(timer)) == 0: made += 1
print("FOUND" if made == 2000 else made)
"""),
    runs("output", "two hundred megabytes of output", "for _ in range(200): print('x' * 1_000_000)"),
    runs("many_outputs", "twenty thousand outputs", "for i in range(20_000): display(i)"),
    runs("error_text", "an error of fifty megabytes", "raise ValueError('x' * 50_000_000)"),
    Attack("output_of_many_cells", "sixty cells, each with as much output as a cell may have",
           both(*[first("print('y' * 2_000_000)")] * 60)),
    Attack("a_thousand_cells", "a thousand cells", both(*[first("pass")] * 1000)),
)  # fmt: skip
