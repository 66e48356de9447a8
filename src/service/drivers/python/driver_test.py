#!/usr/bin/python3
"""Tests of the Python driver on the host's own python3 (the programs here are ours and harmless)."""
import base64
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def has_module(name):
    return subprocess.run([PYTHON, "-c", "import " + name], capture_output=True).returncode == 0


HAS_MATPLOTLIB = has_module("matplotlib")


class Ran:
    def __init__(self, code, out, err, lines):
        self.code, self.out, self.err = code, out, err
        self.lines = [json.loads(line) for line in lines.decode().splitlines()]
        self.results = [line["data"] for line in self.lines if line["type"] == "result"]
        self.errors = [line for line in self.lines if line["type"] == "error"]


class DriverTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "HOME": self.folder, "LANG": "C.UTF-8", "MPLBACKEND": "Agg",
                "MPLCONFIGDIR": os.path.join(tempfile.gettempdir(), "brig-driver-test-%d" % os.getuid())}

    def run_driver(self, source, *args, kind="file", stdin=b"", has_results=True):
        program = os.path.join(self.folder, "main.py")
        with open(program, "wb") as file:
            file.write(source if isinstance(source, bytes) else textwrap.dedent(source).encode())
        results = os.path.join(tempfile.gettempdir(), self.id() + ".results")
        self.addCleanup(lambda: os.path.exists(results) and os.remove(results))
        # A file in place of the pipe: nobody has to drain it while the program runs.
        shell = 'exec 3>"$0"; exec "$@"' if has_results else 'exec 3>&-; : >"$0"; exec "$@"'
        done = subprocess.run(["/bin/sh", "-c", shell, results, PYTHON, os.path.join(HERE, "driver.py"), kind, program, *args],
                              input=stdin, capture_output=True, cwd=self.folder, env=self.environment())
        with open(results, "rb") as file:
            return Ran(done.returncode, done.stdout.decode(), done.stderr.decode(), file.read())

    def run_plain(self, source):
        """What python itself does with the same file."""
        program = os.path.join(self.folder, "main.py")
        with open(program, "wb") as file:
            file.write(source if isinstance(source, bytes) else textwrap.dedent(source).encode())
        return subprocess.run([PYTHON, program], capture_output=True, cwd=self.folder, env=self.environment())

    def assert_same_as_python(self, source):
        plain = self.run_plain(source)
        ran = self.run_driver(source)
        self.assertEqual(ran.err, plain.stderr.decode())
        self.assertEqual(ran.out, plain.stdout.decode())
        self.assertEqual(ran.code, plain.returncode)
        return ran

    def test_main_is_what_python_makes_it(self):
        self.assert_same_as_python("""
            import sys, os
            import __main__
            print(__name__, __file__, __doc__, __spec__, __package__, __cached__, type(__loader__).__name__)
            print(sys.argv, sys.path[0], sorted(n for n in dir() if n != "sys"), __main__.__dict__ is globals())
            if __name__ == "__main__":
                print("main", f"{__annotations__=}")
            """)

    def test_arguments(self):
        self.assertEqual(self.run_driver("import sys; print(sys.argv[1:])", "a b", "--", "-c").out, "['a b', '--', '-c']\n")

    def test_code_sees_the_working_folder_as_python_c_does(self):
        with open(os.path.join(self.folder, "neighbour.py"), "w") as file:
            file.write("value = 7\n")
        ran = self.run_driver("import sys, neighbour; print(sys.argv, sys.path[0] == '', neighbour.value)", "x", kind="code")
        self.assertEqual(ran.out, "['-c', 'x'] True 7\n")

    def test_pickle_and_multiprocessing_find_main(self):
        ran = self.run_driver("""
            import multiprocessing, pickle
            class Thing: pass
            def double(x): return 2 * x
            if __name__ == "__main__":
                print(type(pickle.loads(pickle.dumps(Thing()))) is Thing)
                for way in ("fork", "spawn"):
                    with multiprocessing.get_context(way).Pool(2) as pool:
                        print(pool.map(double, [1, 2]))
            """)
        self.assertEqual((ran.out, ran.err), ("True\n[2, 4]\n[2, 4]\n", ""))

    def test_traceback_is_pythons_own(self):
        ran = self.assert_same_as_python("""
            def f(n):
                if n: f(n - 1)
                try:
                    {}["x"]
                except KeyError as e:
                    raise ValueError("bad\\nthing") from e
            f(2)
            """)
        self.assertEqual(ran.code, 1)
        (error,) = ran.errors
        self.assertEqual((error["name"], error["value"]), ("ValueError", "bad\nthing"))
        self.assertEqual(error["traceback"], ran.err)

    def test_syntax_error_is_pythons_own(self):
        for source in ("x = (\n", "if True:\nprint(1)\n", "def f(:\n", b"\xff\xfe\n", b"# coding: nonsense\n", "return 1\n"):
            with self.subTest(source):
                plain = self.run_plain(source)
                ran = self.run_driver(source)
                self.assertEqual(ran.code, plain.returncode)
                self.assertEqual(ran.err.splitlines()[-1].split(":")[0], plain.stderr.decode().splitlines()[-1].split(":")[0])
                self.assertNotIn("driver.py", ran.err)
                self.assertIn(ran.errors[0]["name"], ("SyntaxError", "IndentationError"))
        self.assert_same_as_python("x = (\n")

    def test_syntax_warning_names_the_file(self):
        self.assert_same_as_python("x = 1 is 1\nprint(x)\n")

    def test_program_is_run_once(self):
        self.assertEqual(self.run_driver("print('once')").out, "once\n")
        self.assertEqual(self.run_driver("x = 1 is 1\nprint('once')").out, "once\n")

    def test_coding_cookie_and_empty_and_bom(self):
        self.assertEqual(self.run_driver("# coding: latin-1\nprint(len('é'))\n".encode("latin-1")).out, "1\n")
        self.assertEqual(self.run_driver("# coding: cp1251\nprint(len('é'))\n".encode()).out, "2\n")
        self.assertEqual(self.run_driver(b"").code, 0)
        self.assertEqual(self.run_driver(b"\xef\xbb\xbfprint(1)").out, "1\n")
        self.assertEqual(self.run_driver(b"print(1)\0").code, 1)

    def test_exit_codes(self):
        for source, code in (("raise SystemExit", 0), ("import sys; sys.exit(7)", 7), ("exit('why')", 1),
                             ("import os; os._exit(9)", 9), ("import os; os.abort()", -6)):
            with self.subTest(source):
                ran = self.run_driver(source)
                self.assertEqual(ran.code, code)
                self.assertEqual(ran.errors, [])

    def test_keyboard_interrupt_ends_by_sigint(self):
        ran = self.assert_same_as_python("import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(5)")
        self.assertEqual(ran.code, -2)

    def test_own_excepthook_sees_only_own_frames(self):
        ran = self.run_driver("""
            import sys, traceback
            def hook(kind, error, trace): print(len(traceback.extract_tb(trace)))
            sys.excepthook = hook
            1 / 0
            """)
        self.assertEqual((ran.out, ran.err), ("1\n", ""))

    def test_atexit_and_threads_end_as_usual(self):
        ran = self.run_driver("""
            import atexit, threading, time
            atexit.register(print, "atexit")
            threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
            print("main")
            """)
        self.assertEqual(ran.out, "main\nthread\natexit\n")

    def test_lines_are_not_held_back(self):
        self.assertEqual(self.run_driver("print('seen'); import os; os._exit(3)").out, "seen\n")

    def test_stdin_is_the_programs(self):
        self.assertEqual(self.run_driver("print(input())", stdin=b"hello\n").out, "hello\n")

    def test_children_do_not_inherit_the_results(self):
        self.assertEqual(self.run_driver("import os; os.system('test -e /proc/self/fd/3 && echo open; true')").out, "")

    def test_display(self):
        ran = self.run_driver("""
            class Table:
                def __repr__(self): return "Table"
                def _repr_html_(self): return "<table/>"
                def _repr_png_(self): return b"png"
                def _repr_latex_(self): return None
            class Bundle:
                def _repr_mimebundle_(self, include=None, exclude=None): return {"application/x": {"a": 1}}, {}
            display(Table(), 5)
            display(Bundle())
            display({"text/html": "<b>"}, raw=True)
            display(Table)
            """)
        self.assertEqual(ran.err, "")
        self.assertEqual(ran.results[0], {"text/html": "<table/>", "image/png": base64.b64encode(b"png").decode(),
                                          "text/plain": "Table"})
        self.assertEqual(ran.results[1], {"text/plain": "5"})
        self.assertEqual(ran.results[2]["application/x"], '{"a": 1}')
        self.assertEqual(ran.results[3], {"text/html": "<b>"})
        self.assertEqual(list(ran.results[4]), ["text/plain"])

    def test_a_person_sees_what_is_displayed_where_it_is(self):
        source = """\
            class Table:
                def _repr_html_(self): return "<b>"
                def __repr__(self): return "a table"
            class Picture:
                def _repr_png_(self): return b"png"
            print(1)
            display(Table(), 5)
            print(2)
            display(Picture())
            display({"text/html": "<i>"}, raw=True)
            """
        for kind in ("shown-file", "shown-code"):
            ran = self.run_driver(source, kind=kind)
            self.assertEqual((ran.code, ran.out, ran.err), (0, "1\na table\n5\n2\n<i>\n", ""))
            self.assertEqual(len(ran.results), 4)
        self.assertEqual(self.run_driver(source).out, "1\n2\n")

    def test_display_is_bounded(self):
        ran = self.run_driver("""
            class Big:
                def _repr_html_(self): return "x" * (11 << 20)
            display(Big())
            """)
        self.assertIn("over the limit", ran.results[0]["text/plain"])
        self.assertEqual(list(ran.results[0]), ["text/plain"])

    def test_runs_without_a_results_descriptor(self):
        ran = self.run_driver("display(1); print(open('main.py').read(7)); 1/0", has_results=False)
        self.assertEqual(ran.out, "display\n")
        self.assertIn("ZeroDivisionError", ran.err)
        self.assertEqual(ran.lines, [])

    def test_a_program_may_delete_everything_it_can(self):
        ran = self.run_driver("import os; os.remove(__file__); 1/0")
        self.assertEqual(ran.code, 1)
        self.assertIn("ZeroDivisionError", ran.err)

    @unittest.skipUnless(HAS_MATPLOTLIB, "needs matplotlib (python3-matplotlib)")
    def test_figures_are_captured(self):
        ran = self.run_driver("""
            import matplotlib
            matplotlib.use("Agg")
            from matplotlib import pyplot as plt
            plt.plot([1, 2]); plt.show()
            print(plt.get_fignums())
            plt.figure(); plt.figure(); plt.savefig("chart.png")
            """)
        self.assertEqual((ran.out, ran.err), ("[]\n", ""))
        self.assertEqual(len(ran.results), 3)
        for result in ran.results:
            self.assertEqual(base64.b64decode(result["image/png"])[:8], b"\x89PNG\r\n\x1a\n")
            self.assertIn("Figure", result["text/plain"])

    def test_warnings_point_at_the_programs_line(self):
        ran = self.run_driver("""
            import warnings
            class Thing:
                def _repr_html_(self):
                    warnings.warn("odd", UserWarning, stacklevel=2)  # names whoever called, and that is the driver
                    return "<b>"
            display(Thing())
            for i in range(3): display(Thing())
            warnings.simplefilter("ignore")
            display(Thing())
            """)
        self.assertEqual(ran.err.replace(self.folder + "/", ""),
                         "main.py:7: UserWarning: odd\n  display(Thing())\n"
                         "main.py:8: UserWarning: odd\n  for i in range(3): display(Thing())\n")

    @unittest.skipUnless(HAS_MATPLOTLIB, "needs matplotlib (python3-matplotlib)")
    def test_warnings_of_drawing_point_at_the_programs_line(self):
        ran = self.run_driver("""
            import matplotlib.pyplot as plt
            plt.title("\\N{ROCKET}")
            plt.show()
            plt.figure(); plt.title("\\N{ROCKET}")
            """)
        # The second is of the figure that was open at the end.
        self.assertRegex(ran.err.replace(self.folder + "/", ""),
                         r"\Amain\.py:4: UserWarning: Glyph .*\n  plt\.show\(\)\nUserWarning: Glyph .*\n\Z")

    @unittest.skipUnless(HAS_MATPLOTLIB, "needs matplotlib (python3-matplotlib)")
    def test_figures_are_captured_when_the_program_fails_and_only_once(self):
        ran = self.run_driver("""
            import os, pylab
            pylab.plot([1])
            if os.fork() == 0: raise SystemExit
            os.wait()
            1 / 0
            """)
        self.assertEqual([line["type"] for line in ran.lines], ["error", "result"])

    def test_runs_where_matplotlib_is_absent(self):
        with open(os.path.join(self.folder, "matplotlib.py"), "w") as file:
            file.write("raise ImportError('none here')\n")
        ran = self.run_driver("""
            try:
                import matplotlib.pyplot
            except ImportError as e:
                print(e)
            """)
        self.assertEqual(ran.out, "none here\n")


if __name__ == "__main__":
    unittest.main()
