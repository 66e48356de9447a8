"""A kernel as an ordinary child process, for the tests beside the kernels: what the host does, without its distrust."""
import json
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
import unittest

PATIENCE_S = 60  # for one event; no test measures time by it


class Ran:
    """What one cell gave."""

    def __init__(self):
        self.events, self.out, self.err = [], "", ""

    def of(self, kind):
        return [event for event in self.events if event["type"] == kind]

    @property
    def status(self):
        return self.events[-1]["status"]

    @property
    def exit_code(self):
        return self.events[-1].get("exit_code")

    @property
    def results(self):
        return [event["data"] for event in self.of("result")]

    @property
    def main(self):
        """The value of the cell's last expression as text."""
        return next((event["data"]["text/plain"] for event in self.of("result") if event["is_main"]), None)

    @property
    def error(self):
        return next(iter(self.of("error")), None)


class Died(Exception):
    pass


def is_gone(process, patience=1000):
    """Whether it has ended within the patience of a test; a zombie has."""
    for _ in range(patience):
        try:
            with open("/proc/%d/stat" % process) as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


class KernelProcess:
    def __init__(self, command, environment=None, folder=None):
        self.folder = tempfile.TemporaryDirectory() if folder is None else None
        events, writes = os.pipe()

        def give_events():
            os.dup2(writes, 3)

        base = {"PATH": "/usr/bin:/bin", "HOME": folder or self.folder.name, "LANG": "C.UTF-8"}
        # The descriptor is 3 or higher here, and passed as 3 there.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=give_events, pass_fds=(3,), cwd=folder or self.folder.name,
                                        env={**base, **(environment or {})})
        os.close(writes)
        self.follow(events)

    def follow(self, events):
        """Reads what self.process says from now on."""
        self.events, self.rest, self.next_id = events, b"", 0
        self.lock = threading.Lock()
        self.texts = {"out": b"", "err": b""}
        self.readers = [threading.Thread(target=self.drain, args=pair, daemon=True)
                        for pair in (("out", self.process.stdout), ("err", self.process.stderr))]
        for reader in self.readers:
            reader.start()
        try:
            self.ready = self.event()
        except Died:
            self.ready = None

    def drain(self, name, stream):
        while True:
            select.select([stream], [], [])
            with self.lock:  # what is out of the pipe is in the text
                piece = os.read(stream.fileno(), 1 << 16)
                self.texts[name] += piece
            if not piece:
                return

    def has_event(self, patience):
        return b"\n" in self.rest or bool(select.select([self.events], [], [], patience)[0])

    def event(self):
        while b"\n" not in self.rest:
            if not self.has_event(PATIENCE_S):
                raise AssertionError("no event in %d s" % PATIENCE_S)
            piece = os.read(self.events, 1 << 20)
            if not piece:
                raise Died
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        self.last_line = line
        return json.loads(line)

    def send(self, request):
        line = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def begin(self, code, **fields):
        self.next_id += 1
        self.send({"op": "run", "id": self.next_id, "code": code, **fields})
        begun = self.event()
        assert begun["type"] == "begin" and begun["id"] == self.next_id, begun
        return begun

    def end(self):
        ran = Ran()
        while not ran.events or ran.events[-1]["type"] != "end":
            ran.events.append(self.event())
            assert ran.events[-1]["id"] == self.next_id, ran.events[-1]
        # Whatever the cell wrote is in the pipes when its end is told; the threads here may need a moment to read it.
        self.settle()
        ran.out, ran.err = self.take("out"), self.take("err")
        return ran

    def run(self, code, **fields):
        self.begin(code, **fields)
        return self.end()

    def settle(self):
        for stream in (self.process.stdout, self.process.stderr):
            while self.process.poll() is None:
                with self.lock:
                    if not select.select([stream], [], [], 0)[0]:
                        break
                time.sleep(0.001)

    def take(self, name):
        with self.lock:
            text, self.texts[name] = self.texts[name], b""
        return text.decode("utf-8", "replace")

    def wait_for_output(self, text, name="out"):
        until = time.monotonic() + PATIENCE_S
        while text.encode() not in self.texts[name]:
            assert time.monotonic() < until, "the cell has not printed %r" % text
            time.sleep(0.002)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def close(self):
        if self.process.poll() is None:
            try:
                self.send({"op": "stop"})
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        code = self.process.wait()
        if self.events is None:
            return code
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        for reader, stream in zip(self.readers, (self.process.stdout, self.process.stderr)):
            reader.join(1)  # a program that outlived the kernel holds the pipe
            if not reader.is_alive():
                stream.close()
        os.close(self.events)
        self.events = None
        if self.folder:
            self.folder.cleanup()
        return code


class OneKernelCase(unittest.TestCase):
    """One kernel of `command` for all cases of a class."""

    command = None

    @classmethod
    def setUpClass(cls):
        cls.kernel = KernelProcess(cls.command, {"FROM": "outside"})
        cls.addClassCleanup(cls.close)

    @classmethod
    def close(cls):
        code = cls.kernel.close()
        assert code == 0, "a kernel that is told to stop ends with %d" % code

    def run_cell(self, code, **fields):
        return self.kernel.run(code, **fields)
