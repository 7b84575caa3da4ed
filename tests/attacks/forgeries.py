"""Messages, replies, outputs and comms that claim success; and the protocol of the wire itself, broken."""

from tests.attacks.attack import Attack, returns, runs
from tests.sandbox_helpers import WIRE


def forged(name: str, tries: str, source: str) -> Attack:
    """Runs a cell that knows the wire."""
    return runs(name, tries, WIRE + source)


def answered(name: str, tries: str, source: str) -> Attack:
    """When asked, writes on the wire instead of returning."""
    return returns(name, tries, "lie(args)", WIRE + source)


MESSAGES: tuple[Attack, ...] = (
    runs("prints_a_verdict", "prints what a passing test would print", "print('44.0\\n**forward.q_sample**: 5 of 5')"),
    runs("displays_score", "displays a score as the value of a cell", "44.0"),
    runs("comm", "opens a comm to the front end", """
try:
    from ipykernel.comm import Comm
    Comm(target_name="jupyter.widget", data={"score": 44}).send({"score": 44})
except Exception as error: print(type(error).__name__)
"""),
    runs("kernel_reply", "sends an execute_reply through the kernel's own sockets", """
try:
    shell = get_ipython()
    shell.kernel.session.send(shell.kernel.iopub_socket, "execute_reply", {"status": "ok", "payload": []})
except Exception as error: print(type(error).__name__)
"""),
    runs("publishes_verdict", "publishes the Markdown of a verdict with the metadata of a test cell", """
from IPython.display import publish_display_data
publish_display_data({"text/markdown": "**forward.q_sample**: 5 of 5 points", "text/plain": "5"},
                     metadata={"nbgrader": {"grade_id": "forward-q_sample", "points": 5}})
"""),
    forged("reply_ahead", "answers the next hundred orders before they are given", """
for number in range(100):
    forge(frame({"number": number, "status": "ok", "outputs": [
        {"output_type": "execute_result", "data": {"text/plain": "44"}, "metadata": {"points": 44}}]}))
"""),
    forged("score_in_reply", "adds scores to the reply of a cell", """
kernel = sys.modules["cage.sandbox.inside.kernel"].Kernel
real = kernel._run
kernel._run = lambda self, order: {**real(self, order), "scores": {"forward-q_sample": 5}, "points": 44}
"""),
    forged("answers_for_the_fork", "does not fork, keeps the questions, answers them itself", """
import threading
kernel, wire = sys.modules["cage.sandbox.inside.kernel"].Kernel, sys.modules["cage.wire"]
def answer(questions):
    reader = wire.Reader(socket.socket(fileno=questions))
    while True:
        number = wire.decode(reader.frame(), refs=lambda *data: None)["number"]
        os.write(questions, frame({"kind": "value", "value": True, "number": number}))
def keep(self, order):
    threading.Thread(target=answer, args=socket.recv_fds(self.wire, 1, 1)[1], daemon=True).start()
kernel._fork = keep
"""),
    forged("answers_all_ahead", "answers a hundred questions before they are asked", """
kernel = sys.modules["cage.sandbox.inside.kernel"].Kernel
def keep(self, order):
    _, (questions,), _, _ = socket.recv_fds(self.wire, 1, 1)
    for number in range(100): os.write(questions, frame({"kind": "value", "value": True, "number": number}))
kernel._fork = keep
"""),
    forged("refuses_to_kill", "a fork is said to be killed and lives on", """
kernel = sys.modules["cage.sandbox.inside.kernel"].Kernel
kernel._kill = lambda self, order: {"exit": {"points": 44}}
"""),
)  # fmt: skip

