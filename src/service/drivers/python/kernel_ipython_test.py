#!/usr/bin/python3
"""Tests of the Python kernel with IPython as its engine: the same messages, and what IPython adds."""
import base64
import json
import os
import subprocess
import tempfile
import unittest

from kernel_test import PYTHON, KernelCase
from kernel_shows_test import NO_PANDAS, NO_PLOTS, PNG

HAS_IPYTHON = subprocess.run([PYTHON, "-c", "import IPython"], capture_output=True).returncode == 0


@unittest.skipUnless(HAS_IPYTHON, "needs IPython (python3-ipython)")
class IpythonTest(KernelCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.environment = {"BRIG_ENGINE": "auto", "TMPDIR": folder.name}
        super().setUp()

    def test_engine(self):
        self.assertEqual((self.kernel.ready["engine"], self.run_cell("get_ipython().colors").main), ("ipython", "'NoColor'"))

    def test_it_leaves_no_files(self):
        self.assertEqual(self.run_cell("import os, tempfile; [n for n in os.listdir(tempfile.gettempdir()) if n.startswith('.brig-ipython')], os.listdir()").main, "([], [])")

    def test_state_echo_and_counts(self):
        self.assertEqual(self.kernel.begin("x = 1; x")["count"], 1)
        self.assertEqual([event["is_main"] for event in self.kernel.end().of("result")], [True])
        self.assertEqual(self.run_cell("x += 1; x").main, "2")
        self.assertEqual(self.run_cell("x;").main, None)
        self.assertEqual(self.run_cell("Out[2] + _").main, "4")
        self.assertEqual(self.kernel.run("    y = 5\n    y").main, "5")

    def test_errors_start_in_the_users_code(self):
        self.run_cell("def f(n):\n    return 1 / n")
        error = self.run_cell("f(0)").error
        self.assertEqual(error["name"], "ZeroDivisionError")
        self.assertEqual(error["traceback"].splitlines()[:4], ["Traceback (most recent call last):", '  File "<cell 2>", line 1, in <module>', "    f(0)",
                                                              '  File "<cell 1>", line 2, in f'])
        error = self.run_cell("x = (").error
        self.assertEqual(error["name"], "SyntaxError")
        self.assertNotIn("IPython", error["traceback"])

    def test_ends(self):
        self.run_cell("kept = 1; import asyncio, time")
        for code in ("while True: pass", "await asyncio.sleep(1000)", "!sleep 1000", "time.sleep(1000)"):
            with self.subTest(code):
                ran = self.run_cell(code, timeout_ms=200)
                self.assertEqual((ran.status, ran.error["name"]), ("timeout", "TimeoutError"))
        self.kernel.begin("print('on'); time.sleep(1000)")
        self.kernel.wait_for_output("on")
        self.kernel.interrupt()
        self.assertEqual(self.kernel.end().status, "interrupted")
        for code, exit_code in (("exit(3)", 3), ("import sys; sys.exit()", 0)):
            ran = self.run_cell(code)
            self.assertEqual((ran.status, ran.exit_code, ran.err), ("exit", exit_code, ""))
        self.assertEqual(self.run_cell("kept").main, "1")
        self.assertEqual(self.run_cell("input()").error["name"], "EOFError")

    def test_magics(self):
        self.assertEqual(self.run_cell("x = 3\n!echo $x {x + 1}").out, "3 4\n")
        self.assertEqual(self.run_cell("lines = !echo 1\nlines").main, "['1']")
        self.assertIn("per loop", self.run_cell("%timeit -n 2 -r 2 1").out)
        self.assertIn("no_magic_at_all", str(self.run_cell("%no_magic_at_all").error or self.run_cell("%no_magic_at_all").err))
        self.assertEqual(self.run_cell("%%bash\necho in bash").out, "in bash\n")
        self.assertEqual(self.run_cell("%matplotlib inline\n5").main, "5")

    def test_pip_without_a_network_says_what_to_do(self):
        with tempfile.NamedTemporaryFile("w") as interfaces:  # none
            self.run_cell("__brig__.__closure__[0].cell_contents.part('magics')['INTERFACES'] = %r" % interfaces.name)
            for line in ("!pip install no_such_a", "%pip install no_such_a"):
                self.assertIn("--lib no_such_a", self.run_cell(line).err)

    def test_display(self):
        ran = self.run_cell("from IPython.display import display, HTML\ndisplay(HTML('<b>'))\nHTML('<i>')")
        self.assertEqual([result["text/html"] for result in ran.results], ["<b>", "<i>"])
        self.assertEqual([event["is_main"] for event in ran.of("result")], [False, True])

    @unittest.skipIf(NO_PANDAS, NO_PANDAS)
    def test_data_frames(self):
        (result,) = self.run_cell("import pandas as pd\npd.DataFrame({'a': [1, 2]})").results
        self.assertEqual(json.loads(result["e2b/data"]), {"a": [1, 2]})
        self.assertIn("<table", result["text/html"])

    @unittest.skipIf(NO_PLOTS, NO_PLOTS)
    def test_figures(self):
        for code, mains in (("plt.plot([1, 2]); plt.show()", [False]), ("plt.plot([1, 2]);", [False]), ("f = plt.figure(); plt.plot([1, 2]); f", [True])):
            with self.subTest(code):
                ran = self.run_cell("import matplotlib.pyplot as plt\n" + code)
                self.assertEqual([event["is_main"] for event in ran.of("result")], mains)
                self.assertEqual(base64.b64decode(ran.results[0]["image/png"])[:8], PNG)
                self.assertEqual(json.loads(ran.results[0]["e2b/chart"])["type"], "line")

    def test_replaced_streams(self):
        self.run_cell("import sys, io; sys.stdout = io.StringIO()")
        self.assertEqual(self.run_cell("print('seen')").out, "seen\n")


class BrokenTest(KernelCase):
    environment = {"BRIG_ENGINE": "auto"}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.mkdir(os.path.join(folder.name, "IPython"))
        with open(os.path.join(folder.name, "IPython", "__init__.py"), "w") as file:
            file.write("raise ImportError('broken')\n")
        self.environment = {**self.environment, "PYTHONPATH": folder.name}
        super().setUp()

    def test_one_that_is_broken_is_left_alone(self):
        self.assertEqual(self.kernel.ready["engine"], "stdlib")
        self.assertIn("IPython cannot be used (ImportError): broken", self.run_cell("1").err)


if __name__ == "__main__":
    unittest.main()
