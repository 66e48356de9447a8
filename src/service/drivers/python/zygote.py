# A clean interpreter with some modules imported, forked for each context: python3 zygote.py [MODULE…]. ../README.md has the
# protocol. It never runs a cell. One child, the spare, waits for the next request and becomes a kernel when it comes, and only
# then is the next spare forked: so a request waits for no fork, and a child that dies takes nothing along.
import errno
import os
import sys
import time

REQUEST_LIMIT = 1 << 17  # bytes: more than a frame of the guest protocol
FOLDER_LIMIT = 2000      # entries of a working folder that are compared with the names of modules
SOCKET = 3
AFTER_S = 0.02           # from one fork to the next: whoever has the first is at his first cell
SET_DUMPABLE = 4         # of prctl(2)


def kernel_of(folder):
    """The kernel of kernel.py beside this file, as python would run that."""
    path = os.path.join(folder, "kernel.py")
    with open(path, "rb") as file:
        text = file.read()
    names = {"__name__": "brig_kernel", "__file__": path, "__builtins__": __builtins__}
    exec(compile(text, path, "exec", 0, True), names)
    return names["Kernel"](), names["live"]


def protector():
    """A function that says whether other processes of the sandbox may look into this one and change it."""
    import ctypes
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def protect(is_protected):
        if prctl(SET_DUMPABLE, int(not is_protected), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")

    return protect


class Muted:
    """What modules print while they are imported goes nowhere: standard output is where the zygote says that it is ready."""

    def __enter__(self):
        self.output = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)

    def __exit__(self, *_):
        import ctypes
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)
        os.dup2(self.output, 1)
        os.close(self.output)


def prepare(kernel, names):
    """Imports what there is of `names`, and what the first data frame and the first figure would import."""
    for name in names:
        try:
            __import__(name)
        except BaseException:  # not there, or broken, or it wants to exit: a cell that wants it hears why
            pass
    rich = kernel.part("rich")
    for part in ("shows", "failures"):
        kernel.part(part)
    show(rich)
    try:
        if "matplotlib.pyplot" in sys.modules:
            draw(sys.modules["matplotlib.pyplot"], rich["bundle_at_line"])
    except Exception:
        pass
    rich["told"].clear()


def show(rich):
    """A data frame that nobody sees: its modules are imported, and in a fork the pages that it writes to are its own before it is asked."""
    try:
        if "pandas" in sys.modules:
            rich["bundle_at_line"](sys.modules["pandas"].DataFrame({"a": [1, 2.5], "b": ["x", None]}))
    except Exception:
        pass
    rich["told"].clear()


def draw(pyplot, bundle_of):
    """A figure that nobody sees: fonts are found and read, modules imported that only drawing needs."""
    figure, axes = pyplot.subplots()
    axes.plot([1, 2], [3, 4], label="a")
    axes.bar([1, 2], [3, 4])
    axes.set_title("title")
    axes.legend()
    try:
        bundle_of(figure)
    finally:
        pyplot.close("all")


def state_of(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def origins():
    """Where modules and their settings were found: who changes something there gets an interpreter that reads it again."""
    places = [path for path in sys.path if path]
    if "site" in sys.modules:
        places.append(sys.modules["site"].getusersitepackages())
    if "matplotlib" in sys.modules:
        places.append(os.path.join(sys.modules["matplotlib"].get_configdir(), "matplotlibrc"))
    return {path: state_of(path) for path in places}


def scheduled():
    """How the kernel schedules this process: others of its user may change that, and what is forked has it too."""
    return os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)


def is_shadowed(folder, warm):
    """Whether `folder` has a module that python would have taken for one that is imported already."""
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= FOLDER_LIMIT or entry.name == "matplotlibrc" or entry.name.partition(".")[0] in warm:
                return True
    return False


def generators():
    """Every random generator that was made while modules were imported."""
    import gc
    import random
    kinds = [random.Random]
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:
        kinds += [numbers.RandomState, numbers.Generator]
    found = [thing for thing in gc.get_objects() if isinstance(thing, tuple(kinds)) and not isinstance(thing, random.SystemRandom)]
    if numbers is not None:
        found.append(numbers.mtrand._rand)  # that of numpy.random's own functions, whether the collector knows it or not
    return found


def reseed(found):
    """From the kernel's randomness. What the interpreter's strings are hashed with stays as it is: their hashes are in every dictionary."""
    for one in found:
        if hasattr(one, "bit_generator"):
            one.bit_generator.state = type(one.bit_generator)().state
        else:
            one.seed()
    loaded = sys.modules
    if "_ssl" in loaded:
        loaded["_ssl"].RAND_add(os.urandom(32), 32.0)  # OpenSSL notices a fork by itself as well
    if "uuid" in loaded:
        loaded["uuid"]._node = loaded["uuid"]._last_timestamp = None
    if "multiprocessing.process" in loaded:
        process = loaded["multiprocessing.process"]
        process.current_process()._config["authkey"] = process.AuthenticationString(os.urandom(32))
    if "logging" in loaded:
        loaded["logging"]._startTime = time.time()


