#!/usr/bin/python3
"""Tests of the JavaScript kernel on the host's own node (the cells here are ours and harmless)."""
import base64
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testing"))

from kernel_process import Died, KernelProcess  # noqa: E402

NODE = shutil.which("node", path="/usr/bin:/usr/local/bin") or shutil.which("node")
KERNEL = os.path.join(HERE, "kernel.cjs")


def version():
    if NODE is None:
        return 0, 0
    text = subprocess.run([NODE, "--version"], capture_output=True, text=True).stdout
    return tuple(int(part) for part in text.strip().lstrip("v").split(".")[:2])


TOO_OLD = None if version() >= (18, 0) else "needs node 18 or later (nodejs)"


@unittest.skipIf(TOO_OLD, TOO_OLD)
class KernelCase(unittest.TestCase):
    language = "javascript"

    def setUp(self):
        self.kernel = KernelProcess([NODE, KERNEL, self.language])
        self.addCleanup(self.kernel.close)

    def run_cell(self, code, **fields):
        return self.kernel.run(textwrap.dedent(code), **fields)

    def assert_lives(self):
        self.assertEqual(self.run_cell("40 + 2").main, "42")

    def write(self, name, text):
        path = os.path.join(self.kernel.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


class CellTest(KernelCase):
    def test_ready_tells_what_it_is(self):
        self.assertEqual((self.kernel.ready["type"], self.kernel.ready["language"], self.kernel.ready["engine"]), ("ready", "javascript", "node"))

    def test_declarations_stay_and_may_come_again(self):
        self.run_cell("const a = 1; let b = 2; var c = 3; class D { e() { return 5 } }\nfunction f() { return a + b }")
        self.assertEqual(self.run_cell("[a, b, c, new D().e(), f()]").main, "[ 1, 2, 3, 5, 3 ]")
        self.run_cell("const a = 10; class D {}; let b = 20")
        self.assertEqual(self.run_cell("[a, b, f(), typeof new D().e]").main, "[ 10, 20, 30, 'undefined' ]")

    def test_what_is_echoed(self):
        for code, main in (("1 + 1", "2"), ("'a'", "'a'"), ("undefined", None), ("null", "null"), ("let x = 1", None), ("10n", "10n"), ("-0", "-0"), ("NaN", "NaN"),
                           ("({a: [1]})", "{ a: [ 1 ] }"), ("Symbol('s')", "Symbol(s)"), ("", None), ("// nothing", None), ("1; // why", "1"), ("if (true) 5", "5"),
                           ("Promise.resolve(4)", "Promise { 4 }"), ("new Map([[1, 2]])", "Map(1) { 1 => 2 }"), ("\"use strict\"; 3", "3")):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertEqual((ran.main, ran.status), (main, "ok"))

    def test_await_at_the_top_level(self):
        self.assertEqual(self.run_cell("const v = await new Promise(done => setTimeout(done, 5, 'late')); v").main, "'late'")
        self.assertEqual(self.run_cell("for await (const x of [1, 2]) console.log(x)").out, "1\n2\n")
        self.assertEqual(self.run_cell("v").main, "'late'")

    def test_console_and_children(self):
        ran = self.run_cell("""
            console.log("out", {a: 1}); console.error("err")
            process.stdout.write("partial")
            require("child_process").execFileSync("sh", ["-c", "echo child; echo bad >&2; cat"], {stdio: "inherit"})
            """)
        self.assertEqual((ran.out, ran.err), ("out { a: 1 }\npartialchild\n", "err\nbad\n"))

    def test_imports(self):
        self.write("neighbour.mjs", "export default 'd'; export const named = 'n'; export const other = 'o'")
        self.write("node_modules/bare/index.js", "module.exports = 'bare package'")
        self.write("data.json", '{"from": "file"}')
        ran = self.run_cell("""
            import { readFileSync, existsSync as exists } from 'fs'
            import path from "node:path";
            import * as all from './neighbour.mjs'
            import d, { named,
                        other as o } from './neighbour.mjs'
            import './neighbour.mjs'
            import bare from 'bare'
            import data from './data.json' with { type: 'json' };
            const text = "import x from 'nowhere'", template = `import(${ `import y from 'z'` })`, pattern = /import q from 'w'/
            // import nothing from 'comment'
            ;[typeof readFileSync, typeof exists, path.sep, all.named, d, named, o, bare, data.from, text.length, template, pattern.source]
            """)
        self.assertIsNone(ran.error)
        self.assertEqual(ran.main.replace("\n ", ""), """[ 'function', 'function', '/', 'n', 'd', 'n', 'o', 'bare package', 'file', 23, "import(import y from 'z')", "import q from 'w'"\n]""")
        self.assertEqual(self.run_cell("(await import('./neighbour.mjs')).named").main, "'n'")
        self.assertEqual(self.run_cell("const load = async () => (await import('node:os')).EOL; await load()").main, "'\\n'")
        self.assertEqual(self.run_cell("require('bare') + require('./data.json').from").main, "'bare packagefile'")
        ran = self.run_cell("import x from 'nowhere'")
        self.assertIn("nowhere", ran.error["value"])
        self.assertEqual(ran.err, "")

    def test_imports_of_old_nodes(self):
        self.write("neighbour.mjs", "export const named = 'n'")
        self.write("node_modules/bare/index.js", "module.exports = 'b'")
        ran = self.run_cell("const old = require(%r).importerOfOldNode(process.cwd());\n"
                            "[(await old('./neighbour.mjs')).named, (await old('bare')).default, typeof (await old('fs')).readFileSync]" % os.path.join(HERE, "imports.cjs"))
        self.assertEqual((ran.error, ran.main), (None, "[ 'n', 'b', 'function' ]"))

    def test_rich_values(self):
        ran = self.run_cell("""
            const table = { _repr_html_() { return '<b>' }, _repr_png_() { return new Uint8Array([1, 2]) }, [Symbol.for('nodejs.util.inspect.custom')]() { return 'T' } }
            display(table)
            display({ [Symbol.for('Jupyter.display')]() { return { 'text/markdown': '*m*', 'application/json': { a: 1 } } } })
            display({ _toMime() { return { 'text/plain': 'plain' } } }, 5)
            table
            """)
        whole = {"text/html": "<b>", "image/png": base64.b64encode(b"\1\2").decode(), "text/plain": "T"}
        self.assertEqual(ran.results[0], whole)
        self.assertEqual((ran.results[1]["text/markdown"], ran.results[1]["application/json"]), ("*m*", '{"a":1}'))
        self.assertEqual(ran.results[2:], [{"text/plain": "plain"}, {"text/plain": "5"}, whole])
        self.assertEqual([event["is_main"] for event in ran.of("result")], [False] * 4 + [True])
        ran = self.run_cell("({ async [Symbol.for('Jupyter.display')]() { return { 'text/html': 'late' } } })")
        self.assertEqual(ran.results[0]["text/html"], "late")

    def test_errors(self):
        self.run_cell("function f() {\n  throw new TypeError('bad')\n}")
        error = self.run_cell("let n = 0\nf()").error
        self.assertEqual((error["name"], error["value"]), ("TypeError", "bad"))
        self.assertEqual(error["traceback"], "cell-1:2\n  throw new TypeError('bad')\n        ^\n\nTypeError: bad\n    at f (cell-1:2:9)\n    at cell-2:2:1\n")
        error = self.run_cell("x = (\n").error
        self.assertEqual(error["name"], "SyntaxError")
        self.assertIn("cell-3:2", error["traceback"])
        error = self.run_cell("let ok = 1\nlet = = 2").error
        self.assertIn("cell-4:2\nlet = = 2\n      ^", error["traceback"])
        self.assertEqual(self.run_cell("nothing").error["value"], "nothing is not defined")
        self.assertEqual(self.run_cell("throw {a: 1}").error["value"], "{ a: 1 }")
        self.assertEqual(self.run_cell("await Promise.reject(new RangeError('r'))").error["name"], "RangeError")
        self.assertIn("[cause]", self.run_cell("throw new Error('e', { cause: 'c' })").error["traceback"])

    def test_environment_and_folder(self):
        self.run_cell("process.env.STAYS = 'old'")
        ran = self.run_cell("[process.env.FOO, process.env.STAYS, require('child_process').execSync('echo $FOO').toString()]", env={"FOO": "bar", "STAYS": "new"})
        self.assertEqual(ran.main, "[ 'bar', 'new', 'bar\\n' ]")
        self.assertEqual(self.run_cell("[process.env.FOO, process.env.STAYS]").main, "[ undefined, 'old' ]")
        self.write("deep/here.js", "module.exports = 'deep'")
        self.assertEqual(self.run_cell("process.cwd()", cwd="/usr").main, "'/usr'")
        self.assertEqual(self.run_cell("require('./here.js')", cwd=os.path.join(self.kernel.folder.name, "deep")).main, "'deep'")
        ran = self.run_cell("console.log('ran')", cwd="/nowhere")
        self.assertEqual((ran.status, ran.out), ("error", ""))
        self.assert_lives()


class EndTest(KernelCase):
    """Timeouts, interrupts and misbehaviour: the next cell works."""

    def test_timeouts_keep_the_state(self):
        self.run_cell("let kept = 1")
        for code in ("kept += 1; while (true);", "await new Promise(() => {})", "await 1; while (true);",
                     "await new Promise(done => setTimeout(done, 5)); while (true);", "while (true) try { while (true); } catch {}",
                     "({ get [Symbol.toStringTag]() { while (true); } })", "throw { [Symbol.for('nodejs.util.inspect.custom')]() { while (true); } }",
                     "try { while (true); } finally { kept = -1 }", "'a'.repeat(100).match(/^(a|aa)+$b/)", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"):
            with self.subTest(code):
                ran = self.run_cell(code, timeout_ms=150)
                self.assertEqual((ran.status, ran.error["name"]), ("timeout", "TimeoutError"))
                self.assertIn("150 ms", ran.error["value"])
                self.assertEqual(self.run_cell("kept").main, "2")

    def test_interrupts_keep_the_state(self):
        self.run_cell("let kept = 3")
        for code in ("console.log('on'); while (true);", "console.log('on'); await new Promise(() => {})", "await 1; console.log('on'); while (true);"):
            with self.subTest(code):
                self.kernel.begin(code)
                self.kernel.wait_for_output("on")
                self.kernel.interrupt()
                ran = self.kernel.end()
                self.assertEqual((ran.status, ran.error["name"]), ("interrupted", "InterruptedError"))
                self.assertEqual(self.run_cell("kept").main, "3")

    def test_interrupt_without_a_cell_is_ignored(self):
        self.assert_lives()
        for _ in range(5):
            self.kernel.interrupt()
        self.assert_lives()

    def test_interrupts_at_any_moment(self):
        for _ in range(50):
            self.kernel.begin("for (let i = 0; i < 1e5; i++);")
            self.kernel.interrupt()
            self.assertIn(self.kernel.end().status, ("ok", "interrupted"))
        self.assert_lives()

    def test_interrupt_right_after_the_beginning_is_not_lost(self):
        for code in ("while (true);", "while (true) display(1)", "await new Promise(() => {})"):
            for _ in range(10):
                self.kernel.begin(code)
                self.kernel.interrupt()
                self.assertEqual(self.kernel.end().status, "interrupted")
        self.assert_lives()

    def test_exit_ends_the_cell_only(self):
        self.run_cell("let kept = 4")
        for code, exit_code in (("process.exit()", 0), ("process.exit(7)", 7), ("try { process.exit(3) } catch {} finally { kept = 0 }", 3),
                                ("await 1; process.exit(5)", 5), ("process.exitCode = 6; process.exit()", 6)):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertEqual((ran.status, ran.exit_code, ran.error), ("exit", exit_code, None))
                self.assertEqual(self.run_cell("kept").main, "4")

    def test_what_is_thrown_later_does_not_end_it(self):
        ran = self.run_cell("setTimeout(() => { throw new Error('later') }); Promise.reject(new Error('lost')); await new Promise(done => setTimeout(done, 20))")
        self.assertEqual(ran.status, "ok")
        self.assertIn("Uncaught Error: later", ran.err)
        self.assertIn("Uncaught Error: lost", ran.err)
        self.run_cell("setTimeout(() => process.exit(1), 1); 0")
        self.run_cell("await new Promise(done => setTimeout(done, 20))")
        self.assert_lives()

    def test_timers_that_outlive_their_cell(self):
        ran = self.run_cell("const timer = setInterval(() => display('late'), 1); 0")
        self.assertEqual(len(ran.results), 1)
        self.run_cell("clearInterval(timer)")
        self.assert_lives()

    def test_replaced_console_and_streams(self):
        self.run_cell("console.log = () => {}; process.stdout.write = () => true; console = null")
        self.assertEqual(self.run_cell("console.log('seen')").out, "seen\n")
        self.run_cell("process.stdout.end('bye'); process.stdout.destroy()")
        self.assertEqual(self.run_cell("console.log('seen')").out, "seen\n")
        self.run_cell("const fs = require('fs'); fs.closeSync(1); fs.closeSync(2); fs.closeSync(0)")
        ran = self.run_cell("console.log('seen'); require('child_process').execSync('echo child', {stdio: 'inherit'})")
        self.assertEqual(ran.out, "seen\nchild\n")

    def test_replaced_builtins(self):
        self.run_cell("JSON.stringify = JSON.parse = () => 'forged'; Date.now = () => 0; setImmediate = null; process.cwd = process.chdir = null; require = null")
        self.assert_lives()

    def test_recursion_and_memory_of_one_value(self):
        self.assertEqual(self.run_cell("function f() { f() }; f()").error["name"], "RangeError")
        self.assertEqual(self.run_cell("let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a").status, "ok")
        self.assertEqual(self.run_cell("'x'.repeat(2 ** 30)").error["name"], "RangeError")
        self.assertIn("more items", self.run_cell("new Array(1e6).fill(0)").main)
        self.assertIn("over the limit", self.run_cell("({ _repr_html_: () => 'x'.repeat(11 << 20) })").main)
        self.assertLess(len(self.run_cell("throw new Error('x'.repeat(20 << 20))").error["value"]), 300000)
        self.assert_lives()

    def test_huge_output_and_huge_cell(self):
        self.assertEqual(len(self.run_cell("console.log('x'.repeat(20 << 20))").out), (20 << 20) + 1)
        self.assertEqual(self.run_cell("const big = '%s'; big.length" % ("y" * (10 << 20))).main, str(10 << 20))

    def test_requests_that_are_none_are_left_out(self):
        for line in (b"", b"nonsense", b"{", b"[]", b"7", b"null", b'{"op":"fly"}', b'{"op":"run","id":1}', b'{"op":"run","id":"x","code":"1"}', b"\xff\xfe", b"[" * 100000):
            self.kernel.send(line)
        self.assert_lives()

    def test_children_do_not_get_the_kernels_descriptors(self):
        ran = self.run_cell("require('child_process').execSync('ls /proc/self/fd; readlink /proc/self/fd/0', {stdio: ['inherit', 'pipe', 'inherit']}).toString()")
        self.assertEqual(ran.main, repr("0\n1\n2\n3\n/dev/null\n"))

    def test_stop_ends_it_whatever_runs(self):
        self.run_cell("setInterval(() => {}, 1); require('net').createServer().listen(0, '127.0.0.1'); 0")
        self.assertEqual(self.kernel.close(), 0)
        self.kernel.readers[1].join(30)
        self.assertEqual(self.kernel.take("err"), "")

    def test_no_events_descriptor_is_refused(self):
        done = subprocess.run([NODE, KERNEL], stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"descriptor 3, where events go", done.stderr)

    def test_a_crash_ends_the_events(self):
        self.kernel.begin("process.kill(process.pid, 'SIGKILL')")
        with self.assertRaises(Died):
            self.kernel.end()
        self.assertEqual(self.kernel.process.wait(30), -signal.SIGKILL)


class TypeScriptTest(KernelCase):
    language = "typescript"

    def test_where_it_is_not_available_a_sentence_says_so(self):
        if version() >= (22, 13):
            self.skipTest("this node strips types itself")
        ran = self.run_cell("const x: number = 1")
        if ran.error is None:
            self.skipTest("a package typescript or esbuild is installed for all")
        self.assertEqual((ran.status, ran.error["name"]), ("error", "LanguageNotAvailable"))
        self.assertIn("Write the cell in JavaScript", ran.error["value"])
        self.assertEqual(self.kernel.ready["language"], "typescript")

    def test_types_are_stripped(self):
        if version() < (22, 13):
            # What of the package the kernel relies on.
            self.write("node_modules/typescript/index.js", """
                exports.ScriptTarget = exports.ModuleKind = { ESNext: 99 }
                exports.transpileModule = (text, { compilerOptions }) => ({ outputText: text.replace(/: (string|number)/g, ''), diagnostics:
                  /=$/.test(text) ? [{ category: 1, code: 1109, messageText: 'Expression expected.' }] : [] })
                """)
        ran = self.run_cell('const message: string = "Hello"; console.log(message)')
        self.assertEqual((ran.out, ran.error), ("Hello\n", None))
        self.assertEqual(self.run_cell("let n: number = 3; n + message.length").main, "8")
        self.assertEqual(self.run_cell("let n: number =").error["name"], "SyntaxError")
        self.assertEqual(self.run_cell("n").main, "3")

    def test_esbuild_does_too(self):
        if version() >= (22, 13):
            self.skipTest("this node strips types itself")
        self.write("node_modules/esbuild/index.js", "exports.transformSync = (text, o) => ({ code: o.loader === 'ts' ? text.replace(': number', '') : '' })")
        self.assertEqual(self.run_cell("const n: number = 3; n").main, "3")


if __name__ == "__main__":
    unittest.main()
