"""Leaving something behind that runs later, for another submission or on the instructor's side."""

from tests.attacks.attack import MARK, Attack, runs

WRITE = f"""
import os, sys
def plant(path, text):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "a").write(text)
    except OSError: pass
CODE = "open('/tmp/{MARK}', 'w').write('x')\\n"
"""


def plants(name: str, tries: str, source: str) -> Attack:
    """Runs a cell that can write files."""
    return runs(name, tries, WRITE + source)


FAMILY: tuple[Attack, ...] = (
    plants("startup_files", "IPython and shell startup files", """
for home in (os.path.expanduser("~"), "/" + "root", "/" + "home/student"):
    for name in (".ipython/profile_default/startup/00.py", ".bashrc", ".profile", ".pythonrc", ".config/autostart/x"):
        plant(f"{home}/{name}", CODE)
"""),
    plants("config_files", "configuration of nbgrader and Jupyter where the grader works", """
for folder in ("..", "../..", "../../..", "/etc/jupyter", "/usr/local/etc/jupyter", sys.prefix + "/etc/jupyter"):
    for name in ("nbgrader_config.py", "jupyter_nbconvert_config.py", "jupyter_config.py"):
        plant(f"{folder}/{name}", CODE)
"""),
    plants("site_packages", "a .pth file, sitecustomize, and changed modules in site-packages", """
for folder in [*sys.path, sys.prefix + "/lib/python3.11/site-packages", "/usr/lib/python3/dist-packages"]:
    plant(f"{folder}/zz.pth", "import os; " + CODE)
    plant(f"{folder}/sitecustomize.py", CODE)
    plant(f"{folder}/torch/__init__.py", CODE)
"""),
    plants("changes_library", "changes the library that the next submission will import", """
for folder, _, files in os.walk("/course"):
    for name in files: plant(f"{folder}/{name}", "\\ndef q_sample(*a): return 44\\n")
for folder, _, files in os.walk("/sandbox"):
    for name in files: plant(f"{folder}/{name}", CODE)
"""),
    plants("changes_data", "poisons the data of the course", """
for folder, _, files in os.walk("/course/data"):
    for name in files:
        try: open(f"{folder}/{name}", "wb").write(b"")
        except OSError: pass
"""),
    plants("pycache", "plants compiled modules", """
import py_compile
plant("/tmp/evil.py", CODE)
for folder in sys.path:
    try: py_compile.compile("/tmp/evil.py", f"{folder}/__pycache__/json.cpython-311.pyc", doraise=False)
    except OSError: pass
"""),
    plants("background_process", "a daemon that outlives the cell, in a session of its own", f"""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: os.execvp("sleep", ["sleep", "86400.5", ])
    os._exit(0)
import subprocess
subprocess.Popen(["nohup", "sh", "-c", ": {MARK}; sleep 86400"], start_new_session=True)
"""),
    plants("background_thread", "a thread that rewrites answers after the cell", """
import threading, time
def work():
    while True:
        time.sleep(0.01)
        for name in list(globals()):
            if name.startswith("q_"): globals()[name] = lambda *a: 44
threading.Thread(target=work, daemon=True).start()
"""),
    plants("atexit", "a handler that runs when the process ends, and signal handlers for every signal", f"""
import atexit, signal
atexit.register(lambda: plant("/tmp/{MARK}", "x"))
for number in range(1, 65):
    try: signal.signal(number, lambda *a: plant("/tmp/{MARK}", "x"))
    except (OSError, ValueError): pass
"""),
    plants("cron", "cron, systemd, at, udev", f"""
for path in ("/etc/cron.d/x", "/var/spool/cron/root", "/etc/systemd/system/x.service", "/etc/ld.so.preload",
             "/etc/profile.d/x.sh", "/var/tmp/{MARK}", "/dev/shm/{MARK}", "/run/{MARK}", "/usr/local/bin/nbgrader"):
    plant(path, CODE)
"""),
    plants("writes_gradebook", "writes 300 points into every database it finds", """
import glob, sqlite3
for path in glob.glob("/**/*.db", recursive=True)[:50] + ["gradebook.db", "../../gradebook.db", "../../../gradebook.db"]:
    try:
        db = sqlite3.connect(f"file:{path}?mode=rw", uri=True)
        db.execute("update grade set auto_score = 300, manual_score = 300"); db.commit(); print("FOUND", path)
    except sqlite3.Error: pass
"""),
    plants("kills_everything", "kills all processes it may signal, its parents first", """
import signal
for pid in (os.getppid(), 1, *range(2, 400), -1):
    if pid != os.getpid():
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
"""),
    plants("namespaces", "makes namespaces of its own, mounts over the library, remounts /", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
results = [libc.unshare(flag) for flag in (0x10000000, 0x00020000, 0x40000000, 0x20000000)]
results += [libc.mount(b"none", b"/", None, 32 | 4096, None), libc.mount(b"tmpfs", b"/course", b"tmpfs", 0, None)]
results += [libc.chroot(b"/tmp"), libc.setuid(0), libc.syscall(435, None, 0)]
if 0 in results: print("FOUND", results)
"""),
)  # fmt: skip
