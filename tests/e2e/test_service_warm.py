#!/usr/bin/python3
"""Warm interpreters: contexts that are forked are contexts like any other, and whoever harms the zygote gets one that was not forked."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import service
from service import BRIG, Daemon, wait_until
import test_templates

DRAW = """
import os, random, secrets, ssl, uuid
drawn = [random.random(), uuid.uuid4().hex, uuid.uuid1().hex, ssl.RAND_bytes(8).hex(), os.urandom(8).hex(), secrets.token_hex(8)]
try:
    import numpy as np
    drawn += [float(np.random.random()), float(np.random.default_rng().random())]
except ImportError:
    pass
drawn"""
# All of the zygote's arguments but this process: the zygote (the oldest), its spare, and what it was forked for.
FIND = """
import os
def zygotes():
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as file:
                if b'zygote.py' in file.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found
"""
# Those of them that are the agent's: not what a spare is forked by, which ends at once.
ORPHANS = """
def parent(pid):
    try:
        with open('/proc/%d/stat' % pid) as file:
            return int(file.read().rpartition(')')[2].split()[1])
    except OSError:
        return pid
def orphans(pids):
    return sorted(pid for pid in pids if parent(pid) not in pids)
"""


def library_of_python():
    """The folder of the standard library of /usr/bin/python3, which may not be the Python that runs this."""
    return subprocess.run(["/usr/bin/python3", "-c", "import os; print(os.path.dirname(os.__file__), end='')"], capture_output=True, text=True, check=True).stdout


def python_root(folder):
    """A root with this machine's Python and its standard library."""
    with unittest.mock.patch.object(test_templates, "PROGRAMS", [*test_templates.PROGRAMS, "python3"]):
        test_templates.small_root(folder)
    library = library_of_python()
    shutil.copytree(library, folder + library, ignore=shutil.ignore_patterns("__pycache__", "test", "tests", "idlelib", "config-*", "dist-packages"))
    told = subprocess.run(["ldd", *glob.glob(library + "/lib-dynload/*.so")], capture_output=True, text=True).stdout
    for path in {word for word in told.split() if word.startswith("/") and word.count("/") > 1 and ".so" in word and not word.startswith(library)}:
        place = os.path.join(folder, "usr/lib", os.path.basename(path))
        if not os.path.exists(place):
            shutil.copy2(os.path.realpath(path), place)


