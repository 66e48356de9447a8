#!/usr/bin/python3
"""Tests of the Python kernel on the host's own python3 (the cells here are ours and harmless)."""
import os
import signal
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testing"))

from kernel_process import Died, KernelProcess, is_gone  # noqa: E402

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
COMMAND = [PYTHON, os.path.join(HERE, "kernel.py")]
CACHE = os.path.join(tempfile.gettempdir(), "brig-driver-test-%d" % os.getuid())


class KernelCase(unittest.TestCase):
    environment = {"BRIG_ENGINE": "stdlib"}

    def setUp(self):
        self.kernel = KernelProcess(COMMAND, {"MPLCONFIGDIR": CACHE, **self.environment})
        self.addCleanup(self.kernel.close)

    def run_cell(self, code, **fields):
        return self.kernel.run(textwrap.dedent(code), **fields)

    def assert_lives(self):
        self.assertEqual(self.run_cell("40 + 2").main, "42")


class ProtocolTest(KernelCase):
    def test_ready_tells_what_it_is(self):
        self.assertEqual((self.kernel.ready["type"], self.kernel.ready["language"], self.kernel.ready["engine"]), ("ready", "python", "stdlib"))
        self.assertRegex(self.kernel.ready["version"], r"^3\.\d+\.\d+$")

    def test_state_stays_and_cells_are_counted(self):
        self.assertEqual(self.kernel.begin("x = 1")["count"], 1)
        self.assertEqual([event["type"] for event in self.kernel.end().events], ["end"])
        self.assertEqual(self.kernel.begin("x += 1; x")["count"], 2)
        ran = self.kernel.end()
        self.assertEqual((ran.main, ran.status), ("2", "ok"))
        self.assertEqual(self.run_cell("_").main, "2")

    def test_requests_that_are_none_are_left_out(self):
        for line in (b"", b"nonsense", b"{", b"[]", b"7", b'{"op":"fly"}', b'{"op":"run","id":1}', b'{"op":"run","id":"x","code":"1"}',
                     b"\xff\xfe", b"[" * 100000, *(b'{"op":"run","id":1,"code":"1",' + more + b"}" for more in (
                         b'"timeout_ms":-1', b'"timeout_ms":"x"', b'"timeout_ms":%d' % 10**30, b'"env":[1]', b'"env":{"a":1}', b'"cwd":7'))):
            self.kernel.send(line)
        self.assert_lives()

    def test_stop_and_end_of_requests_end_it_whatever_runs(self):
        self.run_cell("import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()")
        self.assertEqual(self.kernel.close(), 0)
        other = KernelProcess(COMMAND)
        other.process.stdin.close()
        self.assertEqual(other.process.wait(30), 0)
        other.close()

    def test_no_events_descriptor_is_refused(self):
        import subprocess
        done = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"descriptor 3, where events go", done.stderr)

    def test_descriptors_of_the_kernel_are_not_the_cells(self):
        ran = self.run_cell("""
            import os, subprocess
            print(repr(os.read(0, 5)), sorted(int(n) for n in os.listdir("/proc/self/fd") if int(n) < 900)[:3])
            subprocess.run(["sh", "-c", "ls /proc/self/fd | tr '\\\\n' ' '"])
            """)
        first, second = ran.out.splitlines()
        self.assertEqual(first, "b'' [0, 1, 2]")
        self.assertEqual(second.split(), ["0", "1", "2", "3"])  # 3 is the folder that ls reads

    def test_output_is_out_before_results_and_end(self):
        ran = self.run_cell("""
            import sys, subprocess
            sys.stdout.write("partial ")
            subprocess.run(["echo", "child"])
            sys.stdout.write("more")
            sys.stderr.write("bad")
            """)
        self.assertEqual((ran.out, ran.err), ("child\npartial more", "bad"))

    def test_huge_results_become_a_note_and_huge_errors_are_cut(self):
        ran = self.run_cell("'x' * (11 << 20)")
        self.assertIn("over the limit", ran.main)
        ran = self.run_cell("raise ValueError('\\U0001F600' * (2 << 20))")
        self.assertIn("characters left out", ran.error["value"])
        self.assertLess(len(self.kernel.last_line), 10 << 20)
        self.assert_lives()

    def test_huge_output_does_not_end_it(self):
        self.assertEqual(len(self.run_cell("print('x' * (20 << 20))").out), (20 << 20) + 1)
        self.assert_lives()

    def test_huge_cell(self):
        self.assertEqual(self.run_cell("x = '%s'\nlen(x)" % ("y" * (10 << 20))).main, str(10 << 20))
        self.assert_lives()


