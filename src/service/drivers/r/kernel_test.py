#!/usr/bin/python3
"""Tests of the R kernel on the host's own R (the cells here are ours and harmless)."""
import base64
import json
import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testing"))

from kernel_process import Died, KernelProcess, OneKernelCase, is_gone  # noqa: E402

RSCRIPT = shutil.which("Rscript", path="/usr/local/bin:/usr/bin:/bin")
COMMAND = [RSCRIPT, os.path.join(HERE, "kernel.R")]
NOBODY = 65534


def is_png(form):
    return base64.b64decode(form)[:8] == b"\x89PNG\r\n\x1a\n"


@unittest.skipUnless(RSCRIPT, "needs R (apt-get install --no-install-recommends r-base-core)")
class Kernel(OneKernelCase):
    command = COMMAND

    def assert_fails(self, code, name, words=""):
        ran = self.run_cell(code)
        self.assertEqual((ran.status, ran.error and ran.error["name"]), ("error", name), code)
        self.assertIn(words, ran.error["value"])
        return ran

    def test_ready_tells_what_it_is(self):
        self.assertEqual((self.kernel.ready["type"], self.kernel.ready["language"], self.kernel.ready["engine"]), ("ready", "r", "R"))
        self.assertRegex(self.kernel.ready["version"], r"^\d+\.\d")

    def test_state_stays_and_the_last_visible_value_is_the_result(self):
        self.assertEqual(self.run_cell("x <- 20").results, [])
        ran = self.run_cell("1:3\nx + 22")
        self.assertEqual((ran.main, ran.out), ("[1] 42", "[1] 1 2 3\n"))  # as at R's prompt
        self.assertEqual((self.run_cell("invisible(5)").results, self.run_cell(".Last.value").main), ([], "[1] 5"))
        self.assertEqual(self.run_cell("twice <- function(n) {\n  2 * n\n}\r\ntwice(4)").main, "[1] 8")
        self.assertEqual(self.run_cell("NULL").main, "NULL")
        self.assertEqual((self.run_cell("").status, self.run_cell("# nothing").status), ("ok", "ok"))
        self.assertEqual(self.run_cell('"é € \U0001F600 \\\\ \\"" # \t').main, '[1] "é € \U0001F600 \\\\ \\""')
        self.assertEqual(self.run_cell("identical('\x02\u00e9\U0001F600\\\\ \\t', intToUtf8(c(2, 233, 0x1f600, 92, 32, 9)))").main, "[1] TRUE")

    def test_methods_of_the_cells_print(self):
        ran = self.run_cell("print.money <- function(x, ...) cat('EUR', unclass(x), '\\n')\nstructure(3, class = 'money')\nstructure(4, class = 'money')")
        self.assertEqual((ran.out, ran.main), ("EUR 3 \n", "EUR 4 "))
        self.assertEqual(self.run_cell("setClass('P', representation(a = 'numeric'))\nnew('P', a = 1)").main, 'An object of class "P"\nSlot "a":\n[1] 1')
        self.assert_fails("print.bad <- function(x, ...) { cat('begun'); stop('in print') }\nstructure(1, class = 'bad')", "simpleError", "in print")

    def test_output_comes_while_it_runs(self):
        self.kernel.begin("cat('out\\n'); message('told'); warning('wrong'); Sys.sleep(600)")
        self.kernel.wait_for_output("out\n")
        self.kernel.wait_for_output("Warning: wrong\n", "err")
        self.kernel.interrupt()
        ran = self.kernel.end()
        self.assertEqual((ran.status, ran.out, ran.err), ("interrupted", "out\n", "told\nWarning: wrong\n"))
        self.assertEqual(self.run_cell("options(warn = 0); f <- function() warning('late'); f()").err, "Warning in f() : late\n")
        self.assert_fails("options(warn = 2); f()", "simpleError", "(converted from warning) late")
        self.assertEqual(self.run_cell("options(warn = 1); suppressWarnings(f()); tryCatch(f(), warning = function(w) 'caught')").err, "")

    def test_data_frames(self):
        data = self.run_cell("data.frame(n = c(1.5, NA, Inf), s = c('<b>', NA, 'z'), l = c(TRUE, FALSE, NA), d = as.Date('2026-01-02') + 0:2, "
                             "t = as.POSIXct('2026-01-02 03:04:05', tz = 'UTC'), f = factor(c('u', 'v', 'u')), o = I(list(1, 2:3, 'x')))").results[0]
        self.assertIn("2026-01-02", data["text/plain"])
        self.assertIn("<td>&lt;b&gt;</td>", data["text/html"])
        self.assertEqual(json.loads(data["e2b/data"]), {
            "n": [1.5, None, None], "s": ["<b>", None, "z"], "l": [True, False, None], "d": ["2026-01-02", "2026-01-03", "2026-01-04"],
            "t": ["2026-01-02T03:04:05"] * 3, "f": ["u", "v", "u"], "o": ["1", "2, 3", "x"]})
        data = self.run_cell("data.frame(a = 1:250000)").results[0]
        self.assertNotIn("e2b/data", data)
        self.assertIn("249940 more rows", data["text/html"])
        self.assertLess(len(data["text/html"]), 10_000)
        self.assertEqual(self.run_cell("data.frame()").main, "data frame with 0 columns and 0 rows")

    def test_plots(self):
        ran = self.run_cell("plot(1:3)\nhist(c(1, 2, 2))\nmean(1:3)")
        self.assertEqual([sorted(one) for one in ran.results], [["text/plain"], ["image/png"], ["image/png"]])
        self.assertTrue(all(is_png(one["image/png"]) for one in ran.results[1:]))
        self.assertEqual((ran.main, self.run_cell("par(mfrow = c(1, 2))").results), ("[1] 2", []))
        self.assertEqual(len(self.run_cell("plot(1); invisible(dev.off())").results), 1)
        self.run_cell("print.drawn <- function(x, ...) plot(1)")  # as ggplot's do
        ran = self.run_cell("structure(1, class = 'drawn')")
        self.assertEqual([(event["is_main"], sorted(event["data"])) for event in ran.of("result")], [(True, ["image/png"])])
        self.assertEqual(len(self.run_cell("plot(1); stop('after')").results), 1)
        self.assertEqual(self.run_cell("plot(1); repeat {}", timeout_ms=500).results, [])
        self.assertEqual(self.run_cell("png('mine.png'); plot(1)").results, [])  # the cell's own device stays open
        self.assertEqual(self.run_cell("plot(2); invisible(dev.off()); file.exists('mine.png')").main, "[1] TRUE")
        self.assertEqual(len(self.run_cell("unlink(tempdir(), recursive = TRUE); plot(1)").results), 1)

    def test_errors(self):
        ran = self.assert_fails("f <- function(n) {\n  g(n)\n}\ng <- function(n) stop('boom ', n)\n\nf(1)", "simpleError", "boom 1")
        cell = ran.error["traceback"].split("<cell ")[1].split(">")[0]
        self.assertEqual(ran.error["traceback"], "Error in g(n) : boom 1\nTraceback:\n1. f(1) at <cell %s>:6\n2. g(n) at <cell %s>:2\n" % (cell, cell))
        ran = self.assert_fails("\nnonsense", "simpleError", "object 'nonsense' not found")
        self.assertRegex(ran.error["traceback"], r"^Error: object 'nonsense' not found\nTraceback:\n1. at <cell \d+>:2\n$")
        for code, words in (("1 +", "unexpected end of input"), ("a b", "unexpected symbol"), ("'", "unexpected INCOMPLETE_STRING"), ("\x02", "unexpected input")):
            self.assert_fails(code, "parseError", words)
        self.assert_fails("stop(structure(class = c('mine', 'error', 'condition'), list(message = 'hi', call = NULL)))", "mine", "hi")
        self.assertEqual(self.run_cell("try(stop('x'), silent = TRUE); 1").main, "[1] 1")
        ran = self.assert_fails("h <- function(n) if (n == 0) stop('deep') else h(n - 1)\nh(500)", "simpleError", "deep")
        self.assertIn("more)", ran.error["traceback"])
        self.assertLess(ran.error["traceback"].count("\n"), 50)

    def test_what_has_no_end(self):
        self.assertRegex(self.run_cell("h <- function(n) n + h(n + 1); h(1)").error["name"], "[sS]tackOverflowError")
        self.assert_fails("numeric(1e14)", "simpleError", "cannot allocate")
        self.assertEqual(self.run_cell("print.loop <- function(x, ...) repeat cat('x'); structure(1, class = 'loop')", timeout_ms=500).status, "timeout")
        ran = self.run_cell("told <- 0; conditionMessage.odd <- function(c) if ((told <<- told + 1) > 1) stop('again') else 'x'; stop(structure(class = c('odd', 'error', 'condition'), list()))")
        self.assertEqual((ran.error["name"], ran.error["value"]), ("odd", "(telling what went wrong failed)"))
        self.assertEqual(len(self.run_cell("stop(strrep('x', 1e6))").error["value"]) <= 1 << 18, True)

    def test_what_is_large(self):
        self.assertRegex(self.run_cell("invisible(strrep('x', 11e6)); strrep('x', 11e6)").main, r"^\(\d+ bytes: over the limit of 10485760 for one result\)$")
        self.assertLess(len(self.kernel.last_line), 1000)
        self.assertEqual(self.run_cell("nchar('" + "é\\\\\"\n" * 400_000 + "')").main, "[1] 1600000")
        self.assertEqual(self.run_cell("# " + "y" * 10_000_000 + "\n1").main, "[1] 1")
        self.assertEqual(self.run_cell("x <- 1\n" * 100_000 + "x").main, "[1] 1")
        ran = self.run_cell("for (n in 1:101) plot.new()")
        self.assertEqual((len(ran.results), ran.err), (100, "brig kernel: of 101 plots the first 100 are shown\n"))

    def test_nobody_types(self):
        for code in ("readline('name? ')", "readLines()", "readLines(stdin())", "scan()", "readLines('stdin')", "read.csv(file('stdin'))"):
            self.assert_fails(code, "simpleError", "nobody can type into a running cell")
        self.assertEqual(self.run_cell("system('cat')").out, "")
        self.assertEqual(self.run_cell("scan(text = '1 2', quiet = TRUE)").main, "[1] 1 2")

    def test_a_missing_package(self):
        for code in ("library(nosuchpackage)", "nosuchpackage::f()", "loadNamespace('nosuchpackage')"):
            self.assert_fails(code, "packageNotFoundError", "r-cran-nosuchpackage")

    def test_quit(self):
        self.run_cell("kept <- 7")
        for code, exit_code in (("quit(status = 3)", 3), ("q()", 0), ("tryCatch(q('no', 4), condition = identity)", 4), ("f <- function() base::quit(status = 256 + 5); f()", 5)):
            ran = self.run_cell(code + "\ncat('after')")
            self.assertEqual((ran.status, ran.exit_code, ran.out), ("exit", exit_code, ""), code)
        self.assertEqual(self.run_cell("kept").main, "[1] 7")

    def test_env_is_of_one_cell_and_the_folder_stays(self):
        code = "Sys.getenv(c('FROM', 'MINE'), names = FALSE)"
        self.assertEqual(self.run_cell(code, env={"MINE": "é\n\"\\", "FROM": "here", "": "no", "a=b": "no"}).main, '[1] "here"    "é\\n\\"\\\\"')
        self.assertEqual(self.run_cell(code).main, '[1] "outside" ""       ')
        self.assertEqual(self.run_cell("getwd()", cwd="/usr").main, '[1] "/usr"')
        self.assertEqual(self.run_cell("getwd()").main, '[1] "/usr"')
        self.assertIn("/no/such/folder", self.run_cell("1", cwd="/no/such/folder").error["value"])
        self.run_cell("", cwd=self.kernel.folder.name)

    def test_timeout_and_interrupt_keep_the_state(self):
        self.run_cell("kept <- 7")
        for code in ("repeat {}", "Sys.sleep(600)", "tryCatch(repeat {}, finally = 1)"):
            ran = self.run_cell(code, timeout_ms=300)
            self.assertEqual((ran.status, ran.error["name"]), ("timeout", "TimeoutError"), code)
        for code in ("repeat {}", "Sys.sleep(600)", "try(repeat {}); kept <- 8"):
            self.kernel.begin(code)
            self.kernel.interrupt()
            ran = self.kernel.end()
            self.assertEqual((ran.status, ran.error["name"]), ("interrupted", "InterruptedError"), code)
        self.kernel.interrupt()  # without a cell: nothing
        self.assertEqual(self.run_cell("kept").main, "[1] 7")

    def test_commands(self):
        self.assertEqual(self.run_cell("system('echo one'); system2('echo', 'two'); status <- system('exit 5')").out, "one\ntwo\n")
        self.assertEqual(self.run_cell("c(system('echo three', intern = TRUE), status)").main, '[1] "three" "5"    ')
        self.assertEqual(self.run_cell("x <- system('exit 6', intern = TRUE)").err, "Warning: running command 'exit 6' had status 6\n")
        self.assertEqual(self.run_cell("system('true &'); system('true', wait = FALSE); system('sleep 600', timeout = 1)").err, "Warning: command 'sleep 600' timed out after 1s\n")
        self.assert_fails("system('nonesuch', intern = TRUE)", "simpleError", "error in running command")
        for more in ("", ", intern = TRUE"):
            self.kernel.begin("system('echo $$ >&2; sleep 600'%s); cat('after')" % more)
            self.kernel.wait_for_output("\n", "err")
            self.kernel.interrupt()
            ran = self.kernel.end()
            self.assertEqual((ran.status, ran.out), ("interrupted", ""), more)
            self.assertTrue(is_gone(int(ran.err)))
        self.assertEqual(self.run_cell("system('sleep 600')", timeout_ms=300).status, "timeout")

    def test_what_a_cell_replaces_is_put_back(self):
        self.run_cell("sink('away'); sink(file('away2', 'w'), type = 'message'); print(1)")
        ran = self.run_cell("print(2); message('there')")
        self.assertEqual((ran.out, ran.err), ("[1] 2\n", "there\n"))
        self.run_cell("c <- list <- cat <- paste0 <- eval <- print <- 5; closeAllConnections()")
        self.assertEqual(self.run_cell("'works'").main, '[1] "works"')
        self.assertEqual(self.run_cell("rm(list = ls()); ls()").main, "character(0)")

    def test_children_of_a_cell(self):
        self.assertEqual(self.run_cell("unlist(parallel::mclapply(1:2, function(n) n * 2))").main, "[1] 2 4")
        ran = self.run_cell("child <- parallel:::mcfork()\nchild$pid")  # the child runs on as if it were the kernel
        pids = [int(text.split()[-1]) for text in [ran.main]]
        self.assertTrue(is_gone(max(pids)))
        self.assertEqual(self.run_cell("1 + 1").main, "[1] 2")

    def test_requests_that_are_none(self):
        for line in (b"nonsense", b"[", b"{}", b'{"op":"run","id":"1","code":"1"}', b'{"op":"run"', b'"run"', b'{"op":"run","id":1,"code":"\\', b"\xff\xfe",
                     b'{"op":"run","id":1,"code":1}', b'{"op":"run","id":1,"code":"1","env":{"A":1}}', b'{"op":"run","id":1,"code":"1"}}'):
            self.kernel.send(line)
        ran = self.run_cell("1 + 1")
        self.assertEqual((ran.main, ran.err.count("a request that is none was left out")), ("[1] 2", 11))

    def test_the_end(self):
        other = KernelProcess(COMMAND)
        self.addCleanup(other.close)
        with self.assertRaises(Died):
            other.run("for (number in setdiff(getAllConnections(), 0:2)) close(getConnection(number))")
        self.assertEqual(other.process.wait(60), 70)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody who may not open root's pipes")
    def test_pipes_that_cannot_be_opened_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("kernel.R", "json.R", "shows.R", "masks.R"):
                shutil.copyfile(os.path.join(HERE, name), os.path.join(folder, name))
                os.chmod(os.path.join(folder, name), 0o644)
            os.chmod(folder, 0o777)
            drop = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]
            other = KernelProcess([*drop, RSCRIPT, os.path.join(folder, "kernel.R")], folder=folder)
            try:
                self.assertEqual(other.run("x <- 2; x + 1").main, "[1] 3")
                self.assertEqual(other.run("closeAllConnections(); system('cat'); repeat {}", timeout_ms=300).status, "timeout")
                self.assertEqual(other.run("x").main, "[1] 2")
            finally:
                self.assertEqual(other.close(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