PROTOCOL: tuple[Attack, ...] = (
    answered("pickle", "a pickle that runs a command where it is read", """
import pickle
class Run:
    def __reduce__(self): return os.system, ("touch /tmp/PWNED-5e1d",)
def lie(args): forge(raw(pickle.dumps(Run()))); time.sleep(9)
"""),
    answered("wrong_length", "a frame that promises four gigabytes", """
def lie(args): forge(b"\\xff\\xff\\xff\\xff" + b"x" * 1000); time.sleep(9)
"""),
    answered("half_a_frame", "a frame that never ends", """
def lie(args): forge(b"\\0\\0\\0\\x50abc"); time.sleep(9)
"""),
    answered("endless_stream", "bytes without end", """
def lie(args):
    for _ in range(2000): forge(bytes(2 ** 16))
"""),
    answered("nan_payload", "NaN, infinities and signalling bits in the raw data of a tensor", """
import numpy as np
def lie(args):
    t = torch.from_numpy(np.frombuffer(b"\\xff" * 8 * max(args[0].numel() if hasattr(args[0], "numel") else 1, 1),
                                       dtype=np.float64).copy())
    forge(frame({"kind": "value", "value": t})); time.sleep(9)
"""),
    answered("type_confusion", "every field of a reply has another type", """
replies = iter([{"kind": ["value"]}, {"kind": "value", "value": {"kind": "value"}}, {"kind": 1}, [1], None, 7, "value",
                {"kind": "raised", "type_name": 5, "message": [1], "line": "9", "source": {}}] * 20)
def lie(args): forge(frame(next(replies))); time.sleep(9)
"""),
    answered("replay", "sends the first question back as the answer to all", """
questions = sys.modules["cage.sandbox.inside.questions"]
def lie(args): forge(frame({"kind": "value", "value": [a for a in args if isinstance(a, torch.Tensor)]})); time.sleep(9)
"""),
    answered("looks_ahead", "reads the questions that wait behind this one and answers with what is in them", """
def lie(args):
    place, wire = sys._getframe(), sys.modules["cage.wire"]
    while type(place.f_locals.get("self")).__name__ != "Questions": place = place.f_back
    data, seen = bytes(place.f_locals["self"].frames._data), []
    while len(data) > 4:
        end = 4 + struct.unpack_from(">I", data)[0]
        seen += wire.decode(data[4:end], refs=lambda kind, data: data)["args"]
        data = data[end:]
    return ([a for a in seen if type(a) is type(args[0])] or [0])[-1]
"""),
    answered("bad_extension", "extension types of wrong lengths and unknown codes", """
def lie(args): forge(raw(b"\\xc7\\x05\\x01\\x09\\x10ab\\0")); time.sleep(9)
"""),
    answered("negative_shape", "a tensor whose shape is larger than its data", """
def lie(args):
    body = struct.pack("<BBQQ", 9, 2, 2 ** 33, 2 ** 31) + b"x" * 16
    forge(raw(b"\\x82\\xa4kind\\xa5value\\xa5value\\xc7" + bytes([len(body), 1]) + body)); time.sleep(9)
"""),
    answered("many_headers", "a message of nothing but headers of long lists", """
def lie(args): forge(raw(b"\\xdd\\xff\\xff\\xff\\xff" * 10_000)); time.sleep(9)
"""),
    answered("repeated_keys", "a dict that says `value` twice, once for each reader", """
def lie(args): forge(raw(b"\\x83\\xa4kind\\xa5value\\xa5value\\x01\\xa5value\\x02")); time.sleep(9)
"""),
    answered("sends_descriptors", "passes open descriptors to the grader", """
def lie(args):
    for n in wires():
        s = socket.socket(fileno=os.dup(n)); socket.send_fds(s, [b"x"] * 4, [0, 1, 2]); s.detach()
    time.sleep(9)
"""),
    answered("giant_call_back", "calls the function that was passed in with a number of a trillion", """
def lie(args): return [a(10 ** 12) for a in args if callable(a)]
"""),
    answered("infinite_call_back", "calls it with infinity, NaN, text, and a list of lists", """
def lie(args):
    for a in args:
        if callable(a):
            for value in (float("inf"), float("nan"), "9" * 5000, [[]], 2 ** 250, -1, None):
                try: a(value)
                except RuntimeError: pass
"""),
    answered("endless_call_backs", "calls it for ever", """
def lie(args):
    while True:
        for a in args:
            if callable(a): a(3)
        else: return None
"""),
    answered("heavy_call_backs", "calls it with a hundred thousand things each time, for whoever keeps them", """
def lie(args):
    for a in args:
        while callable(a): a(*[{}] * 90_000)
"""),
    answered("call_back_of_another", "calls a function that was never passed in", """
def lie(args):
    forge(frame({"kind": "callback", "number": 99, "args": (), "kwargs": {}})); time.sleep(9)
"""),
)  # fmt: skip
