# An interpreter that keeps its state from cell to cell: python3 kernel.py. ../README.md has the protocol.
# This part is compiled at every start, so it imports only what is built in. The other parts, PARTS,
# are read now, because user code may delete them, and compiled when first needed.
import _signal
import builtins
import fcntl
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
PARTS = ("rich", "shows", "charts", "magics", "failures", "ipython")
OWN_FILES = tuple(os.path.join(FOLDER, name + ".py") for name in ("kernel",) + PARTS)
EVENT_LIMIT = 10 << 20     # bytes of one event
SOURCES_LIMIT = 32 << 20   # characters of cells whose text is kept for tracebacks
LIMIT_MAX = 1 << 40        # ms
AGAIN_S = 0.1              # a cell that swallows the end of its time is told again this often
ONLY_AST, TOP_LEVEL_AWAIT, IS_COROUTINE = 0x400, 0x2000, 0x80
PLAIN = (int, float, str, bool, bytes, complex, type(None))

try:
    import _json

    class _Context:
        strict, object_hook, object_pairs_hook, parse_float, parse_int, parse_constant, memo = False, None, None, float, int, None, {}

    quote, scan = _json.encode_basestring_ascii, _json.make_scanner(_Context)
except (ImportError, AttributeError):  # another python than CPython
    import json
    quote, scan = json.encoder.py_encode_basestring_ascii, json.JSONDecoder().scan_once


class CellTimeout(BaseException):
    """The time of the cell is over. Not an Exception, so that `except Exception` lets it through."""


CellTimeout.__name__ = CellTimeout.__qualname__ = "TimeoutError"
CellTimeout.__module__ = "builtins"