class CellTest(KernelCase):
    def test_what_is_echoed(self):
        for code, main in (("1 + 1", "2"), ("1;", None), ("1; 2", "2"), ("None", None), ("x = 1", None), ("'a;'", "'a;'"), ("1;  # why", None),
                           ("'é'; ", None), ("'é'", "'é'"), ("", None), ("# nothing", None), ("(1,\n 2)", "(1, 2)"), ("if True: 5", None)):
            with self.subTest(code):
                ran = self.kernel.run(code)
                self.assertEqual((ran.main, ran.status), (main, "ok"))

    def test_indented_cells(self):
        self.assertEqual(self.kernel.run("\n    x = 5\n    if x:\n        x += 1\n    x\n    ").main, "6")
        self.assertEqual(self.kernel.run("\tx\r\n").main, "6")

    def test_main_is_real(self):
        ran = self.run_cell("""
            import __main__, pickle, multiprocessing, sys
            class Thing: pass
            def double(x): return 2 * x
            with multiprocessing.get_context("fork").Pool(2) as pool: doubled = pool.map(double, [1, 2])
            type(pickle.loads(pickle.dumps(Thing()))) is Thing, __name__, __main__.__dict__ is globals(), doubled, sys.argv
            """)
        self.assertEqual(ran.main, "(True, '__main__', True, [2, 4], [''])")

    def test_future_statements_stay(self):
        self.run_cell("from __future__ import annotations")
        self.assertEqual(self.run_cell("def f(x: nowhere): pass\nf.__annotations__").main, "{'x': 'nowhere'}")

    def test_source_can_be_read(self):
        self.run_cell("def f():\n    return 'text of f'")
        self.assertIn("text of f", self.run_cell("import inspect; inspect.getsource(f)").main)

    def test_traceback_starts_in_the_users_code(self):
        self.run_cell("def f(n):\n    return 1 / n")
        error = self.run_cell("x = 0\nf(x)").error
        self.assertEqual((error["name"], error["value"]), ("ZeroDivisionError", "division by zero"))
        lines = error["traceback"].splitlines()
        self.assertEqual(lines[:3], ["Traceback (most recent call last):", '  File "<cell 2>", line 2, in <module>', "    f(x)"])
        self.assertIn('  File "<cell 1>", line 2, in f', lines)
        self.assertIn("    return 1 / n", lines)
        self.assertNotIn("kernel.py", error["traceback"])

    def test_chained_and_own_excepthook_and_groups(self):
        error = self.run_cell("""
            try: {}["k"]
            except KeyError as e: raise ValueError("second") from e
            """).error
        self.assertIn("KeyError", error["traceback"])
        self.assertIn("direct cause", error["traceback"])
        self.assertNotIn("kernel.py", error["traceback"])

    def test_syntax_errors(self):
        for code in ("x = (", "if True:\nprint(1)", "def f(:", "return 1", "x = 1 +\n", "break", "\0"):
            with self.subTest(code):
                ran = self.kernel.run(code)
                self.assertEqual(ran.status, "error")
                self.assertIn(ran.error["name"], ("SyntaxError", "IndentationError", "ValueError"))
                self.assertNotIn("kernel.py", ran.error["traceback"])
        self.assertIn("    x = (\n        ^", self.kernel.run("x = (").error["traceback"])

    def test_exceptions_that_cannot_be_told(self):
        ran = self.run_cell("""
            class Bad(Exception):
                def __str__(self): raise RuntimeError
            raise Bad
            """)
        self.assertEqual((ran.error["name"], ran.error["value"]), ("Bad", "<unprintable Bad object>"))

    def test_system_exit_ends_the_cell_only(self):
        for code, exit_code in (("raise SystemExit", 0), ("import sys; sys.exit(7)", 7), ("exit(300)", 44), ("exit('why')", 1)):
            with self.subTest(code):
                ran = self.run_cell("kept = 1\n" + code)
                self.assertEqual((ran.status, ran.exit_code, ran.error), ("exit", exit_code, None))
        self.assertEqual(ran.err, "why\n")
        self.assertEqual(self.run_cell("kept").main, "1")

    def test_input_is_refused_clearly(self):
        error = self.run_cell("input('name? ')").error
        self.assertEqual(error["name"], "EOFError")
        self.assertIn("nobody can type", error["value"])
        self.assertEqual(self.run_cell("import sys; sys.stdin.read()").main, "''")

    def test_env_of_one_cell(self):
        self.run_cell("import os; os.environ['STAYS'] = 'old'")
        ran = self.run_cell("os.environ['FOO'], os.environ['STAYS'], os.popen('echo $FOO').read()", env={"FOO": "bar", "STAYS": "new"})
        self.assertEqual(ran.main, "('bar', 'new', 'bar\\n')")
        self.assertEqual(self.run_cell("os.environ.get('FOO'), os.environ['STAYS']").main, "(None, 'old')")
        self.assertEqual(self.run_cell("1", env={"A=B": "x", "": "y"}).status, "error")
        self.assert_lives()

    def test_folder_of_a_cell(self):
        self.assertEqual(self.run_cell("import os; os.getcwd()", cwd="/usr").main, "'/usr'")
        ran = self.run_cell("print('ran')", cwd="/nowhere")
        self.assertEqual((ran.status, ran.error["name"], ran.out), ("error", "FileNotFoundError", ""))

    def test_modules_of_the_working_folder(self):
        self.run_cell("open('neighbour.py', 'w').write('value = 7')")
        self.assertEqual(self.run_cell("import neighbour; neighbour.value").main, "7")

    def test_pip_without_a_network_says_what_to_do(self):
        with tempfile.NamedTemporaryFile("w", suffix=".dev") as interfaces:
            interfaces.write("Inter-|\n face |\n    lo: 0\n")
            interfaces.flush()
            self.run_cell("magics = __brig__.__closure__[0].cell_contents.part('magics')\nmagics['INTERFACES'] = %r" % interfaces.name)
            for line in ("!pip install -q no_such_a 'no-such-b>=2'", "%%pip install no_such_a no-such-b", "!%s -m pip install no_such_a no-such-b" % PYTHON):
                with self.subTest(line):
                    ran = self.run_cell(line.replace("%%", "%"))
                    self.assertIn("this sandbox has no network", ran.err)
                    self.assertIn("--lib no_such_a,no-such-b", ran.err)
                    self.assertEqual((ran.err.count("\n"), ran.status, self.run_cell("_exit_code").main), (1, "ok", "1"))
            for line in ("pip install no_such_a > /dev/null", "pip install ./here", "pip install -r list", "pip list", "pip install no_such_a; true", "echo 'pip"):
                self.assertEqual(self.run_cell("magics['wanted_of_pip'](%r)" % line).main, "[]", line)
            self.run_cell("magics['INTERFACES'] = '/proc/self/nowhere'")
            self.assertEqual(self.run_cell("magics['answered_for_pip']('pip install no_such_a')").main, "False")



