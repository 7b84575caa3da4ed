"""Looking for what is secret: references, other submissions, the course's key, the machine."""

from grader.demo.student import answers, both
from tests.attacks.attack import Attack, last, returns, runs

FIND = """
import glob, os, sys
def show(*patterns, most=300):
    for pattern in patterns:
        for path in glob.glob(pattern, recursive=True, include_hidden=True)[:most]:
            try: text = open(path, errors="replace").read(200_000)
            except OSError: continue
            if "CANARY" in text: print("FOUND", path, text)
"""

FAMILY: tuple[Attack, ...] = (
    runs("files_of_the_course", "reads solutions, gradebook, submissions and key from wherever they may lie", FIND + """
system = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr"}
show("../**/*", "../../**/*", *(f"/{name}/**/*" for name in sorted(set(os.listdir("/")) - system)))
"""),
    runs("named_files", "reads files whose full names it was told", FIND + "show(*open('paths.txt').read().split())",
         files={"paths.txt": b"@paths"}),
    runs("shell", "the same with find and grep", "!find / -xdev -newer /usr/bin/env -type f 2>/dev/null | head -300 | "
         "xargs grep -l CANARY 2>/dev/null"),
    runs("environment", "reads the environment, its own and that of every process", FIND + """
print({k: v for k, v in os.environ.items()})
show("/proc/*/environ", "/proc/*/cmdline")
!env; cat /proc/1/environ
"""),
    runs("proc_memory", "reads the memory of other processes", """
import os
for pid in [1, os.getppid(), *range(2, 300)]:
    for name in ("maps", "mem", "environ", "root/etc/passwd", "cwd", "fd"):
        try: print(pid, name, open(f"/proc/{pid}/{name}", "rb").read(4096))
        except OSError: pass
"""),
    runs("ptrace", "attaches to every process it can name", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print([p for p in range(1, 3000) if p != os.getpid() and libc.ptrace(16, p, 0, 0) == 0])
"""),
    runs("process_vm", "reads its parent's memory with process_vm_readv", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 4096)
far = (ctypes.c_void_p * 2)(id(object()), 4096)
print([libc.process_vm_readv(p, vector, 1, far, 1, 0) for p in (1, os.getppid())], b"CANARY" in buffer.raw)
"""),
    runs("open_descriptors", "reads whatever is still open", """
import os
for n in range(3, 1024):
    try: print(n, os.readlink(f"/proc/self/fd/{n}") if os.path.exists("/proc/self/fd") else "", os.pread(n, 9999, 0))
    except OSError: pass
"""),
    runs("stack_frames", "walks the stack and all threads for a reference", """
import sys, threading
for frame in sys._current_frames().values():
    while frame:
        for name, value in list(frame.f_locals.items()):
            if "-esruoc-eht-fo-yranac"[::int("-1")] in repr(value)[:10_000] or name in ("exercise", "reference", "expected"): print("FOUND", name)
        frame = frame.f_back
"""),
    runs("collector", "asks the garbage collector for everything there is", """
import gc
gc.unfreeze()
for o in gc.get_objects():
    if type(o) in (dict, tuple, list) or type(o).__name__ in ("Exercise", "Misconception", "Case"):
        try: text = repr(o)
        except BaseException: continue
        if "-esruoc-eht-fo-yranac"[::int("-1")] in text or type(o).__name__ in ("Exercise", "Case"): print("FOUND", text[:5000])
"""),
    returns("tracing", "traces its own caller to see the expected value", "SEEN[-1] if SEEN else None", """
import sys
SEEN = []
def tracer(frame, event, arg):
    for name in ("expected", "want", "reference"):
        if name in frame.f_locals: SEEN.append(frame.f_locals[name]); print("FOUND", name)
    return tracer
sys.settrace(tracer); sys.setprofile(tracer)
"""),
    returns("library", "asks the library for the answer", "ask(args)", """
def ask(args):
    import diffkit.forward as forward, diffkit.schedule as schedule, diffkit.gaussian as gaussian
    for call in (lambda: schedule.linear(*args).beta, lambda: schedule.cosine(*args).beta,
                 lambda: schedule.Schedule(args[0]).alpha_bar, lambda: schedule.from_alpha_bar(args[0]).snr,
                 lambda: forward.q_sample(schedule.from_alpha_bar(args[2]), args[0], args[1], noise=args[3])):
        try: return call()
        except Exception: pass
"""),
    runs("original_library", "imports the complete library from elsewhere", """
import importlib, os, sys
for root in ("/usr/lib", sys.prefix, sys.base_prefix, "/sandbox", "/course", "/tmp", os.getcwd()):
    for folder, _, files in os.walk(root):
        if folder.count("/") > 8: continue
        if "exercise.py" in files and "verdict.py" in files or folder.endswith("diffkit/equations"):
            print("FOUND", folder)
for name in ("grader.exercises", "grader.verdict", "diffkit.equations.forward", "diffkit.elbo", "solutions"):
    try: importlib.import_module(name); print("FOUND", name)
    except ImportError: pass
"""),
    runs("stripped_bodies", "looks for the removed bodies in code objects and caches", """
import diffkit.schedule as s, dis, glob, inspect
print(inspect.getsource(s.linear))
dis.dis(s.linear)
print(glob.glob("/course/**/*.pyc", recursive=True))
"""),
    runs("loopback", "connects to every port that the grader may have opened", """
import socket
for port in [*range(1, 65536, 257), int(open("port.txt").read())]:
    for host in ("127.0.0.1", "::1", "localhost"):
        try: socket.create_connection((host, port), timeout=0.05).sendall(b"stolen"); print("FOUND", port)
        except OSError: pass
""", files={"port.txt": b"@port"}),
    runs("abstract_socket", "connects to sockets without a file", """
import socket
for name in ("\\0CANARY-socket", "\\0/tmp/dbus", "\\0/tmp/.X11-unix/X0"):
    s = socket.socket(socket.AF_UNIX)
    try: s.connect(name); print("FOUND", name)
    except OSError: pass
"""),
    runs("kernel_keys", "reads the session's keyring", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
key = libc.syscall(250, 10, -3, b"user", b"CANARY-key", 0)
print(key, libc.syscall(250, 11, key, buffer, 4096, 0), buffer.raw.rstrip(b"\\0"))
"""),
    runs("shared_memory", "reads System V segments, queues and /dev/shm", FIND + """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print([i for i in range(64) if libc.shmat(i, None, 0) not in (-1, 0xffffffff)])
show("/dev/shm/**/*", "/dev/mqueue/*")
"""),
    Attack("hidden_inputs", "keeps the inputs that it was asked on, and prints them in the last cell", both(
        answers({"forward.q_sample": """
def q_sample(*args):
    with open("kept.txt", "a") as file: file.write(f"{args}\\n")
    return args[0]
"""}), last("print(open('kept.txt').read()[:2000])"))),
    runs("other_tmp", "looks for other submissions in /tmp and for their processes", FIND + """
import os
show("/tmp/**/*", "/var/tmp/**/*", "/dev/shm/*")
print([p for p in range(1, 4000) if p != os.getpid() and os.path.exists(f"/proc/{p}/cwd")])
!ls -laR /tmp | head -50
"""),
    runs("mounts", "looks for a way back to the machine's own root", """
import os
own = os.path.join("/sandbox", "root")
for place in (*(os.path.join("/proc", pid, "root", "..") for pid in ("1", "self")), "/oldroot", "/.oldroot", own,
              os.path.join("/sandbox", "scratch"), "/.."):
    try: print(place, sorted(os.listdir(place)))
    except OSError as error: print(place, error.errno)
print(os.path.exists(os.path.join(own, "home")), os.path.exists("/proc/self/mountinfo"))
"""),
)  # fmt: skip
