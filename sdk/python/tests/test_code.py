"""Cells and contexts: what answers mean, without a daemon; and every method against a real one."""

import asyncio
import json
import os
import threading
import unittest

import httpx

import brig
from brig import AsyncSandbox, CodeResult, Sandbox
from brig import _core as core
from test_pure import SANDBOX, Script

from live import LiveCase, setUpModule, tearDownModule  # noqa: F401  (unittest calls them)

HAS_PANDAS = os.path.exists("/usr/lib/python3/dist-packages/pandas")
END = {"status": "ok", "exit_code": None, "execution_count": 1, "dropped": 0}


def events(*told):
    """An answer as events, each a (name, data)."""
    text = ": still running\n\n" + "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in told)
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def sandbox_on(*answers):
    script = Script(SANDBOX, *answers)
    return Sandbox.connect("s1", client=brig.Client("http://x", transport=script)), script


class Pure(unittest.TestCase):
    def test_a_cell_is_asked_for_and_understood(self):
        shown = {"data": {"text/plain": "'a'", "application/json": "[1]", "x/y": "z", "a/b+json": "{}"}, "is_main": True}
        error = {"name": "E", "value": "v", "traceback": "t"}
        sandbox, script = sandbox_on(events(("stdout", {"chunk": "o"}), ("result", shown), ("error", error), ("news", {}), ("end", {**END, "status": "error"})))
        heard = []
        execution = sandbox.run_code("c", timeout_seconds=3, envs={"A": "b"}, cwd="/tmp", on_stdout=heard.append, on_result=heard.append, on_error=heard.append)
        asked = script.asked[1]
        self.assertEqual((asked.url.path, asked.headers["Accept"]), ("/v1/sandboxes/s1/contexts/python/run", "text/event-stream"))
        self.assertEqual(json.loads(asked.content), {"code": "c", "timeout_seconds": 3, "envs": {"A": "b"}, "cwd": "/tmp"})
        self.assertEqual((execution.status, execution.ok, execution.text, execution.logs.stdout, execution.error.name), ("error", False, "a", ["o"], "E"))
        result = execution.results[0]
        self.assertEqual((result.json, result.extra, result.raw["text/plain"]), ([1], {"x/y": "z", "a/b+json": {}}, "'a'"))
        self.assertEqual(result.formats(), ["text", "json", "x/y", "a/b+json"])
        self.assertEqual(heard, ["o", result, execution.error])

    def test_it_is_not_asked_for_twice(self):
        for broken in (events(("stdout", {"chunk": "o"})), httpx.ConnectError("x")):
            sandbox, script = sandbox_on(broken)
            with self.assertRaises(brig.ConnectionFailedError):
                sandbox.run_code("c")
            self.assertEqual(len(script.asked), 2)

    def test_a_context_has_its_language(self):
        sandbox, script = sandbox_on()
        with self.assertRaises(brig.InvalidArgumentError):
            sandbox.run_code("c", language="bash", context="1")
        self.assertEqual(len(script.asked), 1)

    def test_what_is_no_json_is_left_out(self):
        forms = {"application/json": "[" * 100_000, "e2b/data": "3", "e2b/chart": "{", "image/png": "aGk="}
        result = CodeResult.from_json({"data": forms, "is_main": False})
        self.assertEqual((result.json, result.data, result.chart, result.decoded(), result.formats()), (None, None, None, b"hi", ["png"]))
        for form in ("jpeg", "text", "nonsense"):
            self.assertRaises(KeyError, result.decoded, form)

    def test_of_much_output_both_ends_are_kept(self):
        kept = core.Kept(10)
        for text in ("abc", "defghijk", "", "lmnopqrst", "u", "vw"):
            kept.add(text)
        self.assertEqual(("".join(kept.pieces()), kept.elided), ("abcde\n[… 13 characters elided …]\nstuvw", 13))
        kept = core.Kept(10)
        kept.add("0123456789")
        self.assertEqual(("".join(kept.pieces()), kept.elided), ("0123456789", 0))