class AwaitTest(KernelCase):
    def test_await_at_the_top_level_in_one_loop(self):
        self.run_cell("import asyncio\nq = asyncio.Queue()\ntask = asyncio.get_running_loop().create_task(q.put(5)) if await asyncio.sleep(0) else None")
        self.assertEqual(self.run_cell("await q.put(1)\nawait q.get()").main, "1")
        self.assertEqual(self.run_cell("async with asyncio.timeout(5) as t: pass\nasync def f(): return 3\nawait f()").main if sys.version_info >= (3, 11) else "3", "3")
        self.assertEqual(self.run_cell("asyncio.run(f())").main, "3")

    def test_a_task_goes_on_in_a_later_cell(self):
        self.run_cell("import asyncio\nlater = asyncio.ensure_future(asyncio.sleep(0.01, 'done')) if not await asyncio.sleep(0) else 0")
        self.assertEqual(self.run_cell("await later").main, "'done'")

    def test_timeout_while_waiting(self):
        self.run_cell("import asyncio\nx = 5")
        ran = self.run_cell("await asyncio.sleep(1000)", timeout_ms=200)
        self.assertEqual(ran.status, "timeout")
        self.assertEqual(self.run_cell("await asyncio.sleep(0, x)").main, "5")

    def test_error_in_a_coroutine(self):
        error = self.run_cell("async def f(): return 1 / 0\nawait f()").error
        self.assertEqual(error["traceback"].count("File"), 2, error["traceback"])


