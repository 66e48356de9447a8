#!/usr/bin/python3
"""Tests of the Python zygote on the host's own python3: what the agent does is done here, as the parent of whoever has lost his."""
import array
import ctypes
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testing"))

from kernel_process import PATIENCE_S, KernelProcess  # noqa: E402

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
CACHE = os.path.join(tempfile.gettempdir(), "brig-driver-test-%d" % os.getuid())
PR_SET_CHILD_SUBREAPER = 36


def has(*modules):
    return subprocess.run([PYTHON, "-c", "import " + ", ".join(modules)], capture_output=True).returncode == 0


class Child:
    """A process that another one forked for us, as subprocess.Popen shows one."""

    def __init__(self, pid, stdin, stdout, stderr):
        self.pid, self.stdin, self.stdout, self.stderr, self.code = pid, os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), os.fdopen(stderr, "rb"), None

    def poll(self):
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, seconds=PATIENCE_S):
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("kernel", seconds)
            time.sleep(0.002)
        return self.code

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class Forked(KernelProcess):
    def __init__(self, child, events):
        self.folder, self.process = None, child
        self.follow(events)


class Refused(Exception):
    pass


class ZygoteProcess:
    def __init__(self, *modules, **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.folder.name, "LANG": "C.UTF-8", "BRIG_ENGINE": "stdlib", "MPLCONFIGDIR": CACHE, **environment}
        with theirs:
            self.process = subprocess.Popen([PYTHON, os.path.join(HERE, "zygote.py"), *modules], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd="/",
                                            preexec_fn=lambda: os.dup2(theirs.fileno(), 3), pass_fds=(3,), env=self.environment)
        self.ready = json.loads(self.process.stdout.readline())

    def fork(self, folder=None, **environment):
        pipes = [os.pipe() for _ in range(5)]
        given = [pipes[0][0], *(pipe[1] for pipe in pipes[1:])]
        kept = [pipes[0][1], *(pipe[0] for pipe in pipes[1:])]
        where = (folder or self.folder.name).encode()
        variables = ["%s=%s" % pair for pair in {**self.environment, **environment}.items()]
        request = struct.pack("<II", len(where), len(variables)) + where + b"".join(struct.pack("<I", len(text)) + text.encode() for text in variables)
        self.requests.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))])
        for descriptor in given:
            os.close(descriptor)
        said = os.read(kept.pop(), 4)
        if len(said) < 4 or struct.unpack("<i", said)[0] < 0:
            for descriptor in kept:
                os.close(descriptor)
            raise Refused(said and -struct.unpack("<i", said)[0])
        return Forked(Child(struct.unpack("<i", said)[0], *kept[:3]), kept[3])

    def close(self):
        self.requests.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.folder.cleanup()


class ZygoteModulesTest(unittest.TestCase):
    """Modules that a template names may be anything."""

    def fork(self, *modules, **sources):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in sources.items():
                with open(os.path.join(folder, name + ".py"), "w") as file:
                    file.write(text)
            zygote = ZygoteProcess(*modules, PYTHONPATH=folder)
            self.addCleanup(zygote.close)
            self.assertEqual(zygote.ready, {"type": "ready"})
            kernel = zygote.fork()
            self.addCleanup(kernel.close)
            return kernel

    def setUp(self):
        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            self.skipTest("this process cannot become the parent of those that have lost theirs")

    def test_its_own_are_imported_and_the_usual_are_not(self):
        kernel = self.fork("mine", "xml.dom", mine="")
        self.assertEqual(kernel.run("import sys; [name in sys.modules for name in ('mine', 'xml.dom', 'numpy')]").main, "[True, True, False]")

    def test_none_may_be_named(self):
        self.assertEqual(self.fork().run("import sys; 'numpy' in sys.modules").main, "False")

    def test_those_that_are_missing_or_broken_keep_nothing_from_being_ready(self):
        kernel = self.fork("no_such_module", "broken", "leaves", "colorsys", broken="raise RuntimeError('broken')", leaves="import sys\nsys.exit(3)")
        self.assertEqual(kernel.run("import sys; 'colorsys' in sys.modules").main, "True")
        self.assertEqual(kernel.run("import no_such_module").error["name"], "ModuleNotFoundError")

    def test_what_they_print_is_not_taken_for_being_ready(self):
        kernel = self.fork("loud", loud="import os, time\nprint('{\"type\":\"loud\"}', flush=True)\nos.write(1, b'raw\\n')\nprint('held back')")
        self.assertEqual(kernel.run("print('heard')").out, "heard\n")


