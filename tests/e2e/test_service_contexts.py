#!/usr/bin/python3
"""Contexts behind the API: interpreters that keep state from cell to cell, whatever cells do to them."""
import json
import os
import threading
import time
import unittest

import service
from service import Daemon, wait_until


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class Contexts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--pool", "0")
        cls.addClassCleanup(cls.daemon.end)
        cls.client = cls.daemon.client()
        cls.sandbox = cls.client.create(ttl_seconds=600)
        cls.at = "/v1/sandboxes/%s/contexts" % cls.sandbox

    def setUp(self):
        self.context = self.open()

    def open(self, **wanted):
        context = self.client.expect(201, "POST", self.at, wanted)["id"]
        self.addCleanup(self.client.request, "DELETE", "%s/%s" % (self.at, context))
        return context

    def run_cell(self, code, **more):
        return self.client.expect(200, "POST", "%s/%s/run" % (self.at, self.context), {"code": code, **more})

    def assert_works(self):
        self.assertEqual(self.run_cell("6 * 7")["results"], [{"data": {"text/plain": "42"}, "is_main": True}])

    def test_state_is_kept(self):
        self.assertEqual(self.run_cell("x = 20")["status"], "ok")
        ran = self.run_cell("import os; os.chdir('/tmp'); print('printed'); x + 22")
        self.assertEqual((ran["stdout"], ran["results"][0]["data"]["text/plain"], ran["execution_count"]), ("printed\n", "42", 2))
        self.assertEqual(self.run_cell("print(os.getcwd())")["stdout"], "/tmp\n")
        other = self.client.expect(200, "POST", "%s/%s/run" % (self.at, self.open()), {"code": "x"})
        self.assertEqual((other["status"], other["error"]["name"]), ("error", "NameError"))
        self.assertNotIn("hint", other["error"])

    def test_a_missing_module_and_a_missing_language_have_a_hint(self):
        error = self.run_cell("import no_such_module")["error"]
        self.assertIn("python3-no_such_module", error["hint"])
        mistyped = self.client.post("%s/pyhton/run" % self.at, {"code": "1"})
        self.assertEqual(mistyped.status, 404)
        self.assertRegex(mistyped.json()["error"], 'no context pyhton .*did you mean "python".*Brig knows python, ')
        self.assertNotIn("after --", mistyped.json()["error"])

    def test_what_it_begins_with(self):
        self.context = self.open(language="py", cwd="/tmp", env={"COLOUR": "red"})
        self.assertEqual(self.run_cell("import os; print(os.getcwd(), os.environ['COLOUR'], os.environ['HOME'])")["stdout"], "/tmp red /home/user\n")
        self.assertEqual(self.run_cell("print(os.environ['COLOUR'])", env={"COLOUR": "blue"})["stdout"], "blue\n")
        self.assertEqual(self.run_cell("print(os.environ['COLOUR'])")["stdout"], "red\n")
        listed = self.client.expect(200, "GET", self.at)["items"]
        self.assertIn({"id": self.context, "language": "python", "cwd": "/tmp"}, listed)

    def test_other_languages(self):
        for language, keep, use, out in (("javascript", "const kept = 20; let n = 1", "console.log(kept + n); kept + 22", "21\n"),
                                         ("bash", "kept=20; cd /tmp; f() { echo $kept $PWD; }", "f", "20 /tmp\n")):
            with self.subTest(language):
                self.context = self.open(language=language)
                self.assertEqual(self.run_cell(keep)["status"], "ok")
                ran = self.run_cell(use)
                self.assertEqual((ran["status"], ran["stdout"]), ("ok", out), ran)
                self.assertEqual(self.run_cell("while (true) {}" if language == "javascript" else "while :; do :; done", timeout_ms=300)["status"], "timeout")
                self.assertEqual(self.run_cell(use)["stdout"], out)
                ran = self.run_cell("throw new Error('x')" if language == "javascript" else "(exit 7)")
                self.assertEqual((ran["status"], ran["error"]["value"]), ("error", "x" if language == "javascript" else "exit status 7"))

    def test_a_language_has_a_context_of_its_own(self):
        sandbox = self.client.create(ttl_seconds=60)
        at = "/v1/sandboxes/%s/contexts" % sandbox
        run = lambda context, code, **more: self.client.expect(200, "POST", "%s/%s/run" % (at, context), {"code": code, **more})
        self.assertEqual(self.client.expect(200, "GET", at)["items"], [])
        both = []
        workers = [threading.Thread(target=lambda: both.append(run("python", "kept = 1; import os; os.getpid()")["results"][0]["data"]["text/plain"])) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(len(set(both)), 1)  # asked for at once, one interpreter
        self.assertEqual(run("py", "print(kept, os.getcwd())")["stdout"], "1 /workspace\n")
        self.assertEqual(run("js", "let kept = 2; kept")["results"][0]["data"]["text/plain"], "2")
        self.assertEqual([(one["id"], one["language"]) for one in self.client.expect(200, "GET", at)["items"]],
                         [("python", "python"), ("javascript", "javascript")])
        self.client.expect(204, "POST", at + "/python/restart")
        self.assertEqual(run("python", "kept")["error"]["name"], "NameError")
        self.client.expect(204, "DELETE", at + "/python")
        self.assertEqual(self.client.post(at + "/python/restart", {}).status, 404)
        self.assertEqual(self.client.post(at + "/nonsense/run", {"code": "1"}).status, 404)
        self.client.kill(sandbox)

    def test_typescript(self):
        self.context = self.open(language="ts")
        ran = self.run_cell("const twice = (n: number): number => 2 * n; twice(21)")
        if ran["error"]:  # neither can this node strip types, nor is there a package that does: a stand-in for one is put there
            self.assertEqual((ran["status"], ran["error"]["name"]), ("error", "LanguageNotAvailable"))
            self.assertIn("Write the cell in JavaScript", ran["error"]["value"])
            package = "exports.transformSync = (text) => ({ code: text.replace(/: number/g, '') })"
            self.client.exec(self.sandbox, "mkdir -p /workspace/node_modules/esbuild && cat > /workspace/node_modules/esbuild/index.js", stdin=package)
            ran = self.run_cell("const twice = (n: number): number => 2 * n; twice(21)")
        self.assertEqual((ran["status"], ran["results"][0]["data"]["text/plain"]), ("ok", "42"), ran)
        self.assertEqual(self.run_cell("twice(4)")["results"][0]["data"]["text/plain"], "8")

    def test_java(self):
        """Where the template has it; else the cell is told, and what to do."""
        sandbox = self.client.create(ttl_seconds=120, limits={"memory": "512M"})
        at = "/v1/sandboxes/%s/contexts/java/run" % sandbox
        run = lambda code, **more: self.client.expect(200, "POST", at, {"code": code, **more})
        ran = run("int kept = 20; System.out.println(kept);")
        if not os.path.exists("/usr/bin/java"):
            self.assertEqual(ran["error"]["name"], "LanguageNotAvailable")
            self.assertIn("install", ran["error"]["value"])
            return
        self.assertEqual((ran["status"], ran["stdout"]), ("ok", "20\n"), ran)
        self.assertEqual(run("while (true) {}", timeout_ms=300)["status"], "timeout")
        self.assertEqual(run("kept + 22")["results"][0]["data"]["text/plain"], "42")
        self.assertEqual(run("System.exit(3);")["status"], "died")
        self.assertEqual(run("1 + 1")["results"][0]["data"]["text/plain"], "2")
        self.client.kill(sandbox)

    def test_r(self):
        """Where the template has it; else the cell is told, and what to do."""
        sandbox = self.client.create(ttl_seconds=120)
        at = "/v1/sandboxes/%s/contexts/r/run" % sandbox
        run = lambda code, **more: self.client.expect(200, "POST", at, {"code": code, **more})
        ran = run("kept <- 20; cat(kept, '\\n'); message('told')")
        if not os.path.exists("/usr/bin/Rscript"):
            self.assertEqual((ran["status"], ran["error"]["name"]), ("died", "LanguageNotAvailable"))
            self.assertIn("install r-base-core", ran["error"]["value"])
            return
        self.assertEqual((ran["status"], ran["stdout"], ran["stderr"]), ("ok", "20 \n", "told\n"), ran)
        for code in ("repeat {}", "try(repeat {}); repeat {}", "Sys.sleep(600)", "system('sleep 600')"):
            self.assertEqual(run(code, timeout_ms=300)["status"], "timeout", code)
        ran = run("plot(1:3)\ndata.frame(n = kept + 22)")
        self.assertEqual([sorted(one["data"]) for one in ran["results"]], [["e2b/data", "text/html", "text/plain"], ["image/png"]], ran)
        self.assertEqual(ran["results"][0]["data"]["e2b/data"], '{"n":[42]}')
        self.assertIn("<cell ", run("f <- function() stop('no')\nf()")["error"]["traceback"])
        ran = run("quit(status = 3)")
        self.assertEqual((ran["status"], ran["exit_code"]), ("exit", 3))
        self.assertEqual(run("tools::pskill(Sys.getpid(), 9)")["status"], "died")
        self.assertEqual(run("exists('kept')")["results"][0]["data"]["text/plain"], "[1] FALSE")
        self.client.kill(sandbox)

    def test_a_cell_may_say_where(self):
        self.assertEqual(self.run_cell("import os; print(os.getcwd())", cwd="/tmp")["stdout"], "/tmp\n")
        self.assertEqual(self.run_cell("print(os.getcwd())")["stdout"], "/tmp\n")
        self.assertEqual(self.run_cell("1", cwd="/no/such/folder")["error"]["name"], "FileNotFoundError")
        self.assertEqual(self.client.post("%s/%s/run" % (self.at, self.context), {"code": "1", "cwd": "relative"}).status, 400)
        self.assert_works()

    def test_output_comes_whole_and_before_the_end(self):
        for _ in range(5):
            ran = self.run_cell("import sys\nfor n in range(20000): print(n)\nprint('last', file=sys.stderr)")
            self.assertEqual((ran["stdout"], ran["stderr"]), ("".join("%d\n" % n for n in range(20000)), "last\n"))

    def test_output_is_bounded(self):
        ran = self.run_cell("for n in range(300): print('x' * 9999)")
        self.assertEqual(ran["status"], "ok")
        self.assertGreater(ran["stdout_elided"], 1_000_000)
        self.assertLess(len(ran["stdout"]), 1_100_000)

    def test_errors(self):
        ran = self.run_cell("def f():\n    return 1 / 0\nf()")
        self.assertEqual((ran["status"], ran["error"]["name"], ran["error"]["value"]), ("error", "ZeroDivisionError", "division by zero"))
        self.assertIn("return 1 / 0", ran["error"]["traceback"])
        self.assertNotIn("kernel.py", ran["error"]["traceback"])
        self.assert_works()

    def test_a_timeout_keeps_the_state(self):
        self.run_cell("kept = 1")
        self.assertEqual(self.run_cell("while True: pass", timeout_ms=300)["status"], "timeout")
        self.assertEqual(self.run_cell("print(kept)")["stdout"], "1\n")

    def test_one_that_cannot_be_interrupted_is_ended(self):
        ran = self.run_cell("import signal, time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass", timeout_ms=200)
        self.assertEqual((ran["status"], ran["error"]["name"]), ("died", "KernelDied"))
        self.assert_works()

    def test_interrupt(self):
        self.run_cell("here = 1")
        done = {}
        worker = threading.Thread(target=lambda: done.update(self.run_cell("import time; time.sleep(60)")))
        worker.start()
        while worker.is_alive():
            self.client.expect(204, "POST", "%s/%s/interrupt" % (self.at, self.context))
            worker.join(0.2)
        self.assertEqual(done["status"], "interrupted")
        self.assertEqual(self.run_cell("print(here)")["stdout"], "1\n")

    def test_whoever_goes_away_has_the_cell_interrupted(self):
        for accept in ("application/json", "text/event-stream"):
            with self.subTest(accept):
                body = json.dumps({"code": "import time; begun = 1; open('/workspace/begun', 'w').close(); time.sleep(600)", "timeout_ms": 100_000})
                with service.connect(self.daemon.address) as gone:
                    gone.sendall(("POST %s/%s/run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n%s"
                                  % (self.at, self.context, self.daemon.key, accept, len(body), body)).encode())
                    self.assertTrue(wait_until(lambda: self.client.exec(self.sandbox, "rm /workspace/begun")["exit_code"] == 0))
                self.assertEqual(self.run_cell("print(begun)", timeout_ms=20_000)["stdout"], "1\n")

    def test_output_that_nobody_takes_is_no_credit_of_the_next_interpreter(self):
        code = "import os, threading, time\nthreading.Timer(1, os._exit, [1]).start()\nwhile True: print('x' * 999)"
        body = json.dumps({"code": code})
        with service.connect(self.daemon.address) as deaf:
            deaf.sendall(("POST %s/%s/run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s"
                          % (self.at, self.context, self.daemon.key, len(body), body)).encode())
            self.assertTrue(wait_until(lambda: self.run_cell("1")["status"] == "ok"))
        self.assert_works()
        self.assertEqual(self.client.exec(self.sandbox, "echo alive")["stdout"], "alive\n")

    def test_code_and_results_that_nobody_takes_are_bounded(self):
        self.run_cell("import time")
        answers = []
        def wait():
            answers.append(self.client.post("%s/%s/run" % (self.at, self.context), {"code": "time.sleep(5) #" + "x" * (9 << 20)}).status)
        workers = [threading.Thread(target=wait) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(set(answers), {200, 429})

    def test_a_paused_sandbox(self):
        sandbox = self.client.create(ttl_seconds=60)
        if not self.client.info(sandbox)["capabilities"]["pause"]:
            self.skipTest("this host cannot pause")
        at = "/v1/sandboxes/%s/contexts" % sandbox
        context = self.client.expect(201, "POST", at, {})["id"]
        self.client.expect(200, "POST", "%s/%s/run" % (at, context), {"code": "kept = 1"})
        self.client.expect(204, "POST", "/v1/sandboxes/%s/pause" % sandbox)
        for verb in ("run", "interrupt", "restart"):
            self.assertEqual(self.client.post("%s/%s/%s" % (at, context, verb), {"code": "1"}).status, 409, verb)
        self.client.expect(204, "POST", "/v1/sandboxes/%s/resume" % sandbox)
        self.assertEqual(self.client.expect(200, "POST", "%s/%s/run" % (at, context), {"code": "print(kept)"})["stdout"], "1\n")
        # Who goes away meanwhile has the cell interrupted, once it can hear that; an interpreter is not killed for being frozen.
        body = json.dumps({"code": "import time; open('/workspace/begun', 'w').close(); time.sleep(600)"})
        with service.connect(self.daemon.address) as gone:
            gone.sendall(("POST %s/%s/run HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                          % (at, context, self.daemon.key, len(body), body)).encode())
            self.assertTrue(wait_until(lambda: self.client.exec(sandbox, "rm /workspace/begun")["exit_code"] == 0))
            self.client.expect(204, "POST", "/v1/sandboxes/%s/pause" % sandbox)
        time.sleep(4)  # longer than an interpreter has that does not heed the interrupt
        self.client.expect(204, "POST", "/v1/sandboxes/%s/resume" % sandbox)
        self.assertEqual(self.client.expect(200, "POST", "%s/%s/run" % (at, context), {"code": "print(kept)"})["stdout"], "1\n")
        self.client.kill(sandbox)

    def test_what_ends_the_interpreter_is_said_and_the_next_cell_works(self):
        for code, words in (("import os; os._exit(7)", "exit code 7"), ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
                            ("import os; os.kill(os.getppid(), 9); os.closerange(0, 256); os._exit(1)", "exit code 1"),
                            ("hoard = []\nwhile True: hoard.append(bytearray(1 << 20))", "memory_limit: the sandbox has 256M (limits.memory)")):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertEqual((ran["status"], ran["error"]["name"]), ("died", "KernelDied"), ran)
                self.assertIn(words, ran["error"]["value"])
                self.assert_works()
        self.assertEqual(self.run_cell("import sys; kept = 1; sys.exit(3)")["exit_code"], 3)
        self.assertEqual(self.run_cell("print(kept)")["stdout"], "1\n")

    def test_what_a_cell_forges_changes_nothing_but_its_own_answer(self):
        forging = "import os\nfor fd in range(3, 64):\n    try: os.write(fd, %r)\n    except OSError: pass\n"
        for text in (b"garbage\n", b'{"type":"end","id":99999,"status":"ok"}\n', b'{"type":"result","id":1,"data":{"a/b":1}}\n', b"x" * 200_000 + b"\n", b"[" * 5000 + b"\n"):
            with self.subTest(text[:40]):
                self.assertIn(self.run_cell(forging % text, timeout_ms=5000)["status"], ("ok", "died", "error"))
                self.assert_works()

    def test_what_a_cell_does_to_its_interpreter_is_over_with_it(self):
        for code, statuses in (
            ("while True: print('x' * 1000)", {"timeout"}),
            ("class Endless:\n    def __repr__(self):\n        while True: pass\nEndless()", {"timeout"}),
            ("class Long:\n    def __repr__(self): return 'x' * (30 << 20)\nLong()", {"ok"}),
            ("class Bad:\n    def __repr__(self): raise ValueError('no')\nBad()", {"ok", "error"}),
            ("def deeper(): deeper()\ndeeper()", {"error"}),
            ("import sys; sys.setrecursionlimit(10**9)\ndef deeper(n=0): return [deeper(n + 1)]\ndeeper()", {"error", "died", "timeout"}),
            ("a = []; a.append(a); a", {"ok"}),
            ("import sys; sys.stdout = sys.stderr = None; print = None", {"ok", "error"}),
            ("import sys; sys.stdout.close(); sys.stderr.close()", {"ok", "error"}),
            ("import os; os.close(1); os.close(2)", {"ok"}),
            ("import os; os.closerange(0, 256)", {"ok", "died", "error"}),
            ("import os, signal\ntry: os.kill(os.getppid(), signal.SIGKILL)\nexcept PermissionError: pass", {"ok"}),
            ("import builtins; builtins.compile = builtins.exec = None", {"ok", "error"}),
            ("import json; json.dumps = None; import sys; sys.modules.clear()", {"ok", "error", "died"}),
            ("import os\nif os.fork() == 0:\n    import time; time.sleep(600)", {"ok"}),
            ("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", {"timeout", "died"}),
            ("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))", {"ok", "error", "died"}),
        ):
            with self.subTest(code):
                ran = self.run_cell(code, timeout_ms=1000)
                self.assertIn(ran["status"], statuses, str(ran)[:2000])
                self.assertLess(len(json.dumps(ran)), 12 << 20)
                if any(word in code for word in ("builtins", "modules", "setrlimit")):  # lasting changes of the process are the user's to undo
                    self.client.expect(204, "POST", "%s/%s/restart" % (self.at, self.context))
                self.assert_works()

    def test_threads_that_outlive_their_cell_disturb_nobody(self):
        self.run_cell("import threading, time\nstop = False\ndef chatter():\n    while not stop:\n        print('still here'); display(1); time.sleep(.001)\n"
                      "threads = [threading.Thread(target=chatter) for _ in range(4)]\nfor one in threads: one.start()")
        for n in range(20):
            ran = self.run_cell("mine = %d" % n)
            self.assertEqual(ran["status"], "ok", ran)
        ran = self.run_cell("stop = True\nfor one in threads: one.join()\nprint('last', mine)")
        self.assertEqual(ran["status"], "ok")
        self.assertTrue(ran["stdout"].endswith("last 19\n"), ran["stdout"][-100:])
        self.assertEqual(self.run_cell("print('quiet')")["stdout"], "quiet\n")

    def test_messages_of_any_kind_forged_by_a_cell(self):
        """It finds the pipe of its kernel's events, and writes there what it likes: huge, cut, invalid, endless."""
        find = ("import os, stat\npipes = [fd for fd in range(3, 64) if os.path.exists('/proc/self/fd/%d' % fd) and stat.S_ISFIFO(os.fstat(fd).st_mode)]\n"
                "def forge(data):\n    for fd in pipes:\n        rest = memoryview(data)\n        try:\n            while rest: rest = rest[os.write(fd, rest):]\n        except OSError: pass\n")
        for text in (
            "b'x' * (12 << 20) + b'\\n'",  # beyond the longest line
            "b'{\"type\":\"result\",\"id\":1,\"data\":{\"text/plain\":\"'",  # cut, and the next event is in it
            "b'\\xff\\xfe\\n' * 1000", "b'\\0' * 100000 + b'\\n'",
            "b''.join(b'{\"type\":\"result\",\"id\":%d,\"data\":{\"text/plain\":\"x\"}}\\n' % n for n in range(20000))",
            "b''.join(b'{\"type\":\"error\",\"id\":%d,\"name\":\"' % n + b'N' * 1000000 + b'\"}\\n' for n in range(1, 20))",
            "b''.join(b'{\"type\":\"end\",\"id\":%d,\"status\":\"ok\"}\\n' % n for n in range(100))",
            "b''.join(b'{\"type\":\"begin\",\"id\":%d,\"count\":-9223372036854775808}\\n' % n for n in range(100))",
            "b'{\"type\":\"ready\"}\\n' * 1000", "(b'[' * 100000 + b'\\n') * 10", "(b'{\"id\":1e999,\"type\":\"end\"}\\n') * 10",
        ):
            with self.subTest(text[:60]):
                self.context = self.open()
                ran = self.run_cell(find + "forge(%s)" % text, timeout_ms=5000)
                self.assertIn(ran["status"], ("ok", "error", "timeout", "died"))
                self.assertLess(len(json.dumps(ran)), 40 << 20)
                self.client.expect(204, "POST", "%s/%s/restart" % (self.at, self.context))  # also from what is cut off in its pipe
                self.assert_works()
                self.client.expect(204, "DELETE", "%s/%s" % (self.at, self.context))
        self.assertEqual(self.client.exec(self.sandbox, "echo alive")["stdout"], "alive\n")

    def test_endless_output_to_one_who_listens(self):
        body = {"code": "while True: print('x' * 1000)", "timeout_ms": 500}
        name, end, _ = list(self.client.events("POST", "%s/%s/run" % (self.at, self.context), body, {"Accept": "text/event-stream"}))[-1]
        self.assertEqual((name, end["status"]), ("end", "timeout"))
        self.assert_works()

    def test_restart_and_removal(self):
        self.run_cell("kept = 1")
        self.client.expect(204, "POST", "%s/%s/restart" % (self.at, self.context))
        self.assertEqual(self.run_cell("kept")["error"]["name"], "NameError")
        self.client.expect(204, "DELETE", "%s/%s" % (self.at, self.context))
        self.assertEqual(self.client.request("POST", "%s/%s/run" % (self.at, self.context), {"code": "1"}).status, 404)
        self.assertEqual(self.client.request("DELETE", "%s/%s" % (self.at, self.context)).status, 404)

    def test_cells_wait_for_each_other(self):
        self.run_cell("import time; seen = []")
        workers = [threading.Thread(target=self.run_cell, args=("seen.append(%d); time.sleep(0.05); seen.append(%d)" % (n, n),)) for n in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        pairs = self.run_cell("print(all(seen[n] == seen[n + 1] for n in range(0, 12, 2)), len(seen))")["stdout"]
        self.assertEqual(pairs, "True 12\n")

    def test_as_events(self):
        code = "import sys, time\nprint('eins €')\nsys.stdout.flush()\ntime.sleep(.1)\nprint('zwei')\ndisplay(3)\n1/0"
        events = self.client.events("POST", "%s/%s/run" % (self.at, self.context), {"code": code}, {"Accept": "text/event-stream"})
        told = [(name, data) for name, data, _ in events]
        self.assertEqual("".join(data["chunk"] for name, data in told if name == "stdout"), "eins €\nzwei\n")
        self.assertEqual([name for name, _ in told if name != "stdout"], ["result", "error", "end"])
        self.assertEqual(told[-1][1]["status"], "error")

    def test_a_figure_and_a_table(self):
        if not os.path.exists("/usr/lib/python3/dist-packages/pandas"):
            self.skipTest("needs python3-pandas and python3-matplotlib in /usr")
        ran = self.run_cell("import pandas as pd, matplotlib.pyplot as plt\ndf = pd.DataFrame({'a': [1, 2]})\ndf.plot()\nplt.show()\ndf", timeout_ms=60000)
        self.assertEqual(ran["status"], "ok", ran)
        figure, table = ran["results"][0]["data"], ran["results"][-1]["data"]
        self.assertTrue(figure["image/png"].startswith("iVBOR"))
        self.assertEqual(json.loads(figure["e2b/chart"])["type"], "line")
        self.assertIn("<table", table["text/html"])
        self.assertEqual(json.loads(table["e2b/data"]), {"a": [1, 2]})

    def test_mistakes(self):
        at = "%s/%s/run" % (self.at, self.context)
        for method, path, body, status in (("POST", self.at, {"language": "pyhton"}, 400), ("POST", self.at, {"cwd": "x"}, 400),
                                           ("POST", at, {}, 400), ("POST", at, {"code": 1}, 400), ("POST", at, {"code": "1", "timeout_ms": 0}, 400),
                                           ("POST", at, {"code": "x" * (10 << 20) + "x"}, 400), ("POST", self.at + "/99/run", {"code": "1"}, 404)):
            with self.subTest((path, str(body)[:40])):
                self.assertEqual(self.client.request(method, path, body).status, status)
        self.assertEqual(self.run_cell("len('%s')" % ("x" * (9 << 20)))["results"][0]["data"]["text/plain"], str(9 << 20))

    def test_a_cell_that_its_sandboxs_end_cuts_off_hears_why(self):
        for lives, end, word in (({"ttl_seconds": 3}, lambda sandbox: None, "expired"), ({"ttl_seconds": 60}, self.client.kill, "killed")):
            with self.subTest(word):
                sandbox = self.client.create(**lives)
                at = "/v1/sandboxes/%s/contexts/python/run" % sandbox
                answers = []
                cell = {"code": "open('/workspace/begun', 'w').close()\nimport time; time.sleep(600)"}
                worker = threading.Thread(target=lambda: answers.append(self.client.expect(200, "POST", at, cell)))
                worker.start()
                self.assertTrue(wait_until(lambda: answers or self.client.exec(sandbox, "test -e /workspace/begun")["exit_code"] == 0))
                end(sandbox)
                worker.join(60)
                self.assertEqual([(one["status"], one["error"]["name"]) for one in answers], [("died", "SandboxEnded")])
                self.assertIn("the sandbox has ended (%s)" % word, answers[0]["error"]["value"])

    def test_a_context_that_is_removed_is_no_end_of_the_sandbox(self):
        answers = []
        worker = threading.Thread(target=lambda: answers.append(self.run_cell("open('/workspace/closing', 'w').close()\nimport time; time.sleep(600)")))
        worker.start()
        self.assertTrue(wait_until(lambda: answers or self.client.exec(self.sandbox, "rm /workspace/closing")["exit_code"] == 0))
        self.client.expect(204, "DELETE", "%s/%s" % (self.at, self.context))
        worker.join(60)
        self.assertEqual([(one["status"], one["error"]["name"]) for one in answers], [("died", "ContextClosed")])

    def test_they_end_with_the_sandbox(self):
        sandbox = self.client.create(ttl_seconds=60)
        at = "/v1/sandboxes/%s/contexts" % sandbox
        context = self.client.expect(201, "POST", at, {})["id"]
        answers = []
        worker = threading.Thread(target=lambda: answers.append(self.client.post("%s/%s/run" % (at, context), {"code": "import time; time.sleep(60)"}).status))
        worker.start()
        time.sleep(0.5)
        self.client.kill(sandbox)
        worker.join(10)
        self.assertFalse(worker.is_alive())
        self.assertEqual(self.client.post(at, {}).status, 404)
        self.assertEqual(len(answers), 1)

    def test_too_many(self):
        sandbox = self.client.create(ttl_seconds=60, limits={"memory": "1G", "pids": 128})
        at = "/v1/sandboxes/%s/contexts" % sandbox
        statuses = [self.client.post(at, {}).status for _ in range(33)]
        self.assertEqual(statuses, [201] * 32 + [429])
        self.client.kill(sandbox)


if __name__ == "__main__":
    unittest.main(verbosity=2)