def encode(value):
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{" + ",".join([quote(key) + ":" + encode(part) for key, part in value.items()]) + "}"
    return {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else "%d" % value


def private(descriptor, writes=False):
    """A copy that is out of user code's way and not inherited."""
    for lowest in (960, 100, 10):  # above what programs close when they make themselves daemons, where the limit allows
        try:
            return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError as error:
            reason = error
    sys.exit("brig kernel: descriptor %d, where %s, cannot be used: %s" % (descriptor, "events go" if writes else "requests come from", reason))


class Watch:
    """Does something right after a module has been imported."""

    def __init__(self, acts):
        self.acts = acts

    def find_spec(self, name, path=None, target=None):
        act = self.acts.pop(name, None)
        if act is None:
            return None
        for finder in sys.meta_path:
            spec = finder is not self and finder.find_spec(name, path, target)
            if spec:
                break
        else:
            self.acts[name] = act
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            try:
                execute(module)
            except BaseException:
                self.acts[name] = act
                raise
            act(module)

        spec.loader.exec_module = exec_module
        return spec


class Kernel:
    own_files = OWN_FILES

    def __init__(self):
        self.loaded, self.sources, self.sources_size = {}, {}, 0
        self.texts = {}
        for name, path in zip(("kernel",) + PARTS, OWN_FILES):
            with open(path, "rb") as file:
                self.texts[name] = file.read()
        self.id = self.loop = self.figures = None
        self.count, self.stoppable, self.is_interrupted, self.flags = 0, False, False, TOP_LEVEL_AWAIT

    def connect(self):
        """Takes descriptors 0 to 3: this process is the kernel."""
        self.pid = os.getpid()
        self.events = private(3, writes=True)
        self.requests = private(0)
        os.close(3)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        self.saved = {1: private(1, writes=True), 2: private(2, writes=True)}
        self.places = {number: self.place(number) for number in (1, 2)}
        self.streams = {1: sys.stdout, 2: sys.stderr}
        for number in (1, 2):
            try:
                self.streams[number].reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
            except (AttributeError, OSError):  # none, or made when the descriptor was a file
                self.streams[number] = self.open_stream(number)
        self.restore_streams()

    # Descriptors and streams.

    def place(self, number):
        try:
            found = os.fstat(number)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def open_stream(self, number):
        return open(number, "w", 1, "utf-8", "backslashreplace", "\n", closefd=False)

    def restore_streams(self):
        """Standard output and error as they were, whatever the cell did to them."""
        for number, name in ((1, "stdout"), (2, "stderr")):
            if self.place(number) != self.places[number]:
                os.dup2(self.saved[number], number)
            stream = self.streams[number]
            try:
                stream.flush()
            except ValueError:  # closed, or detached
                stream = self.streams[number] = self.open_stream(number)
            except OSError:
                pass
            setattr(sys, name, stream)
            setattr(sys, "__%s__" % name, stream)
        if self.place(0) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)

    def flush(self):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # the cell's own object, or closed
                pass

    # Events.

    def send(self, event):
        line = encode(event).encode() + b"\n"
        if len(line) > EVENT_LIMIT:
            note = "(%d bytes: over the limit of %d for one result)" % (len(line), EVENT_LIMIT)
            line = encode(dict(event, data={"text/plain": note})).encode() + b"\n"
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self.events, rest):]
        except OSError as error:
            os.write(2, b"brig kernel: the cell closed the kernel's own descriptors (%s): the context ends\n" % str(error).encode())
            os._exit(70)

    def send_result(self, data, is_main=False):
        if self.id is not None and os.getpid() == self.pid:  # a thread that outlived its cell has nobody to show things to
            self.flush()
            self.send_whole({"type": "result", "id": self.id, "data": data, "is_main": is_main})

    def send_whole(self, event):
        """A signal may not cut an event in two: it waits. Signals come to the main thread only."""
        if self.thread() != self.main_thread:
            with self.lock:
                self.send(event)
            return
        stoppable, self.stoppable = self.stoppable, False
        with self.lock:
            self.send(event)
        self.stoppable = stoppable
        self.raise_pending()

    # The parts that few cells need.

    def part(self, name):
        if name not in self.loaded:
            names = {"__name__": "brig_" + name, "kernel": self, "is_connected": True, "is_shown": False}
            exec(compile(self.texts[name], os.path.join(FOLDER, name + ".py"), "exec", 0, True), names)
            if name == "rich":
                names.update(write=lambda record: self.send_result(record["data"]), flush=self.flush, OWN_FILES=OWN_FILES,
                             more_forms=lambda thing, bundle: self.part("shows")["more_forms"](thing, bundle))
            self.loaded[name] = names
        return self.loaded[name]

    def display(self, *things, **options):
        """Shows each thing as a rich result: its text, and its HTML, image or other form if it has one."""
        self.part("shows")["display"](*things, **options)

    def input(self, prompt="", /):
        """Refuses: nobody can type into a cell."""
        raise EOFError("input() is not available here, because nobody can type into a running cell: "
                       "put the value into the code, or read it from a file")

    # A cell.

    def on_interrupt(self, number, frame):
        self.is_interrupted = self.id is not None
        self.raise_pending()

    def raise_pending(self):
        if self.is_interrupted and self.stoppable:
            self.is_interrupted = False
            raise KeyboardInterrupt

    def on_timeout(self, number, frame):
        if self.stoppable:
            raise CellTimeout("the cell ran longer than the %d ms that it was given; variables keep their values" % self.limit)

    def attempt(self, act, *arguments):
        """Calls `act` as user code, which signals may end. What ended it, or None."""
        try:
            try:
                self.stoppable = True
                self.raise_pending()
                act(*arguments)
            finally:
                self.stoppable = False
        except BaseException as error:
            self.stoppable = False
            if os.getpid() != self.pid:
                self.part("failures")["end_child"](error)
            return error
        if os.getpid() != self.pid:
            self.part("failures")["end_child"](None)
        return None

    def keep_source(self, name, text):
        self.sources[name] = text
        self.sources_size += len(text)
        while self.sources_size > SOURCES_LIMIT and len(self.sources) > 1:
            oldest = next(iter(self.sources))
            self.sources_size -= len(self.sources.pop(oldest))
        if "linecache" in sys.modules:
            self.show_sources(sys.modules["linecache"])

    def show_sources(self, linecache):
        for name, text in self.sources.items():
            if name not in linecache.cache:
                linecache.cache[name] = (len(text), None, text.splitlines(True), name)

    def parse(self, text, name):
        try:
            return text, compile(text, name, "exec", self.flags | ONLY_AST, True)
        except SyntaxError as error:
            if "!" not in text and "%" not in text and "pip" not in text:
                raise
            return self.part("magics")["parse"](text, name, error)

    def execute(self, text, name):
        text = text.replace("\r\n", "\n")
        first = text.lstrip("\n")[:1]
        if first == " " or first == "\t":
            text = self.part("magics")["without_indent"](text)
        self.keep_source(name, text)
        if "__future__" in text:
            self.part("magics")["keep_future"](text, name)
        text, tree = self.parse(text, name)
        last = None
        if tree.body and type(tree.body[-1]).__name__ == "Expr":
            last = tree.body.pop()
        if tree.body:
            self.evaluate(compile(tree, name, "exec", self.flags, True))
        if last is not None:
            import _ast
            value = self.evaluate(compile(_ast.Expression(last.value), name, "eval", self.flags, True))
            line = text.split("\n")[last.end_lineno - 1].encode("utf-8", "surrogatepass")
            if value is not None and not line[last.end_col_offset:].lstrip().startswith(b";"):
                self.echo(value)

    def evaluate(self, code):
        value = eval(code, self.names)
        if code.co_flags & IS_COROUTINE:
            value = self.part("magics")["wait_for"](value)
        return value

    def echo(self, value):
        builtins._ = value
        if type(value) in PLAIN:
            self.send_result({"text/plain": repr(value)}, True)
        else:
            self.part("shows")["show"](value, True)

    def run(self, request):
        self.count += 1
        self.is_interrupted = False
        self.id, name = request["id"], "<cell %d>" % self.count
        self.send({"type": "begin", "id": self.id, "count": self.count})
        self.limit = request.get("timeout_ms")
        old_alarm = None
        if self.limit:
            old_alarm = _signal.signal(_signal.SIGALRM, self.on_timeout)
            _signal.setitimer(_signal.ITIMER_REAL, self.limit / 1000, AGAIN_S)
        wanted = request.get("env") or {}
        old = {key: os.environ.get(key) for key in wanted}
        error = None
        try:
            os.environ.update(wanted)
            if request.get("cwd"):
                os.chdir(request["cwd"])
        except (OSError, ValueError) as failure:
            error = failure
        if error is None:
            error = self.attempt(self.execute, request["code"], name)
        sys.settrace(None)
        sys.setprofile(None)
        if self.figures and not isinstance(error, (CellTimeout, KeyboardInterrupt)):
            error = self.attempt(self.figures) or error
        status, extra = "ok", {}
        if isinstance(error, SystemExit):
            status, extra = "exit", {"exit_code": self.exit_code_of(error)}
        elif error is not None:
            status = self.tell(error)
        self.attempt(self.flush)
        if self.limit:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
            _signal.signal(_signal.SIGALRM, _signal.SIG_DFL if old_alarm is None else old_alarm)
        for key, value in old.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        _signal.signal(_signal.SIGINT, self.on_interrupt)
        sys.modules["__main__"] = self.main
        self.restore_streams()
        self.send({"type": "end", "id": self.id, "status": status, **extra})
        self.id = None

    def exit_code_of(self, error):
        code = error.code if error is not None else None
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xff
        try:
            sys.stderr.write("%s\n" % (code,))
        except Exception:
            pass
        return 1

    def tell(self, error):
        """Sends what ended the cell. The end's status."""
        status = "timeout" if isinstance(error, CellTimeout) else "interrupted" if isinstance(error, KeyboardInterrupt) else "error"
        if status != "error":
            error.__context__ = error.__cause__ = None  # texts of the cell's own exceptions, which could take for ever
        if isinstance(error, CellTimeout):
            _signal.setitimer(_signal.ITIMER_REAL, 0)  # nothing of the cell's runs in what follows
        record = {}
        failed = self.attempt(lambda: record.update(self.part("failures")["describe"](error)))
        if failed is not None:
            if isinstance(failed, CellTimeout) or isinstance(failed, KeyboardInterrupt):
                status = "timeout" if isinstance(failed, CellTimeout) else "interrupted"
            name = type(error).__name__
            record = {"name": name, "value": "(telling what went wrong failed: %s)" % type(failed).__name__, "traceback": name}
        self.send({"type": "error", "id": self.id, **record})
        return status

    # The loop.

    def prepare(self):
        """All that can be done before it is known which descriptors are the kernel's."""
        import _thread
        self.lock, self.thread, self.main_thread = _thread.RLock(), _thread.get_ident, _thread.get_ident()
        _signal.signal(_signal.SIGINT, self.on_interrupt)
        os.environ.setdefault("MPLBACKEND", "Agg")
        sys.argv[:] = [""]
        sys.path[0] = ""
        self.main = sys.modules["__main__"] = type(sys)("__main__")
        self.names = self.main.__dict__
        self.names["__builtins__"] = builtins
        builtins.display, builtins.input = self.display, self.input
        os.system = lambda command: self.part("magics")["system"](command)
        builtins.__brig__ = lambda *call: self.part("magics")["call"](*call)
        shows = lambda name: lambda module: self.part("shows")[name](module)
        sys.meta_path.insert(0, Watch({
            "linecache": self.show_sources, "matplotlib.pyplot": shows("follow_pyplot"), "PIL.Image": shows("follow_pillow"),
            "plotly.basedatatypes": shows("follow_plotly")}))
        try:
            import faulthandler
            faulthandler.enable(2)  # a segmentation fault says where it was
        except (ImportError, OSError):
            pass
        self.engine = self.choose_engine()

    def moved(self):
        """It was prepared in another process, in another folder."""
        if "rich" in self.loaded:
            self.loaded["rich"]["process"] = self.pid
        if "ipython" in self.loaded:
            self.loaded["ipython"]["moved"]()

    def say_ready(self):
        self.send({"type": "ready", "language": "python", "version": "%d.%d.%d" % sys.version_info[:3], "engine": self.engine})

    def choose_engine(self):
        """IPython, if it is installed and BRIG_ENGINE does not say otherwise; else what is here."""
        if os.environ.get("BRIG_ENGINE") == "stdlib":
            return "stdlib"
        if any(os.path.isdir(os.path.join(folder, "IPython")) for folder in sys.path if folder):
            try:
                self.execute = self.part("ipython")["engine"]()
                return "ipython"
            except Exception as error:  # one that is broken, or of another time
                sys.stderr.write("brig kernel: IPython cannot be used (%s): %s\n" % (type(error).__name__, error))
        return "stdlib"

    def serve(self):
        pieces = []
        while True:
            chunk = os.read(self.requests, 1 << 16)
            if not chunk:
                return
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                request = b"".join(pieces + [line])
                pieces = []
                if request.strip() and not self.take(request):
                    return
            if rest:
                pieces.append(rest)

    def take(self, line):
        try:
            request, _ = scan(line.decode("utf-8", "surrogateescape").strip(), 0)
            if request["op"] == "stop":
                return False
            env, limit, folder = request.get("env") or {}, request.get("timeout_ms") or 0, request.get("cwd") or ""
            is_run = (request["op"] == "run" and isinstance(request["id"], int) and isinstance(request["code"], str) and isinstance(folder, str)
                      and isinstance(limit, int) and 0 <= limit <= LIMIT_MAX and all(isinstance(text, str) for pair in env.items() for text in pair))
        except (ValueError, StopIteration, KeyError, TypeError, AttributeError, RecursionError, SystemError):  # SystemError: where json is not imported
            is_run = False
        if is_run:
            self.run(request)
        else:
            sys.stderr.write("brig kernel: a request that is none was left out\n")
        return True


def live(kernel):
    """Runs cells until the end of the requests, and ends the process."""
    code = 70
    try:
        kernel.say_ready()
        kernel.serve()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    kernel.flush()
    os._exit(code)  # threads of the cells would keep it


if __name__ == "__main__":
    served = Kernel()
    served.connect()
    served.prepare()
    live(served)