class Live(LiveCase):
    def test_state_is_kept_also_for_who_connects(self):
        self.assertEqual(self.sandbox.run_code("x = 20").status, "ok")
        with Sandbox.connect(self.sandbox.id) as other:
            execution = other.run_code("import sys; print('out'); print('err', file=sys.stderr); x + 22")
        self.assertEqual((execution.text, "".join(execution.logs.stdout), "".join(execution.logs.stderr)), ("42", "out\n", "err\n"))
        self.assertEqual((execution.execution_count, execution.error, execution.exit_code, execution.dropped), (2, None, None, 0))
        self.assertEqual([context.id for context in self.sandbox.list_code_contexts()], ["python"])

    def test_languages(self):
        typed = self.sandbox.run_code("const a: number = 6; a * 7", language="typescript")
        if typed.error is None:
            self.assertEqual(typed.text, "42")
        else:  # neither can this node strip types, nor is there a package that does
            self.assertEqual(typed.error.name, "LanguageNotAvailable")
            self.assertIn("Write the cell in JavaScript", typed.error.value)
        self.assertEqual(self.sandbox.run_code("let a = 6; a * 7", language="js").text, "42")
        self.assertEqual(self.sandbox.run_code("echo $((a = 6 * 7))", language="bash").logs.stdout, ["42\n"])
        self.assertEqual(self.sandbox.run_code("echo $a", language="bash").logs.stdout, ["42\n"])
        drawn = self.sandbox.run_code("plot(1:3); 6 * 7", language="r")
        if drawn.error is None:
            self.assertEqual((drawn.text, [result.png is not None for result in drawn.results]), ("[1] 42", [False, True]))
        else:  # the host has no R
            self.assertEqual(drawn.error.name, "LanguageNotAvailable")
            self.assertIn("r-base-core", drawn.error.value)
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.run_code("1", language="cobol")
        with self.assertRaises(brig.InvalidArgumentError):
            self.sandbox.create_code_context("pyhton")

    def test_contexts(self):
        context = self.sandbox.create_code_context("python", cwd="/tmp", envs={"COLOUR": "red"})
        self.assertEqual((context.language, context.cwd), ("python", "/tmp"))
        code = "import os; print(os.getcwd(), os.environ['COLOUR'])"
        self.assertEqual(self.sandbox.run_code(code, context=context).logs.stdout, ["/tmp red\n"])
        self.assertEqual("".join(self.sandbox.run_code(code, context=context.id, envs={"COLOUR": "blue"}, cwd="/usr").logs.stdout), "/usr blue\n")
        self.assertEqual("".join(self.sandbox.run_code(code, context=context).logs.stdout), "/usr red\n")
        self.assertEqual(self.sandbox.run_code("os").error.name, "NameError")  # the other one's
        self.assertIn(context, self.sandbox.list_code_contexts())
        self.sandbox.restart_code_context(context)
        self.assertEqual(self.sandbox.run_code("os", context=context).error.name, "NameError")
        self.assertTrue(self.sandbox.remove_code_context(context))
        self.assertFalse(self.sandbox.remove_code_context(context))
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.run_code("1", context=context)

    def test_how_a_cell_ends_is_a_value(self):
        execution = self.sandbox.run_code("kept = 1\ndef f():\n    return 1 / 0\nf()")
        self.assertEqual((execution.status, execution.error.name, execution.error.value), ("error", "ZeroDivisionError", "division by zero"))
        self.assertEqual(execution.error.hint, "")
        self.assertIn("python3-no_such_module", self.sandbox.run_code("import no_such_module").error.hint)
        self.assertIn("return 1 / 0", execution.error.traceback)
        self.assertEqual(self.sandbox.run_code("while True: pass", timeout_seconds=0.3).status, "timeout")
        self.assertEqual((lambda e: (e.status, e.exit_code))(self.sandbox.run_code("import sys; sys.exit(3)")), ("exit", 3))
        self.assertEqual(self.sandbox.run_code("kept").text, "1")
        self.assertEqual(self.sandbox.run_code("import os; os._exit(1)").error.name, "KernelDied")
        self.assertEqual(self.sandbox.run_code("kept").error.name, "NameError")

    def test_interrupt(self):
        self.sandbox.run_code("import time; here = 1")
        ended = []
        worker = threading.Thread(target=lambda: ended.append(self.sandbox.run_code("time.sleep(600)").status))
        worker.start()
        while worker.is_alive():
            self.sandbox.interrupt_code_context("python")
            worker.join(0.2)
        self.assertEqual(ended, ["interrupted"])
        self.assertEqual(self.sandbox.run_code("here").text, "1")

    def test_a_callback_that_fails_interrupts_the_cell(self):
        def fail(text):
            raise ValueError(text)

        with self.assertRaises(ValueError):
            self.sandbox.run_code("print('x', flush=True); import time; time.sleep(600)", on_stdout=fail)
        self.assertEqual(self.sandbox.run_code("1 + 1").text, "2")

    def test_while_it_runs(self):
        self.sandbox.filesystem.write("/workspace/go", "")
        code = "import os, time\nprint('begun')\nwhile os.path.exists('/workspace/go'): time.sleep(.02)\ndisplay(7)"
        heard = []

        def stdout(text):
            heard.append(text)
            if "".join(heard) == "begun\n":
                self.sandbox.filesystem.remove("/workspace/go")

        self.sandbox.run_code(code, on_stdout=stdout, on_result=lambda result: heard.append(result.text))
        self.assertEqual("".join(heard), "begun\n7")

    def test_output_is_bounded(self):
        sandbox = self.make(limits={"output": "10K"})
        logs = sandbox.run_code("for n in range(100000): print(n)").logs
        text = "".join(logs.stdout)
        self.assertTrue(text.startswith("0\n1\n") and text.endswith("99999\n"))
        gap = f"\n[… {logs.stdout_elided} characters elided …]\n"
        self.assertIn(gap, logs.stdout)
        self.assertEqual((len(text) - len(gap), len(text) - len(gap) + logs.stdout_elided), (10 << 10, 588_890))

    @unittest.skipUnless(HAS_PANDAS, "needs python3-pandas and python3-matplotlib in /usr")
    def test_a_figure_and_a_table(self):
        code = "import pandas as pd, matplotlib.pyplot as plt\ndf = pd.DataFrame({'a': [1, 2]})\ndf.plot(title='t')\nplt.show()\ndf"
        figure, table = self.sandbox.run_code(code, timeout_seconds=60).results
        self.assertTrue(figure.decoded("png").startswith(b"\x89PNG"))
        self.assertEqual((figure.chart["type"], figure.chart["title"]), ("line", "t"))
        self.assertEqual((table.data, table.is_main_result), ({"a": [1, 2]}, True))
        self.assertIn("<table", table.html)

    def test_asyncio(self):
        async def work():
            heard = []

            async def hear(text):
                heard.append(text)

            async with AsyncSandbox.create() as sandbox:
                context = await sandbox.create_code_context()
                self.assertEqual(await sandbox.list_code_contexts(), [context])
                execution = await sandbox.run_code("print('x'); kept = 6; kept * 7", context=context, on_stdout=hear)
                self.assertEqual((execution.text, "".join(heard)), ("42", "x\n"))
                begun = asyncio.Event()

                async def note(_):
                    begun.set()

                waiting = asyncio.create_task(sandbox.run_code("import time; print('begun'); time.sleep(600)", context=context, on_stdout=note))
                await asyncio.wait_for(begun.wait(), 60)
                waiting.cancel()
                self.assertEqual((await sandbox.run_code("kept", context=context)).text, "6")
                await sandbox.interrupt_code_context(context)
                await sandbox.restart_code_context(context)
                self.assertEqual((await sandbox.run_code("kept", context=context)).error.name, "NameError")
                self.assertTrue(await sandbox.remove_code_context(context))

        asyncio.run(work())


if __name__ == "__main__":
    unittest.main()