class Request:
    """What the agent sends: the descriptors 0 to 3 of a kernel, where to say which process it is, its folder and environment."""

    def __init__(self, socket):
        import _socket
        data, ancillary, flags, _ = socket.recvmsg(REQUEST_LIMIT, _socket.CMSG_SPACE(4 * 5))
        passed = b"".join(part for level, kind, part in ancillary if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS))
        self.descriptors = [int.from_bytes(passed[at:at + 4], sys.byteorder) for at in range(0, len(passed), 4)]
        self.is_whole = len(self.descriptors) == 5 and len(data) >= 8 and not flags & (_socket.MSG_TRUNC | _socket.MSG_CTRUNC)
        if not self.is_whole:
            return
        number = lambda at: int.from_bytes(data[at:at + 4], "little")
        at = 8 + number(0)
        self.folder, self.environment = data[8:at], {}
        for _ in range(number(4)):
            end = at + 4 + number(at)
            name, _, value = data[at + 4:end].partition(b"=")
            self.environment[name] = value
            at = end

    def answer(self, number):
        os.write(self.descriptors[4], number.to_bytes(4, "little", signed=True))


class Zygote:
    def __init__(self, names):
        import _socket
        try:
            import resource as limits  # gVisor counts processor time only in a process that has set the limit
        except ImportError:
            limits = None
        self.limits, self.socket = limits, _socket.socket(fileno=SOCKET)
        self.protect = protector()
        self.protect(True)
        self.kernel, self.live = kernel_of(os.path.dirname(os.path.abspath(__file__)))
        self.kernel.prepare()
        cold = set(sys.modules)
        with Muted():
            prepare(self.kernel, names)
        self.warm = {name.partition(".")[0] for name in set(sys.modules) - cold}
        self.random, self.origins, self.scheduled = generators(), origins(), scheduled()

    def settle(self):
        """Nothing that is there now is looked at by the collector again: pages stay shared."""
        import gc
        import warnings
        gc.collect()
        gc.freeze()
        if sys.version_info >= (3, 12):  # its threads are OpenBLAS's, which ends them before a fork
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        os.write(1, b'{"type":"ready"}\n')

    def serve(self):
        """Returns in each child that was asked to be a kernel, and never in the zygote."""
        while True:
            taken, waits = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(taken)
                parent = os.getpid()
                if os.fork() != 0:  # the child's child belongs to the agent, process 1
                    os._exit(0)
                return self.wait(parent)  # with the other end of the pipe
            os.close(waits)
            os.waitpid(child, 0)
            os.read(taken, 1)  # until the spare is taken, or gone
            os.close(taken)
            if self.is_over():
                os._exit(0)
            time.sleep(AFTER_S)

    def is_over(self):
        """Whether nobody is there who could ask."""
        return self.has_come()

    def has_come(self, event=0):
        """Whether the event is there that poll(2) knows; the end always counts."""
        import select
        watch = select.poll()
        watch.register(self.socket, event)
        return bool(watch.poll(0))

    def wait(self, parent):
        import select
        os.setsid()
        reseed(self.random)
        while os.getppid() == parent:  # until it is the agent's, who looks whether it is
            time.sleep(0.001)
        if not self.has_come(select.POLLIN):
            show(self.kernel.part("rich"))
        request = Request(self.socket)
        if not request.is_whole:
            os._exit(0)  # the end: nobody needs a spare any more
        error = self.refusal(request)
        if error:
            request.answer(-error)
            os._exit(0)
        self.become(request)

    def refusal(self, request):
        """Why it cannot be this kernel, as an errno: ESTALE for none after it either."""
        if self.scheduled != scheduled() or any(state_of(path) != state for path, state in self.origins.items()):
            return errno.ESTALE
        try:
            os.chdir(request.folder)
            return errno.EBUSY if is_shadowed(".", self.warm) else 0
        except OSError as failure:
            return failure.errno

    def become(self, request):
        for name in list(os.environb):
            del os.environb[name]
        os.environb.update(request.environment)
        os.environ.setdefault("MPLBACKEND", "Agg")
        os.umask(0o022)
        if self.limits:
            try:
                self.limits.setrlimit(self.limits.RLIMIT_CPU, self.limits.getrlimit(self.limits.RLIMIT_CPU))
            except (OSError, ValueError):
                pass
        self.socket.detach()
        self.protect(False)
        request.answer(os.getpid())
        for number, descriptor in enumerate(request.descriptors[:4]):
            os.dup2(descriptor, number)
        os.closerange(4, min(os.sysconf("SC_OPEN_MAX"), 1 << 16))
        self.kernel.connect()
        self.kernel.moved()


def main():
    zygote = Zygote(sys.argv[1:])
    zygote.settle()
    zygote.serve()
    kernel, live = zygote.kernel, zygote.live
    del zygote
    live(kernel)


if __name__ == "__main__":
    main()
