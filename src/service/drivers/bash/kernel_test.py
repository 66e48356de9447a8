#!/usr/bin/python3
"""Tests of the bash kernel on the host's own bash (the cells here are ours and harmless)."""
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "testing"))

from kernel_process import Died, KernelProcess, is_gone  # noqa: E402

KERNEL = os.path.join(HERE, "kernel.sh")
COMMAND = ["/bin/bash", KERNEL]


class KernelCase(unittest.TestCase):
    def setUp(self):
        self.kernel = KernelProcess(COMMAND)
        self.addCleanup(self.kernel.close)

    def run_cell(self, code, **fields):
        return self.kernel.run(textwrap.dedent(code), **fields)

    def out(self, code, **fields):
        ran = self.run_cell(code, **fields)
        self.assertEqual(ran.err, "")
        return ran.out

    def assert_lives(self):
        self.assertEqual(self.out("echo $((40 + 2))"), "42\n")


class CellTest(KernelCase):
    def test_ready_tells_what_it_is(self):
        self.assertEqual((self.kernel.ready["type"], self.kernel.ready["language"], self.kernel.ready["engine"]), ("ready", "bash", "bash"))

    def test_state_stays(self):
        self.run_cell("x=5; declare -A map=([a]=1); list=(1 2); f() { echo \"f $1 $x\"; }; alias ll='echo aliased'; cd /usr; shopt -s nullglob extglob; set -f; set -- p q\nexport E=e")
        self.assertEqual(self.out('f a; echo ${map[a]} ${list[1]} $PWD * $1 $2; shopt nullglob; sh -c "echo $E"'), "f a 5\n1 2 /usr * p q\nnullglob       \ton\ne\n")
        self.assertEqual(self.out("set +f; shopt -s expand_aliases"), "")
        self.assertEqual(self.out("ll"), "aliased\n")

    def test_status_is_the_last_commands(self):
        for code, status, exit_code in (("true", "ok", None), ("false", "error", 1), ("(exit 7)", "error", 7), ("false; true", "ok", None), ("nosuchcommand", "error", 127),
                                        ("", "ok", None), ("# nothing", "ok", None), ("return 3", "error", 3), ("if", "error", 2)):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertEqual((ran.status, ran.exit_code), (status, exit_code))
                if status == "ok":
                    self.assertIsNone(ran.error)
                else:
                    self.assertEqual((ran.error["name"], ran.error["value"]), ("BashError", "exit status %d" % exit_code))
        self.assertIn("syntax error", ran.err)
        self.assertEqual(self.out("(exit 7); echo $?"), "7\n")

    def test_text_comes_as_it_is(self):
        for text in ("plain", "a \"b\" 'c' \\ \\\\ \\n \\\" $x `y` \t tab", "é € \U0001F600 \U00010000", "line 1\nline 2\n\n", "%s %d %%", "\\u0041 \\x41 \\101", "*?[a]~", "\x7f\x1b[0m", "/"):
            with self.subTest(text):
                self.assertEqual(self.kernel.run("cat <<'END'\n%s\nEND" % text).out, text + "\n")
        # The same as another writer of JSON has it.
        self.kernel.next_id += 1
        self.kernel.send(('{ "op" : "run" , "id" : %d, "env":{}, "code":"echo \'é \U0001F600 \\/\'", "timeout_ms": 20000 }' % self.kernel.next_id).encode())
        self.assertEqual(self.kernel.event()["type"], "begin")
        self.assertEqual(self.kernel.end().out, "é \U0001F600 /\n")

    def test_output_of_children_and_both_streams(self):
        ran = self.run_cell("echo out; echo err >&2; sh -c 'echo child'; printf partial; cat")
        self.assertEqual((ran.out, ran.err), ("out\nchild\npartial", "err\n"))

    def test_environment_of_one_cell(self):
        self.run_cell("export STAYS=old; plain=p")
        ran = self.out("""sh -c 'echo "$FOO" $STAYS'; echo "$FOO" $plain""", env={"FOO": 'bar "q" é', "STAYS": "new", "plain": "n", "no-name": "x"})
        self.assertEqual(ran, 'bar "q" é new\nbar "q" é n\n')
        self.assertEqual(self.out('echo ${FOO:-default} $STAYS $plain; sh -c \'echo ${plain-unset} $STAYS\''), "default old p\nunset old\n")
        self.run_cell("exit 1", env={"FOO": "bar"})
        self.assertEqual(self.out("echo ${FOO:-default}"), "default\n")

    def test_folder_of_a_cell(self):
        self.assertEqual(self.out("pwd", cwd="/usr"), "/usr\n")
        self.assertEqual(self.out("pwd"), "/usr\n")
        ran = self.run_cell("echo ran", cwd="/nowhere")
        self.assertEqual((ran.status, ran.error["name"], ran.out), ("error", "NotADirectory", ""))

    def test_options_are_the_cells(self):
        ran = self.run_cell("set -x")
        ran = self.run_cell("echo a")
        self.assertEqual((ran.out, ran.err), ("a\n", "++ echo a\n"))
        self.assertEqual(self.run_cell("set +x; set -u").err, "++ set +x\n")
        ran = self.run_cell("echo before; echo $unset; echo after")
        self.assertIn("unbound variable", ran.err)
        self.assertEqual(ran.out, "before\n")
        self.run_cell("set +u")
        self.assert_lives()

    def test_children_do_not_get_the_kernels_descriptors(self):
        self.assertEqual(self.out("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 9 ")  # 3 is the folder, 9 what is left of the cell


class EndTest(KernelCase):
    """Timeouts, interrupts and misbehaviour: the next cell works."""

    def test_exit_ends_the_cell_and_the_state_stays(self):
        self.run_cell("x='a b'; declare -A map=([k]='v w'); list=(1 '2 3'); f() { echo f; }; cd /usr; export E=e; readonly R=r; shopt -s nullglob; declare -i n=3")
        for code, exit_code in (("exit", 0), ("exit 7", 7), ("f() { exit 3; }; f", 3), ("set -e; false; echo never", 1), ("set +e; (exit 5); exit", 5)):
            with self.subTest(code):
                ran = self.run_cell(code)
                self.assertEqual((ran.status, ran.exit_code, ran.out), ("exit", exit_code, ""))
        self.assertEqual(self.out('echo "$x" "${map[k]}" "${list[1]}" $PWD $R $n; sh -c "echo $E"; shopt nullglob'), "a b v w 2 3 /usr r 3\ne\nnullglob       \ton\n")

    def test_a_shell_that_is_replaced_or_killed(self):
        ran = self.run_cell("exec echo replaced")
        self.assertEqual((ran.status, ran.exit_code, ran.out), ("exit", 0, "replaced\n"))
        self.assertEqual(self.run_cell("kill -KILL $$").exit_code, 137)
        self.assert_lives()

    def test_timeouts_keep_the_shell(self):
        self.run_cell("kept=1; pid=$$; g() { while :; do :; done; }; f() { g; echo never; }")
        for code in ("while :; do :; done", "sleep 1000", "f; echo never", "sleep 1000 | cat", "(while :; do :; done)", "x=$(sleep 1000)", "wait_for() { sleep 1000 & wait; }; wait_for",
                     "read x < <(sleep 1000)", "sh -c 'trap \"\" INT TERM; sleep 1000; sleep 1000'", "while :; do sleep 0.01; done", "until false; do (:); done",
                     "for ((;;)); do true || true; done; echo never", "yes > /dev/null", "eval 'while :; do eval :; done'"):
            with self.subTest(code):
                ran = self.run_cell(code, timeout_ms=100)
                self.assertEqual((ran.status, ran.error["name"], ran.out), ("timeout", "TimeoutError", ""))
                self.assertEqual(self.out("echo $kept $(($$ == pid))"), "1 1\n")

    def test_interrupt_ends_the_children(self):
        self.kernel.begin("echo $$; sh -c 'echo $$; sleep 1000; true' & sh -c 'trap \"\" INT; echo $$; sleep 1000; true'; echo never")
        self.kernel.wait_for_output("\n")
        while self.kernel.texts["out"].count(b"\n") < 3:
            time.sleep(0.01)
        self.kernel.interrupt()
        ran = self.kernel.end()
        self.assertEqual((ran.status, ran.error["name"]), ("interrupted", "InterruptedError"))
        shell, *children = [int(word) for word in ran.out.split()]
        self.assertTrue(is_gone(max(children)))
        self.assertEqual(self.out("echo $$"), "%d\n" % shell)

    def test_background_commands_of_earlier_cells_stay(self):
        pid = int(self.out("sleep 1000 > /dev/null 2>&1 & echo $!"))
        self.assertEqual(self.run_cell("sh -c 'trap \"\" INT; sleep 1000; true'", timeout_ms=100).status, "timeout")
        self.assertFalse(is_gone(pid, patience=1))
        self.assertEqual(self.out("kill %1 && echo killed"), "killed\n")

    def test_interrupt_without_a_cell_is_ignored(self):
        for _ in range(5):
            self.kernel.interrupt()
        self.assert_lives()

    def test_interrupts_at_any_moment(self):
        self.run_cell("kept=1")
        for _ in range(50):
            self.kernel.begin("for i in 1 2 3 4 5 6 7 8 9; do :; done")
            self.kernel.interrupt()
            self.assertIn(self.kernel.end().status, ("ok", "interrupted"))
        self.assertEqual(self.out("echo $kept"), "1\n")

    def test_interrupt_right_after_the_beginning_is_not_lost(self):
        for code in ("while :; do :; done", "sleep 1000"):
            for _ in range(10):
                self.kernel.begin(code)
                self.kernel.interrupt()
                self.assertEqual(self.kernel.end().status, "interrupted")
        self.assert_lives()

    def test_a_shell_that_takes_the_signal_itself_is_replaced(self):
        ran = self.run_cell("trap '' INT; while :; do :; done", timeout_ms=100)
        self.assertEqual(ran.status, "timeout")
        self.assert_lives()

    def test_own_traps(self):
        self.run_cell("trap 'echo mine' INT EXIT DEBUG")
        self.run_cell("trap - DEBUG")
        self.assertEqual(self.run_cell("while :; do :; done", timeout_ms=100).status, "timeout")
        self.run_cell("exit")
        self.assert_lives()

    def test_closed_and_redirected_descriptors(self):
        self.run_cell("exec 1>&- 2>&- 0<&-")
        self.assert_lives()
        self.run_cell("exec > /dev/null 2>&1")
        self.assert_lives()
        self.run_cell("exec 4>&- 5>&- 6>&- 7>&- 9>&-")
        self.assert_lives()

    def test_odd_settings(self):
        for code in ("IFS=0123456789/", "set -f; set -C; set -a", "LC_ALL=C; TMPDIR=/nowhere", "PATH=", "unset HOME PATH; POSIXLY_CORRECT=1", "read() { :; }; printf() { :; }; trap() { :; }", "f() { f; }; f 2>/dev/null & wait"):
            with self.subTest(code):
                self.run_cell(code)
                self.assertEqual(self.kernel.run('echo "$((40 + 2))"').out, "42\n")

    def test_huge_output_and_huge_cells(self):
        self.assertEqual(len(self.out("head -c 20000000 /dev/zero | tr '\\0' x")), 20000000)
        self.assertEqual(self.out("x='%s'; echo ${#x}" % ("y\"\\" * 100000)), "300000\n")
        ran = self.run_cell("x=" + "y" * (1 << 20))
        self.assertEqual((ran.status, ran.error["name"]), ("error", "CellTooLarge"))
        self.assert_lives()

    def test_requests_that_are_none_are_left_out(self):
        for line in (b"", b"nonsense", b"{", b"[]", b"7", b'{"op":"fly"}', b'{"op":"run","id":1}', b'{"op":"run","id":"x","code":"1"}', b"\xff\xfe", b'"' * 1000, b"[" * 100000):
            self.kernel.send(line)
        self.kernel.run(":")
        self.assert_lives()

    def test_stop_ends_all(self):
        pid = int(self.out("sleep 1000 > /dev/null 2>&1 & echo $!"))
        self.assertEqual(self.kernel.close(), 0)
        self.assertTrue(is_gone(pid))

    def test_end_of_requests_ends_it(self):
        self.kernel.process.stdin.close()
        self.assertEqual(self.kernel.process.wait(30), 0)

    def test_no_events_descriptor_is_refused(self):
        done = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"descriptor 3, where events go", done.stderr)

    def test_killing_the_keeper_ends_the_events(self):
        self.kernel.close()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kernel = KernelProcess(COMMAND, {"TMPDIR": folder.name})
        self.addCleanup(self.kernel.close)
        shell = int(self.out("echo $$"))
        self.kernel.begin("kill -KILL $PPID; sleep 0.1")
        with self.assertRaises(Died):
            self.kernel.end()
        self.assertEqual(self.kernel.process.wait(30), -signal.SIGKILL)
        self.assertTrue(is_gone(shell))
        self.assertEqual(os.listdir(folder.name), [])  # what an ended shell hands over


if __name__ == "__main__":
    unittest.main()
