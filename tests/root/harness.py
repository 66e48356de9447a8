"""What the whole-program tests share: running brig, finding its processes by parentage, and seeing what it left behind.

Every test program adopts its orphans (PR_SET_CHILD_SUBREAPER), so whatever survives brig becomes a child of the test and is found
without looking at anybody else's processes. `private_mounts()` gives the program a mount namespace and a /tmp of its own.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from processes import (  # noqa: E402,F401  (its folder was not on the path; whoever imports us means these as well)
    PATIENCE, adopt_orphans, children, descendants, descriptors, is_alive, kill, name_of, program_of, read, state_of, wait_until,
)

BIN = os.environ.get("BRIG_BIN_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/dev/bin")
BRIG = os.path.join(BIN, "brig")
PROGRAMS = ("brig", "brig-launch", "brig-init")
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)
MS_REC, MS_PRIVATE, CLONE_NEWNS = 0x4000, 0x40000, 0x20000

# Python for inside: forks until it is refused, and prints how many children there were and the errno.
COUNT_FORKS = """if True:
    import os, time
    count = 0
    try:
        while count < 100:
            if os.fork() == 0: time.sleep(60); os._exit(0)
            count += 1
    except OSError as error: print(count, error.errno)
    """


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what + ": " + os.strerror(ctypes.get_errno()))


def mount(source, target, kind=None, flags=0, options=None):
    encode = lambda text: None if text is None else text.encode()
    check(libc.mount(encode(source), encode(target), encode(kind), flags, encode(options)), "mount on " + target)


def private_mounts():
    """A mount namespace of our own, and an empty /tmp in it: whatever is found there is ours."""
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("none", "/tmp", "tmpfs", 0, "size=512m,mode=1777")
    tempfile.tempdir = None


def reap_orphans(spare=()):
    """Reaps adopted children that have ended; `spare` are still watched by a Popen of ours."""
    for pid in children(os.getpid()):
        if pid not in spare and state_of(pid) == "Z":
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def brig_groups(brig_pid=None):
    """Cgroup folders of sandboxes of `brig run` (of that process)."""
    found = []
    for top in cgroup_tops():
        prefix = "run-" + (str(brig_pid) + "-" if brig_pid else "")
        try:
            found += [os.path.join(top, name) for name in os.listdir(top) if name.startswith(prefix)]
        except OSError:
            pass
    return found


def cgroup_tops():
    tops = []
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] in ("cgroup", "cgroup2"):
            tops.append(fields.split()[4] + "/brig")
    return tops


class Jail:
    """The processes of a running `brig run`: brig -> brig-launch (the warden) -> brig-init (pid 1 inside) -> the program."""

    def __init__(self, brig, launch, init):
        self.brig, self.launch, self.init = brig, launch, init

    @staticmethod
    def of(brig_pid, is_running=True):
        """The jail once brig-init has become it, or None; with `is_running` once a program runs in it."""
        for launch in children(brig_pid):
            for init in children(launch):
                if not program_of(init).startswith("/memfd:brig-init"):
                    continue
                # A child that has not become its program yet still holds what brig-init does.
                programs = [program_of(child) for child in children(init)]
                if not is_running or [name for name in programs if name and not name.startswith("/memfd:brig-init")]:
                    return Jail(brig_pid, launch, init)
        return None

    @staticmethod
    def wait(brig_pid):
        jail = wait_until(lambda: Jail.of(brig_pid))
        if not jail:
            raise AssertionError("the sandbox of %d does not come up" % brig_pid)
        return jail

    def inside(self):
        return [self.init] + descendants(self.init)


class Ran:
    def __init__(self, code, out, err, pid):
        self.code, self.pid = code, pid
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError("no JSON: code %d, stdout %r, stderr %r" % (self.code, self.out[:500], self.err[:2000]))


@unittest.skipUnless(os.geteuid() == 0, "needs root: makes sandboxes as the installed program does")
class BrigCase(unittest.TestCase):
    """A temporary folder, brig started in it, and after each test the certainty that nothing is left."""

    program = BRIG

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="brig-proof-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.pids = []
        self.addCleanup(self.assert_nothing_left)

    def start(self, *arguments, program=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("cwd", self.folder)
        process = subprocess.Popen([*(program or [self.program]), *arguments], **options)
        self.pids.append(process.pid)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        """Whatever a failed test has left running."""
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def finish(self, process, patience=60):
        try:
            out, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            tree = [(pid, name_of(pid), state_of(pid)) for pid in [process.pid] + descendants(process.pid)]
            process.kill()
            process.communicate()
            self.fail("brig hangs: %s" % tree)
        return Ran(process.returncode, out or b"", err or b"", process.pid)

    def brig(self, *arguments, patience=60, **options):
        return self.finish(self.start("run", *arguments, **options), patience)

    def report(self, *arguments, **options):
        """The --json report of a run; its exit code is the one it was to be."""
        ran = self.brig("--json", *arguments, **options)
        report = ran.json()
        self.assertEqual(report["exit_code"], ran.code)
        return report

    def write(self, name, text="", mode=None):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        if mode is not None:
            os.chmod(path, mode)
        return path

    def left(self):
        """Processes and groups of the sandboxes that this test has started."""
        reap_orphans()
        found = ["process %d %s (%s)" % (pid, name_of(pid), state_of(pid)) for pid in descendants(os.getpid())]
        for pid in self.pids:
            found += brig_groups(pid)
        found += [line for line in read("/proc/self/mountinfo").splitlines() if "brig-proof-" in line or "memfd:brig" in line]
        return found

    def assert_nothing_left(self, patience=2.0):
        if not wait_until(lambda: not self.left(), patience):
            self.fail("left behind: %s" % self.left())


def main():
    if os.geteuid() == 0:
        adopt_orphans()
        private_mounts()
    unittest.main(verbosity=2, argv=sys.argv)