class ZygoteCase(unittest.TestCase):
    modules, environment = ("random", "uuid", "json"), {}

    @classmethod
    def setUpClass(cls):
        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise unittest.SkipTest("this process cannot become the parent of those that have lost theirs")
        cls.zygote = ZygoteProcess(*cls.modules, **cls.environment)
        cls.addClassCleanup(cls.zygote.close)

    def fork(self, *arguments, **options):
        kernel = self.zygote.fork(*arguments, **options)
        self.addCleanup(kernel.close)
        return kernel


class ZygoteForkTest(ZygoteCase):
    def test_a_fork_is_a_kernel_like_any_other(self):
        kernel = self.fork("/tmp", COLOUR="red")
        self.assertEqual((kernel.ready["type"], kernel.ready["engine"]), ("ready", "stdlib"))
        self.assertEqual(kernel.run("import os; os.getcwd(), os.environ['COLOUR'], os.environ.get('BRIG'), __name__").main, "('/tmp', 'red', None, '__main__')")
        ran = kernel.run("import sys; print('out'); print('err', file=sys.stderr); 1 / 0")
        self.assertEqual((ran.out, ran.err, ran.status, ran.error["name"]), ("out\n", "err\n", "error", "ZeroDivisionError"))
        self.assertNotIn("zygote", ran.error["traceback"])
        self.assertEqual(kernel.run("sorted(int(n) for n in os.listdir('/proc/self/fd') if int(n) < 900)[:4]").main[:9], "[0, 1, 2,")
        self.assertEqual(kernel.run("os.getsid(0) == os.getpid() == os.getpgid(0), oct(os.umask(0o22))").main, "(True, '0o22')")
        self.assertEqual(kernel.run("import time; time.sleep(60)", timeout_ms=100).status, "timeout")
        self.assertEqual(kernel.close(), 0)

    def test_nothing_of_one_is_in_another(self):
        first = self.fork()
        first.run("import json, builtins, os; x = 1; json.mine = builtins.mine = 2; os.environ['MINE'] = '3'; os.chdir('/')")
        second = self.fork()
        self.assertEqual(second.run("import json, builtins, os; 'x' in globals(), hasattr(json, 'mine'), hasattr(builtins, 'mine'), 'MINE' in os.environ").main,
                         "(False, False, False, False)")
        self.assertEqual(second.run("import __main__; sorted(n for n in vars(__main__) if not n.startswith('__'))").main, "['builtins', 'json', 'os']")

    def test_every_random_generator_is_its_own(self):
        code = """
            import os, random, secrets, ssl, uuid, tempfile
            [random.random(), random.SystemRandom().random(), uuid.uuid4().hex, uuid.uuid1().hex, uuid.getnode() >> 40 & 1 and uuid.getnode(), ssl.RAND_bytes(8), os.urandom(8),
             secrets.token_hex(8), next(tempfile._get_candidate_names())]"""
        drawn = [eval(self.fork().run(textwrap.dedent(code)).main) for _ in range(3)]
        for one in zip(*drawn):
            if one[0]:  # 0: the node is that of a network card
                self.assertEqual(len(set(one)), 3, one)

    def test_strings_are_hashed_alike_in_one_sandbox_and_otherwise_in_the_next(self):
        hashes = {self.fork().run("hash('text')").main for _ in range(2)}
        self.assertEqual(len(hashes), 1)
        other = ZygoteProcess("json")
        self.addCleanup(other.close)
        kernel = other.fork()
        self.addCleanup(kernel.close)
        self.assertNotIn(kernel.run("hash('text')").main, hashes)

    def test_a_kernel_that_dies_takes_nothing_along(self):
        kernel = self.fork()
        kernel.send({"op": "run", "id": 1, "code": "import os; os.kill(os.getpid(), 9)"})
        self.assertEqual(kernel.process.wait(), -signal.SIGKILL)
        self.assertEqual(self.fork().run("1 + 1").main, "2")

    def test_a_folder_that_is_none_is_refused_as_what_it_is(self):
        for folder, number in (("/no/such/folder", errno.ENOENT), ("/etc/passwd", errno.ENOTDIR)):
            with self.subTest(folder), self.assertRaises(Refused) as caught:
                self.zygote.fork(folder)
            self.assertEqual(caught.exception.args, (number,))
        self.assertEqual(self.fork().run("1 + 1").main, "2")

    def test_a_folder_whose_modules_would_have_been_imported_instead_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "uuid.py"), "w").close()
            with self.assertRaises(Refused) as caught:
                self.zygote.fork(folder)
            self.assertEqual(caught.exception.args, (errno.EBUSY,))
            os.rename(os.path.join(folder, "uuid.py"), os.path.join(folder, "mine.py"))
            self.assertEqual(self.fork(folder).run("import mine; mine.__name__").main, "'mine'")

    def test_libraries_that_were_installed_since_are_not_passed_over(self):
        other = ZygoteProcess("json")
        self.addCleanup(other.close)
        site = subprocess.run([PYTHON, "-m", "site", "--user-site"], capture_output=True, text=True, env=other.environment).stdout.strip()
        os.makedirs(site)
        with self.assertRaises(Refused) as caught:
            other.fork()
        self.assertEqual(caught.exception.args, (errno.ESTALE,))

    def test_one_that_others_have_slowed_down_is_passed_over(self):
        def renice(pid):
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + 1)

        def pin(pid):
            os.sched_setaffinity(pid, {max(os.sched_getaffinity(pid))})
        for change in (renice, pin) if len(os.sched_getaffinity(0)) > 1 else (renice,):
            with self.subTest(change.__name__):
                other = ZygoteProcess("json")
                self.addCleanup(other.close)
                change(other.process.pid)
                try:
                    other.fork().close()  # it may have been forked before
                except Refused as refused:
                    self.assertEqual(refused.args, (errno.ESTALE,))
                with self.assertRaises(Refused) as caught:
                    other.fork()
                self.assertEqual(caught.exception.args, (errno.ESTALE,))

    def test_others_may_not_look_into_it(self):
        if os.geteuid() == 0:
            self.skipTest("root may look into everything")
        with self.assertRaises(PermissionError):
            open("/proc/%d/mem" % self.zygote.process.pid, "rb")
        self.assertTrue(os.access("/proc/%d/fd" % self.fork().process.pid, os.R_OK))

    def test_a_request_that_is_none_ends_only_the_spare(self):
        for data in (b"x", b"x" * 100):
            self.zygote.requests.send(data)
        self.assertEqual(self.fork().run("1 + 1").main, "2")

    def test_the_end_of_requests_ends_it_and_its_spare(self):
        other = ZygoteProcess("json")
        kernel = other.fork()
        self.addCleanup(kernel.close)
        other.close()
        self.assertEqual(other.process.returncode, 0)
        self.assertEqual(kernel.run("1 + 1").main, "2")
        group = subprocess.run(["pgrep", "-f", other.folder.name], capture_output=True, text=True).stdout
        self.assertEqual(group, "")

    def test_killed_it_leaves_one_spare_at_most(self):
        other = ZygoteProcess("json")
        other.process.kill()
        other.process.wait()
        kernels = []
        with self.assertRaises((Refused, OSError)):
            for _ in range(2):
                kernels.append(other.fork())
                self.addCleanup(kernels[-1].close)
        other.close()


