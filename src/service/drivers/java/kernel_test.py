#!/usr/bin/python3
"""Tests of the Java kernel on the host's own Java (the cells here are ours and harmless)."""
import os
import shutil
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testing"))

from kernel_process import Died, KernelProcess, OneKernelCase  # noqa: E402

JAVA = shutil.which("java", path="/usr/local/bin:/usr/bin:/bin")
COMMAND = [JAVA, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--add-opens", "java.base/java.io=ALL-UNNAMED", os.path.join(HERE, "Kernel.java")]


@unittest.skipUnless(JAVA and shutil.which("javac", path="/usr/local/bin:/usr/bin:/bin"), "needs a JDK (apt-get install default-jdk-headless)")
class Kernel(OneKernelCase):
    command = COMMAND

    def test_ready_tells_what_it_is(self):
        self.assertEqual((self.kernel.ready["type"], self.kernel.ready["language"], self.kernel.ready["engine"]), ("ready", "java", "jshell"))

    def test_state_stays_and_the_last_expression_is_the_result(self):
        self.assertEqual(self.run_cell("int x = 20;").results, [])
        self.assertEqual(self.run_cell("int y = 1;\nx + 22").main, "42")
        self.assertEqual(self.run_cell('"hi"').main, '"hi"')
        self.assertEqual(self.run_cell("int twice(int n) {\n  return 2 * n;\n}\n// and\nclass P { int a = twice(4); }\nnew P().a").main, "8")
        self.assertEqual(self.run_cell("List.of(1, 2).stream().map(n -> n * 2).toList()").main, "[2, 4]")
        self.assertEqual((self.run_cell("").status, self.run_cell("// nothing").status), ("ok", "ok"))
        self.assertEqual(self.run_cell('"é € \U0001F600"').main, '"é € \U0001F600"')

    def test_output(self):
        ran = self.run_cell('System.out.println("out"); System.err.println("err");')
        self.assertEqual((ran.out, ran.err), ("out\n", "err\n"))
        self.assertEqual(self.run_cell("System.in.read()").main, "-1")

    def test_errors(self):
        ran = self.run_cell("int f() { return 1 / 0; }\nf()")
        self.assertEqual((ran.status, ran.error["name"], ran.error["value"]), ("error", "java.lang.ArithmeticException", "/ by zero"))
        self.assertIn("at ", ran.error["traceback"])
        for code, words in (("nonsense + 1", "cannot find symbol"), ("int y = (", "reached end of file"), ("return", "")):
            ran = self.run_cell(code)
            self.assertEqual((ran.status, ran.error["name"]), ("error", "CompileError"), code)
            self.assertIn(words, ran.error["value"])
        self.assertEqual(self.run_cell("int g() { return g(); }\ng()").error["name"], "java.lang.StackOverflowError")
        self.assertEqual(self.run_cell("long[] hoard = new long[1 << 30];").error["name"], "java.lang.OutOfMemoryError")
        self.assertEqual(self.run_cell("1 + 1").main, "2")

    def test_env_is_of_one_cell_and_the_folder_stays(self):
        code = 'System.getenv("FROM") + System.getProperty("MINE")'
        self.assertEqual(self.run_cell(code, env={"MINE": "cell"}).main, '"outsidecell"')
        self.assertEqual(self.run_cell(code).main, '"outsidenull"')
        self.assertEqual(self.run_cell("1", cwd="/usr").error["name"], "UnsupportedOperationException")

    def test_timeout_and_interrupt_keep_the_state(self):
        self.run_cell("int kept = 7;")
        for code in ("while (true) {}", "Thread.sleep(600_000);"):
            ran = self.run_cell(code, timeout_ms=300)
            self.assertEqual((ran.status, ran.error["name"]), ("timeout", "TimeoutError"), code)
        self.kernel.begin("while (true) {}")
        self.kernel.interrupt()  # it may fall into the compiler, and is not lost there
        self.assertEqual(self.kernel.end().status, "interrupted")
        self.kernel.interrupt()  # without a cell: nothing
        ran = self.run_cell("kept")
        if ran.status == "interrupted":  # it was heard so late that there was one again
            ran = self.run_cell("kept")
        self.assertEqual(ran.main, "7")

    def test_what_a_cell_replaces_is_put_back(self):
        self.run_cell("System.setOut(null); System.setErr(null);")
        self.assertEqual(self.run_cell('System.out.println("there")').out, "there\n")

    def test_requests_that_are_none(self):
        for line in (b"nonsense", b"[", b"{}", b'{"op":"run","id":"1","code":"1"}', b'{"op":"run"', b'"run"', b'{"op":"run","id":1,"code":"\\'):
            self.kernel.send(line)
        self.assertEqual(self.run_cell("1 + 1").main, "2")

    def test_the_end(self):
        other = KernelProcess(COMMAND)
        self.addCleanup(other.close)
        with self.assertRaises(Died):
            other.run("System.exit(3);")
        self.assertEqual(other.close(), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