class EndTest(KernelCase):
    """Timeouts, interrupts and misbehaviour: the next cell works."""

    def test_timeout_keeps_the_state(self):
        self.run_cell("kept = 1")
        ran = self.run_cell("while True: pass", timeout_ms=200)
        self.assertEqual((ran.status, ran.error["name"]), ("timeout", "TimeoutError"))
        self.assertIn("200 ms", ran.error["value"])
        self.assertIn("while True", ran.error["traceback"])
        self.assertEqual(self.run_cell("kept", timeout_ms=10000).main, "1")

    def test_timeout_is_of_one_cell(self):
        self.run_cell("1", timeout_ms=100)
        self.assertEqual(self.run_cell("import time; time.sleep(0.3); 'slept'").main, "'slept'")

    def test_timeout_that_is_swallowed_once(self):
        for kind in ("Exception", "BaseException"):
            with self.subTest(kind):
                self.run_cell("import time")
                ran = self.run_cell("try: time.sleep(100)\nexcept %s: time.sleep(100)" % kind, timeout_ms=150)
                self.assertEqual(ran.status, "timeout")
                self.assert_lives()

    def test_interrupt(self):
        self.kernel.begin("kept = 2\nprint('running')\nimport time\nwhile True: time.sleep(0.01)")
        self.kernel.wait_for_output("running")
        self.kernel.interrupt()
        ran = self.kernel.end()
        self.assertEqual((ran.status, ran.error["name"]), ("interrupted", "KeyboardInterrupt"))
        self.assertIn("<cell 1>", ran.error["traceback"])
        self.assertEqual(self.run_cell("kept").main, "2")

    def test_interrupt_without_a_cell_is_ignored(self):
        for _ in range(20):
            self.kernel.interrupt()
        self.assert_lives()
        self.kernel.interrupt()
        self.assert_lives()

    def test_interrupts_at_any_moment(self):
        for _ in range(100):
            self.kernel.begin("for i in range(2000): i")
            self.kernel.interrupt()
            self.kernel.interrupt()
            self.assertIn(self.kernel.end().status, ("ok", "interrupted"))
        self.assert_lives()

    def test_interrupt_ends_a_command_and_its_children(self):
        self.kernel.begin("!sleep 1000 & echo started $BASHPID $!; sleep 1000; true")
        self.kernel.wait_for_output("\n")
        self.kernel.interrupt()
        ran = self.kernel.end()
        self.assertEqual(ran.status, "interrupted")
        for child in ran.out.split()[1:]:
            self.assertTrue(is_gone(int(child)), child)

    def test_interrupt_right_after_the_beginning_is_not_lost(self):
        for code in ("while True: pass", "while True: display(1)", "import time; time.sleep(1000)"):
            for _ in range(10):
                self.kernel.begin(code)
                self.kernel.interrupt()
                # One that comes between Python's last look and the system call's beginning is seen after it only: so hosts repeat it.
                if "sleep" in code and not self.kernel.has_event(0.5):
                    self.kernel.interrupt()
                self.assertEqual(self.kernel.end().status, "interrupted")
        self.assert_lives()

    def test_a_command_of_the_system_ends_too(self):
        self.assertEqual(self.run_cell("import os\nos.system('echo hi; exit 3') >> 8, os.system('kill $$')").main, "(3, 15)")
        self.assertEqual(self.run_cell("os.system('sleep 1000')", timeout_ms=150).status, "timeout")
        self.assert_lives()

    def test_handlers_of_a_cell_do_not_outlive_it(self):
        self.run_cell("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGALRM, signal.SIG_IGN)")
        self.kernel.interrupt()
        self.assertEqual(self.run_cell("while True: pass", timeout_ms=150).status, "timeout")

    def test_endless_repr_and_endless_message(self):
        self.run_cell("""
            class Endless:
                def __repr__(self):
                    while True: pass
                _repr_html_ = __str__ = __repr__
            """)
        ran = self.run_cell("Endless()", timeout_ms=200)
        self.assertEqual(ran.status, "timeout")
        self.assertEqual(self.run_cell("raise type('E', (Exception,), {'__str__': Endless.__repr__})", timeout_ms=200).status, "timeout")
        self.assert_lives()

    def test_repr_that_fails(self):
        error = self.run_cell("class Bad:\n    def __repr__(self): return 1 / 0\nBad()").error
        self.assertEqual(error["name"], "ZeroDivisionError")
        self.assertNotIn("kernel.py", error["traceback"])

    def test_recursion(self):
        self.assertEqual(self.run_cell("def f(): f()\nf()").error["name"], "RecursionError")
        self.assertEqual(self.run_cell("a = []\nfor _ in range(100000): a = [a]\na").error["name"], "RecursionError")
        self.assertEqual(self.run_cell("(" * 5000 + ")" * 5000).status, "error")
        self.run_cell("x = []; x.append(x)")
        self.assertEqual(self.run_cell("x").main, "[[...]]")

    def test_replaced_streams(self):
        self.run_cell("import sys, io; sys.stdout = io.StringIO(); print('lost')")
        self.assertEqual(self.run_cell("print('seen')").out, "seen\n")
        self.run_cell("sys.stdout = sys.stderr = None")
        self.assertEqual(self.run_cell("print('seen')").out, "seen\n")
        self.run_cell("class S:\n    def write(self, t): raise OSError\nsys.stdout = sys.stderr = S()\n1/0")
        self.assertEqual(self.run_cell("print('seen')").out, "seen\n")
        self.run_cell("sys.stdout.close(); sys.stderr.detach()")
        self.assertEqual(self.run_cell("print('seen')").out, "seen\n")

    def test_closed_descriptors(self):
        self.run_cell("import os; os.close(1); os.close(2); os.close(0)")
        ran = self.run_cell("print('seen'); import sys; print('too', file=sys.stderr); os.system('echo child; cat')")
        self.assertEqual((ran.out, ran.err), ("seen\nchild\n", "too\n"))
        self.run_cell("os.dup2(os.open('/dev/null', os.O_WRONLY), 1)")
        self.assertEqual(self.run_cell("print('seen')").out, "seen\n")
        self.run_cell("os.closerange(3, 900)")
        self.assert_lives()

    def test_all_descriptors_closed_ends_the_kernel_with_a_sentence(self):
        self.kernel.begin("import os; os.closerange(3, 1 << 16)")
        with self.assertRaises(Died):
            self.kernel.end()
        self.assertEqual(self.kernel.process.wait(30), 70)
        self.kernel.readers[1].join(30)
        self.assertIn("the context ends", self.kernel.take("err"))

    def test_threads_that_outlive_their_cell(self):
        self.run_cell("""
            import threading, time
            go, done = threading.Event(), threading.Event()
            def late():
                go.wait()
                display("late")
                print("late print", flush=True)
                done.set()
            threading.Thread(target=late).start()
            """)
        ran = self.run_cell("go.set(); done.wait(60); 1")
        self.assertEqual(ran.main, "1")
        self.assertIn("late print", ran.out)

    def test_threads_may_display(self):
        ran = self.run_cell("""
            import threading
            threads = [threading.Thread(target=lambda: [display(n) for n in range(200)]) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """)
        self.assertEqual(len(ran.results), 800)
        self.assert_lives()

    def test_a_forked_child_never_answers(self):
        ran = self.run_cell("""
            import os
            child = os.fork()
            if child: os.waitpid(child, 0)
            print("in", "parent" if child else "child")
            display(1)
            """)
        self.assertEqual((ran.out, len(ran.results)), ("in child\nin parent\n", 1))
        ran = self.run_cell("if os.fork() == 0: raise SystemExit(5)\nos.WEXITSTATUS(os.wait()[1])")
        self.assertEqual(ran.main, "5")
        self.assert_lives()

    def test_tracing_does_not_outlive_its_cell(self):
        self.run_cell("import sys\ndef trace(*a): raise RuntimeError\nsys.settrace(trace)")
        self.assert_lives()

    def test_names_may_be_cleared(self):
        self.run_cell("globals().clear()")
        self.assert_lives()
        self.run_cell("import sys; sys.modules.clear()")
        self.assert_lives()

    def test_kernel_files_may_be_deleted(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in os.listdir(HERE):
                if name.endswith(".py"):
                    with open(os.path.join(HERE, name)) as source, open(os.path.join(folder, name), "w") as target:
                        target.write(source.read())
            kernel = KernelProcess([PYTHON, os.path.join(folder, "kernel.py")])
            self.addCleanup(kernel.close)
            kernel.run("import os\nfor n in os.listdir(%r): os.remove(%r + '/' + n)" % (folder, folder))
            self.assertEqual(kernel.run("[1]").main, "[1]")
            self.assertEqual(kernel.run("1/0").error["name"], "ZeroDivisionError")

    def test_a_crash_says_where(self):
        self.kernel.begin("import ctypes\nctypes.string_at(0)")
        with self.assertRaises(Died):
            self.kernel.end()
        self.assertEqual(self.kernel.process.wait(30), -signal.SIGSEGV)
        self.kernel.readers[1].join(30)
        self.assertIn('"<cell 1>", line 2', self.kernel.take("err"))


if __name__ == "__main__":
    unittest.main()