@unittest.skipUnless(has("numpy", "pandas", "matplotlib"), "no numpy, pandas and matplotlib in /usr")
class ZygoteLibrariesTest(ZygoteCase):
    modules = ("numpy", "pandas", "matplotlib.pyplot")

    def test_they_are_there_and_nobody_has_used_them(self):
        kernel = self.fork()
        ran = kernel.run("import sys; [name in sys.modules for name in ('numpy', 'pandas', 'matplotlib.pyplot')], 'np' in globals()")
        self.assertEqual(ran.main, "([True, True, True], False)")
        ran = kernel.run("import pandas as pd, matplotlib.pyplot as plt\nprint(plt.get_fignums())\nplt.plot([1, 2])\nplt.show()\npd.DataFrame({'a': [1]})")
        self.assertEqual(ran.out, "[]\n")
        self.assertIn("image/png", ran.results[0])
        self.assertIn("text/html", ran.results[1])

    def test_their_random_generators_are_its_own(self):
        code = "import numpy as np\n[np.random.random(), np.random.default_rng().random(), np.random.RandomState().random_sample(), np.random.get_state()[1][:4].tolist()]"
        drawn = [eval(self.fork().run(code).main) for _ in range(3)]
        for one in zip(*drawn):
            self.assertEqual(len(set(map(str, one))), 3, one)

    def test_threads_of_linear_algebra_work_after_a_fork(self):
        ran = self.fork().run("import numpy as np\na = np.ones((500, 500))\nfloat((a @ a).sum())", timeout_ms=60_000)
        self.assertEqual(ran.main, "125000000.0")


@unittest.skipUnless(has("IPython"), "no IPython in /usr")
class ZygoteIPythonTest(ZygoteCase):
    modules, environment = ("json",), {"BRIG_ENGINE": "ipython"}

    def test_the_shell_is_made_before_and_used_once(self):
        first, second = self.fork("/tmp"), self.fork("/")
        self.assertEqual((first.ready["engine"], second.ready["engine"]), ("ipython", "ipython"))
        self.assertEqual(first.run("x = 5\n%pwd").main, "'/tmp'")
        self.assertEqual(first.run("_dh").main, "[PosixPath('/tmp')]")
        self.assertEqual((first.run("_1").main, second.run("'x' in globals()").main), ("'/tmp'", "False"))


if __name__ == "__main__":
    unittest.main()