def make_template(scratch, store):
    """One that has a module of its own, and says that it and one that is missing are to be imported."""
    root, context = os.path.join(scratch, "root"), os.path.join(scratch, "context")
    os.mkdir(root)
    os.mkdir(context)
    python_root(root)
    with open(os.path.join(context, "mine.py"), "w") as module:
        module.write("print('imported')\nvalue = 42\n")
    with open(os.path.join(context, "Dockerfile"), "w") as file:
        file.write('FROM python\nCOPY mine.py %s/\nLABEL other=x brig.preload="mine, no_such_module colorsys"\n' % library_of_python())
    for words in (("import", root, "--name", "python"), ("build", "preloading", context)):
        done = subprocess.run([BRIG, "template", *words, "--templates-dir", store], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class Warm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.mkdtemp(prefix="brig-warm-")
        cls.addClassCleanup(shutil.rmtree, scratch, ignore_errors=True)
        os.chmod(scratch, 0o755)
        store = os.path.join(scratch, "templates")
        flags = ["--templates-dir", store, "--pool", "1", "--pool-memory", "1G", "--warm", "host"]
        cls.has_template = os.path.exists("/usr/bin/mkfs.erofs")
        if cls.has_template:
            make_template(scratch, store)
            flags += ["--warm", "preloading"]
        cls.daemon = Daemon(*flags)
        cls.addClassCleanup(cls.daemon.end)
        cls.client = cls.daemon.client()
        cls.owner = cls.daemon.owner()
        cls.walls = [wall["name"] for wall in cls.client.expect(200, "GET", "/v1/runtimes")["items"] if wall["available"]]

    def figure(self, line):
        found = re.search(r"(?m)^%s (\S+)$" % re.escape(line), self.owner.get("/metrics").body.decode())
        return float(found.group(1)) if found else 0

    def starts(self):
        return {way: self.figure('brig_interpreters_total{way="%s"}' % way) for way in ("forked", "cold", "fallback")}

    def from_pool(self, template="host"):
        self.assertTrue(wait_until(lambda: self.figure('brig_pool_ready{runtime="process",template="%s"}' % template) >= 1))
        made = self.client.expect(201, "POST", "/v1/sandboxes", {"ttl_seconds": 600, "template": template})
        self.assertEqual(made["boot_mode"], "pool")
        self.addCleanup(self.client.request, "DELETE", "/v1/sandboxes/" + made["id"])
        return made["id"]

    def create(self, **body):
        sandbox = self.client.create(ttl_seconds=600, **body)
        self.addCleanup(self.client.request, "DELETE", "/v1/sandboxes/" + sandbox)
        return sandbox

    def open(self, sandbox, **body):
        return "/v1/sandboxes/%s/contexts/%s" % (sandbox, self.client.expect(201, "POST", "/v1/sandboxes/%s/contexts" % sandbox, body)["id"])

    def run_cell(self, context, code, **more):
        ran = self.client.expect(200, "POST", context + "/run", {"code": code, "timeout_ms": 60_000, **more})
        self.assertEqual(ran["status"], "ok", ran)
        return ran["results"][0]["data"]["text/plain"] if ran["results"] else ran["stdout"]

    def forks(self, act):
        """What `act` gives, and how many interpreters were forked by it."""
        before = self.starts()
        done = act()
        after = self.starts()
        return done, after["forked"] - before["forked"]

    def open_until_forked(self, sandbox, **body):
        """Contexts until the zygote that the first one has started is ready."""
        forked = []

        def is_forked():
            context, count = self.forks(lambda: self.open(sandbox, **body))
            forked.append(context)
            if not count:
                self.client.request("DELETE", context)
            return count
        self.assertTrue(wait_until(is_forked))
        return forked[-1]

    def zygote_and_spare(self, context):
        """As `context` sees them, when no other context lives that was forked: seen twice, as one that was closed may still end."""
        found = []

        def are_there():
            before = found[:]
            found[:] = json.loads(self.run_cell(context, FIND + ORPHANS + "import time; time.sleep(0.1); orphans(zygotes())"))
            return len(found) == 2 and found == before
        self.assertTrue(wait_until(are_there), found)
        return found

    def signal(self, context, name, *pids):
        self.run_cell(context, "import os, signal\nfor pid in %r: os.kill(pid, signal.%s)" % (pids, name))

    def test_a_prepared_sandbox_forks_its_first_context(self):
        sandbox = self.from_pool()
        before = self.starts()
        first, second = self.open(sandbox), self.open(sandbox, cwd="/tmp", env={"COLOUR": "red"})
        after = self.starts()
        self.assertEqual((after["forked"] - before["forked"], after["cold"] - before["cold"]), (2, 0))
        self.assertEqual(self.run_cell(first, "import os; os.getcwd(), os.environ['HOME'], os.environ.get('COLOUR')"), "('/workspace', '/home/user', None)")
        self.assertEqual(self.run_cell(second, "import os; os.getcwd(), os.environ['HOME'], os.environ.get('COLOUR')"), "('/tmp', '/home/user', 'red')")
        self.run_cell(first, "x = 1; import json; json.mine = 1")
        self.assertEqual(self.run_cell(second, "import json; 'x' in globals(), hasattr(json, 'mine')"), "(False, False)")
        drawn = [json.loads(self.run_cell(context, DRAW).replace("'", '"')) for context in (first, second)]
        for one, other in zip(*drawn):
            self.assertNotEqual(one, other)
        self.assertEqual(self.run_cell(first, "hash('text')"), self.run_cell(second, "hash('text')"))
        other = self.open(self.from_pool())
        self.assertNotEqual(self.run_cell(first, "hash('text')"), self.run_cell(other, "hash('text')"))

    def test_a_template_has_its_own_modules_imported(self):
        if not self.has_template:
            self.skipTest("erofs-utils is not installed")
        listed = self.client.expect(200, "GET", "/v1/templates/preloading")
        self.assertEqual(listed["preload"], ["mine", "no_such_module", "colorsys"])
        self.assertEqual(self.client.expect(200, "GET", "/v1/templates/host")["preload"], ["numpy", "pandas", "matplotlib.pyplot"])
        look = "import sys; [name in sys.modules for name in ('mine', 'colorsys', 'no_such_module')], 'mine' in globals()"
        prepared = self.from_pool("preloading")
        context, forked = self.forks(lambda: self.open(prepared))
        self.assertEqual((self.run_cell(context, look), forked), ("([True, True, False], False)", 1))
        self.assertEqual(self.run_cell(context, "import mine; mine.value"), "42")
        ran = self.client.expect(200, "POST", context + "/run", {"code": "import no_such_module"})
        self.assertEqual(ran["error"]["name"], "ModuleNotFoundError")
        # Behind the first context of one that was not kept ready as well.
        late = self.open_until_forked(self.create(template="preloading", limits={"memory": "600M"}))
        self.assertEqual(self.run_cell(late, look), "([True, True, False], False)")
        self.assertEqual(self.run_cell(self.open(self.from_pool()), "import sys; 'mine' in sys.modules"), "False")

    def test_its_end_and_restart_are_those_of_any_context(self):
        sandbox = self.from_pool()
        context = self.open(sandbox)
        ran = self.client.expect(200, "POST", context + "/run", {"code": "import os; os._exit(7)"})
        self.assertEqual((ran["status"], ran["error"]["name"]), ("died", "KernelDied"))
        self.assertIn("exit code 7", ran["error"]["value"])
        self.assertEqual(self.forks(lambda: self.run_cell(context, "1 + 1")), ("2", 1))
        self.client.expect(204, "POST", context + "/restart")
        self.assertEqual(self.forks(lambda: self.run_cell(context, "2 + 2")), ("4", 1))
        self.assertEqual(self.client.expect(200, "POST", context + "/run", {"code": "while True: pass", "timeout_ms": 200})["status"], "timeout")
        pid = int(self.run_cell(context, "import os; os.getpid()"))
        self.client.expect(204, "DELETE", context)
        self.assertTrue(wait_until(lambda: not os.path.exists("/proc/%d" % pid) or self.client.exec(sandbox, "test -d /proc/%d" % pid)["exit_code"] == 1))

    def test_whoever_kills_the_zygote_gets_contexts_all_the_same(self):
        sandbox = self.create(limits={"memory": "1G"})
        context = self.open_until_forked(sandbox)
        self.signal(context, "SIGKILL", self.zygote_and_spare(context)[0])
        before = self.starts()
        for _ in range(2):  # the spare may become the first, and there is no other
            orphan = self.open(sandbox)
            self.assertEqual(self.run_cell(orphan, "1 + 1"), "2")
            self.client.expect(204, "DELETE", orphan)
        after = self.starts()
        self.assertLessEqual(after["forked"] - before["forked"], 1)
        self.assertEqual(sum(after.values()) - sum(before.values()), 2)
        self.assertEqual(self.run_cell(context, "1 + 1"), "2")  # what it was forked for before goes on

    def test_whoever_kills_its_spare_as_well(self):
        sandbox = self.create(limits={"memory": "1G"})
        context = self.open_until_forked(sandbox)
        self.signal(context, "SIGKILL", *self.zygote_and_spare(context))
        before = self.starts()
        self.assertEqual(self.run_cell(self.open(sandbox), "1 + 1"), "2")
        after = self.starts()  # cold, if it was heard of the zygote's end before
        self.assertEqual([after["forked"] - before["forked"], after["fallback"] + after["cold"] - before["fallback"] - before["cold"]], [0, 1])
        self.client.expect(204, "DELETE", self.open_until_forked(sandbox))
        self.signal(context, "SIGSTOP", *self.zygote_and_spare(context))
        self.assertEqual(self.run_cell(self.open(sandbox), "2 + 2"), "4")  # after it was waited for

    def test_nobody_inside_looks_into_the_zygote(self):
        context = self.open(self.from_pool())
        code = FIND + """
refused = set()
for pid in zygotes():
    for path in ('mem', 'environ', 'maps', 'fd'):
        try:
            os.listdir('/proc/%d/fd' % pid) if path == 'fd' else open('/proc/%d/%s' % (pid, path), 'rb').read(1)
            refused.add('not ' + path)
        except PermissionError:
            refused.add(path)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
refused.add('not ptrace' if any(libc.ptrace(16, pid, 0, 0) == 0 for pid in zygotes()) else 'ptrace')
len(zygotes()) > 0, sorted(refused)"""
        self.assertEqual(self.run_cell(context, code), "(True, ['environ', 'fd', 'maps', 'mem', 'ptrace'])")
        self.assertEqual(self.run_cell(context, "import os; os.listdir('/proc/self/fd')[:3] != []"), "True")  # into itself, as always

    def test_what_acts_at_a_start_gets_a_start(self):
        sandbox = self.from_pool()
        context, forked = self.forks(lambda: self.open(sandbox, env={"PYTHONOPTIMIZE": "1"}))
        self.assertEqual((self.run_cell(context, "import sys; sys.flags.optimize"), forked), ("1", 0))
        self.client.exec(sandbox, "echo 'here = 1' > /workspace/calendar.py")
        context = self.open(sandbox)
        self.assertEqual(self.run_cell(context, "import calendar; getattr(calendar, 'here', 0)"), "1")

    def test_little_memory_warms_nothing(self):
        sandbox = self.create(limits={"memory": "300M"})
        for _ in range(2):
            self.assertEqual(self.forks(lambda: self.open(sandbox))[1], 0)
        self.assertEqual(self.run_cell(self.open(sandbox), FIND + "zygotes()"), "[]")

    def test_a_cell_that_hoards_memory_ends_alone(self):
        sandbox = self.create(limits={"memory": "512M"})
        context = self.open_until_forked(sandbox)
        ran = self.client.expect(200, "POST", context + "/run", {"code": "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))", "timeout_ms": 60_000})
        self.assertEqual(ran["status"], "died", ran)
        self.assertIn("memory_limit", ran["error"]["value"])
        self.assertEqual(self.run_cell(context, "1 + 1"), "2")

    def test_behind_every_wall(self):
        for wall in ("container", "gvisor"):
            with self.subTest(wall):
                if wall not in self.walls:
                    self.skipTest("the wall %s cannot be built here (brig doctor says why)" % wall)
                sandbox = self.create(runtime=wall, limits={"memory": "1G"})
                first = self.open_until_forked(sandbox)
                code = FIND + "\nseen = [os.access('/proc/%d/mem' % pid, os.R_OK) for pid in zygotes()]\nlen(seen) > 0, any(seen)"
                self.assertEqual(self.run_cell(first, code), "(True, False)")
                second, forked = self.forks(lambda: self.open(sandbox))
                self.assertEqual(forked, 1)
                drawn = [json.loads(self.run_cell(context, DRAW).replace("'", '"')) for context in (first, second)]
                for one, other in zip(*drawn):
                    self.assertNotEqual(one, other)
                ran = self.client.expect(200, "POST", first + "/run", {"code": "import os; os._exit(3)"})
                self.assertIn("exit code 3", ran["error"]["value"])
                self.assertEqual(self.run_cell(second, "1 + 1"), "2")
                self.client.kill(sandbox)

    @unittest.skipUnless(os.path.isdir("/usr/lib/python3/dist-packages/IPython"), "no IPython in /usr")
    def test_ipython_is_forked_as_well(self):
        sandbox = self.create(limits={"memory": "1G"})
        context = self.open_until_forked(sandbox, env={"BRIG_ENGINE": "ipython"})
        self.assertEqual(self.run_cell(context, "%pwd"), "'/workspace'")
        self.assertEqual(self.forks(lambda: self.open(sandbox))[1], 0)  # of the other engine


if __name__ == "__main__":
    unittest.main()
