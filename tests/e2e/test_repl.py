#!/usr/bin/python3
"""brig repl and brig run --context: interpreters that keep their state, at the command line."""
import os
import pty
import signal
import subprocess
import tempfile
import unittest

import service
from service import BRIG, PATIENCE, Daemon, no_daemon, wait_until

PICTURE = ("import base64\nclass P:\n    def _repr_png_(self): return base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+"
           "M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')\n")


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class Interpreters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--pool", "1")
        cls.addClassCleanup(cls.daemon.end)
        cls.client = cls.daemon.client()
        cls.environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), "BRIG_API_KEY": cls.daemon.key,
                           "BRIG_API_URL": "http://%s:%d" % cls.daemon.address}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def brig(self, *words, given="", environment=None):
        return subprocess.run([BRIG, *words], input=given, cwd=self.folder, env=environment or self.environment, capture_output=True, text=True,
                              timeout=PATIENCE)

    def test_a_pipe_is_read_cell_by_cell(self):
        ran = self.brig("repl", given="x = 20\ndef f(n):\n    if n:\n        return x + n\n\n    return 0\nprint(f(1))\nf(22)\n")
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, "21\n42\n", ""))
        ran = self.brig("repl", given="1 / 0\nprint('goes on')\n")
        self.assertEqual((ran.returncode, ran.stdout), (1, "goes on\n"))
        self.assertIn("ZeroDivisionError", ran.stderr)
        ran = self.brig("repl", given="import no_such_module\n!pip install no_such_module\n")
        self.assertIn("brig: the template host has the Python modules of the machine's /usr: apt-get install python3-no_such_module", ran.stderr)
        self.assertIn("pip: this sandbox has no network", ran.stderr)
        self.assertEqual(self.brig("repl", "-l", "bash", given="x=4\nfor i in 1 2\ndo echo $i$x\ndone\n").stdout, "14\n24\n")
        self.assertEqual(self.brig("repl", "--lang", "js", given="const a = [1,\n2]\na.length\n").stdout, "2\n")
        self.assertEqual(self.client.list("state=running&metadata.context="), [])

    def test_what_ends_a_shell_ends_it(self):
        for words, given, code in (((), "exit\n", 0), ((), "print(1)\nexit(3)\nprint(2)\n", 3), ((), "import sys; sys.exit()", 0), (("-l", "bash"), "echo 1\nexit 4\necho 2\n", 4),
                                   (("-l", "js"), "console.log(1)\nprocess.exit(5)\nconsole.log(2)\n", 5)):
            with self.subTest(given):
                ran = self.brig("repl", *words, given=given)
                self.assertEqual((ran.returncode, ran.stdout.strip(), ran.stderr), (code, "1" if "1" in given else "", ""))

    def test_figures_are_saved_and_named(self):
        ran = self.brig("repl", "--out", "pictures", given=PICTURE + "P()\ndisplay(P())\n")
        self.assertEqual(ran.stderr, "figure saved: pictures/figure-1.png\nfigure saved: pictures/figure-2.png\n")
        with open(os.path.join(self.folder, "pictures/figure-2.png"), "rb") as file:
            self.assertEqual(file.read(4), b"\x89PNG")
        ran = self.brig("repl", "--out", "pictures", given=PICTURE + "P()\n")
        self.assertEqual(ran.stderr, "figure saved: pictures/figure-3.png\n", "what is there stays")

    def test_in_a_sandbox_that_is_there(self):
        sandbox = self.client.create(ttl_seconds=600)
        self.assertEqual(self.brig("repl", "--sandbox", sandbox, given="open('/workspace/kept', 'w').write('k')\n").stdout, "1\n")
        self.assertEqual(self.client.exec(sandbox, "cat kept")["stdout"], "k")
        self.assertEqual(self.client.expect(200, "GET", f"/v1/sandboxes/{sandbox}/contexts")["items"], [])
        self.client.kill(sandbox)
        self.assertEqual(self.brig("repl", "--sandbox", sandbox, given="1\n").returncode, 125)
        self.assertEqual(self.brig("repl", "--lang", "klingon").returncode, 2)
        self.assertEqual(self.brig("repl", "--sandbox", "x", "--memory", "1G").returncode, 2)

    def test_at_a_terminal(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)

        def become_controlling():
            os.setsid()
            import fcntl
            import termios
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        child = subprocess.Popen([BRIG, "repl"], stdin=slave, stdout=slave, stderr=slave, cwd=self.folder, env=self.environment, preexec_fn=become_controlling)
        os.close(slave)
        seen = [b""]

        def read_until(wanted):
            def has_come():
                import select
                if select.select([master], [], [], 0.1)[0]:
                    seen[0] += os.read(master, 4096)
                return wanted in seen[0]
            self.assertTrue(wait_until(has_come), seen[0])
            seen[0] = seen[0].partition(wanted)[2]
        read_until(b"Ctrl-D ends\r\n>>> ")
        os.write(master, b"for i in 6, 7:\n")
        read_until(b"... ")
        os.write(master, b"    print(i * 6)\n\n")
        read_until(b"42\r\n")
        read_until(b">>> ")
        os.write(master, b"print('[\\x1b]0;title\\x07\\x1b[6n\\x1b[31mred]')\n")
        read_until(b"[\x1b[31mred]\r\n\x1b[0m>>> ")
        os.write(master, b"import time; print('go'); time.sleep(600)\n")
        read_until(b"go\r\n")
        os.write(master, b"\x03")
        read_until(b"KeyboardInterrupt")
        read_until(b">>> ")
        os.write(master, b"f(1,\n")
        read_until(b"... ")
        os.write(master, b"\x03")
        read_until(b">>> ")
        os.write(master, b"i\n")
        read_until(b"7\r\n")
        read_until(b">>> ")
        os.write(master, b"\x04")
        self.assertEqual(child.wait(PATIENCE), 0)

    def test_with_a_daemon_of_its_own(self):
        alone = {name: value for name, value in self.environment.items() if not name.startswith("BRIG")}
        ran = self.brig("repl", given="6 * 7\n", environment=alone)
        self.assertEqual((ran.returncode, ran.stdout), (0, "42\n"), ran.stderr)

    def test_a_named_context_keeps_its_state_between_calls(self):
        def run(*words, given=""):
            return self.brig("run", "--context", "work", *words, given=given)
        self.assertEqual(run("-c", "x = 41").returncode, 0)
        ran = run("-c", "print('on'); x + 1")
        self.assertEqual((ran.returncode, ran.stdout), (0, "on\n42\n"), ran.stderr)
        self.assertEqual(run("-", given="print(x)").stdout, "41\n")
        self.assertIn("NameError", self.brig("run", "--context", "other", "-c", "x").stderr)
        self.assertEqual(run("-l", "bash", "-c", "y=1").returncode, 0)
        self.assertEqual(run("-l", "bash", "-c", "echo $y").stdout, "1\n")
        self.assertEqual(run("-c", "import sys; sys.exit(3)").returncode, 3)
        self.assertEqual(run("-c", "1 / 0").returncode, 1)
        late = run("--timeout", "300ms", "-c", "z = 5\nwhile True: pass")
        self.assertEqual((late.returncode, run("-c", "z").stdout), (124, "5\n"), late.stderr)
        found = self.client.list("state=running&metadata.context=work")
        self.assertEqual(len(found), 1)
        sandbox = found[0]["id"]
        context = self.client.expect(200, "GET", f"/v1/sandboxes/{sandbox}/contexts")["items"][0]["id"]
        self.assertEqual(self.brig("run", "--context", f"{sandbox}/{context}", "-c", "x").stdout, "41\n")
        self.client.kill(sandbox)
        self.assertIn("NameError", run("-c", "x").stderr)

    def test_mistakes(self):
        for words in (["--context", "", "-c", "1"], ["--context", "a b", "-c", "1"], ["--context", "a/b/c", "-c", "1"], ["--context", "a"],
                      ["--context", "a", "--memory", "1G", "-c", "1"], ["--context", "a", "-c", "1", "--timeout", "soon"]):
            with self.subTest(words):
                ran = self.brig("run", *words)
                self.assertEqual(ran.returncode, 2, ran.stderr)
        for words, said in ((["--in", "."], "--in is not with --context: .*brig sandbox cp"), (["--json"], "--json is not with --context: "),
                            (["--memory=1G"], "--memory is not with --context: ")):
            with self.subTest(words):
                ran = self.brig("run", "--context", "a", *words, "-c", "1")
                self.assertRegex(ran.stderr, said)
                self.assertEqual(ran.returncode, 2)
        self.assertIn('"-c" is no name', self.brig("run", "--context", "-c", "1").stderr)
        self.assertEqual(self.client.list("state=running&metadata.context=a"), [])
        for words in (["--context", "--help"], ["--context", "-h"], ["--context", "a", "--help"]):
            with self.subTest(words):
                ran = self.brig("run", *words)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertIn("Usage: brig run --context NAME", ran.stdout)
        nowhere = {**self.environment, "BRIG_API_URL": "http://127.0.0.1:9"}
        ran = self.brig("run", "--context", "a", "-c", "1", environment=nowhere)
        self.assertEqual(ran.returncode, 125)
        self.assertIn("reach the daemon", ran.stderr)

    def test_what_is_no_daemon_is_said_to_be_none(self):
        for answer in (b"[]", b"{}", b'{"id": 7}', b""):
            with self.subTest(answer), no_daemon(answer) as url:
                environment = {**self.environment, "BRIG_API_URL": url}
                for words in (["repl"], ["repl", "--sandbox", "s1"], ["run", "--context", "a", "-c", "1"]):
                    ran = self.brig(*words, environment=environment)
                    self.assertEqual(ran.returncode, 125, (words, ran.stderr))
                    self.assertIn("names no id", ran.stderr)

    def test_whoever_is_stopped_has_the_cell_interrupted(self):
        child = subprocess.Popen([BRIG, "run", "--context", "stopped", "-c", "n = 1\nprint('go', flush=True)\nimport time\ntime.sleep(600)"],
                                 env=self.environment, cwd=self.folder, stdout=subprocess.PIPE)
        self.addCleanup(child.stdout.close)
        self.assertEqual(child.stdout.readline(), b"go\n")
        child.send_signal(signal.SIGINT)
        child.wait(PATIENCE)
        self.assertEqual(self.brig("run", "--context", "stopped", "-c", "n").stdout, "1\n")


if __name__ == "__main__":
    unittest.main()
