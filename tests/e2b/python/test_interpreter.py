"""The published e2b_code_interpreter against a daemon of ours: cells, contexts, callbacks, both clients."""
import asyncio
import base64
import os
import unittest

from e2b import NotFoundException, TimeoutException
from e2b_code_interpreter import AsyncSandbox, Sandbox

HAS_PANDAS = os.path.exists("/usr/lib/python3/dist-packages/pandas")


class Interpreter(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox.create(timeout=300, envs={"GLOBAL": "of the sandbox"})
        cls.addClassCleanup(cls.box.kill)

    def test_cells(self):
        self.box.run_code("x = 1")
        execution = self.box.run_code("x += 1; x")
        self.assertEqual((execution.text, execution.error, execution.results[0].is_main_result), ("2", None, True))
        self.assertEqual(self.box.run_code("print('ü€😀')").logs.stdout, ["ü€😀\n"])
        error = self.box.run_code("1 / 0").error
        self.assertEqual((error.name, error.value), ("ZeroDivisionError", "division by zero"))
        self.assertEqual(self.box.run_code("import os; os.environ['GLOBAL'] + os.environ['MINE']", envs={"MINE": " and of the cell"}).text,
                         "of the sandbox and of the cell")

    def test_callbacks(self):
        heard = []
        self.box.run_code("import sys; print('o'); print('e', file=sys.stderr); 7", on_stdout=lambda m: heard.append(m.line), on_stderr=lambda m: heard.append((m.line, m.error)),
                          on_result=lambda r: heard.append(r.text))
        self.assertCountEqual(heard, ["o\n", ("e\n", True), "7"])

    def test_languages_and_contexts(self):
        self.assertEqual(self.box.run_code("6 * 7", language="js").text, "42")
        self.assertEqual(self.box.run_code("echo hi", language="bash").logs.stdout, ["hi\n"])
        context = self.box.create_code_context(cwd="/tmp")
        self.assertEqual((context.language, context.cwd), ("python", "/tmp"))
        self.assertEqual(self.box.run_code("import os; os.getcwd()", context=context).text, "/tmp")
        self.assertEqual(self.box.list_code_contexts()[-1].id, context.id)
        self.box.restart_code_context(context)
        self.assertEqual(self.box.run_code("os", context=context).error.name, "NameError")
        self.box.remove_code_context(context)
        self.assertRaises(NotFoundException, self.box.run_code, "1", context=context)

    def test_a_timeout_interrupts_the_cell(self):
        self.box.run_code("kept = 1")
        self.assertRaises(TimeoutException, self.box.run_code, "import time; time.sleep(600)", timeout=0.5)
        self.assertEqual(self.box.run_code("kept").text, "1")

    @unittest.skipUnless(HAS_PANDAS, "needs python3-pandas and python3-matplotlib in /usr")
    def test_a_figure_and_a_table(self):
        code = "import pandas as pd, matplotlib.pyplot as plt\ndf = pd.DataFrame({'a': [1, 2]})\ndf.plot(title='t')\nplt.show()\ndf"
        figure, table = self.box.run_code(code).results
        self.assertTrue(base64.b64decode(figure.png).startswith(b"\x89PNG"))
        self.assertEqual((figure.chart.type.value, figure.chart.title, figure.chart.elements[0].points), ("line", "t", [(0, 1), (1, 2)]))
        self.assertEqual((table.data, "<table" in table.html), ({"a": [1, 2]}, True))

    def test_asyncio(self):
        async def work():
            box = await AsyncSandbox.create()
            try:
                self.assertEqual((await box.run_code("6 * 7")).text, "42")
                context = await box.create_code_context()
                self.assertIn(context.id, [one.id for one in await box.list_code_contexts()])
            finally:
                await box.kill()

        asyncio.run(work())


if __name__ == "__main__":
    unittest.main()
