#!/usr/bin/python3
"""Signals to brig, and descriptors that its caller closed or closes early: the sandbox is gone, the exit code says why."""
import os
import signal
import subprocess
import time
import unittest

import harness

STOP = (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)


class Signals(harness.BrigCase):
    def shell(self, script):
        """The script, with brig as $BRIG; its output and code."""
        ran = self.finish(self.start("-c", script, program=["/bin/bash"], env={"PATH": "/usr/bin:/bin", "BRIG": harness.BRIG}))
        return ran.code, ran.out, ran.err

    def test_while_the_program_runs(self):
        for number, code in STOP:
            with self.subTest(number):
                process = self.start("run", "--lang", "bash", "-c", "trap '' INT TERM HUP; sleep 60")
                jail = harness.Jail.wait(process.pid)
                inside = jail.inside()
                process.send_signal(number)
                self.assertEqual(self.finish(process).code, code)
                self.assertFalse([pid for pid in inside if harness.is_alive(pid)], "brig ended before its sandbox")
                self.assert_nothing_left()

    def test_at_any_moment_of_the_creation(self):
        for step in range(40):
            number, code = STOP[step % 3]
            process = self.start("run", "--", "sleep", "60")
            time.sleep(step * 0.0005)
            process.send_signal(number)
            ran = self.finish(process)
            # Before brig listens the signal's own action ends it, and a program's end by the same number may come first.
            self.assertIn(ran.code, (code, -number), ran.err)
            self.assert_nothing_left()

    def test_from_the_terminal(self):
        """Ctrl-C goes to the whole foreground group: the warden must take down in order, not die first."""
        for _ in range(10):
            process = self.start("run", "--", "sleep", "60", start_new_session=True)
            harness.Jail.wait(process.pid)
            os.killpg(process.pid, signal.SIGINT)
            self.assertEqual(self.finish(process).code, 130)
            self.assert_nothing_left()

    def test_twice(self):
        process = self.start("run", "--", "sleep", "60")
        harness.Jail.wait(process.pid)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        self.assertIn(self.finish(process).code, (143, -15))

    def test_while_files_are_brought_out(self):
        self.write("p.toml", "[limits]\nout_files = 100000\ninodes = 100000\ndisk = \"200M\"\n")
        script = "for i in $(seq 20000); do echo x > f$i; done"
        process = self.start("run", "--policy", "p.toml", "--out", "o", "--lang", "bash", "-c", script)
        out = os.path.join(self.folder, "o")
        self.assertTrue(harness.wait_until(lambda: os.path.isdir(out) and len(os.listdir(out)) > 10, 60, 0.001))
        process.send_signal(signal.SIGTERM)
        self.assertIn(self.finish(process).code, (143, 0))

    def test_reader_that_has_enough(self):
        code, out, _ = self.shell('$BRIG run -- yes | head -1; echo ${PIPESTATUS[0]}')
        self.assertEqual(out, "y\n141\n")

    def test_reader_that_is_gone_before_a_word_is_said(self):
        code, out, err = self.shell("$BRIG run --lang bash -c 'sleep 1; echo late; sleep 60' | true; echo ${PIPESTATUS[0]}")
        self.assertEqual((out, err), ("141\n", ""))

    def test_closed_descriptors(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                code, out, err = self.shell("$BRIG run --lang bash -c 'cat; exit 3' %s" % closed)
                self.assertEqual((code, out), (3, ""), err)
                code, out, err = self.shell("$BRIG run --lang bash -c 'cat; echo out; echo err >&2; exit 3' %s" % closed)
                if ">&-" not in closed.replace("2>&-", ""):
                    self.assertEqual((code, out), (3, "out\n"), err)
                else:
                    self.assertIn(code, (3, 125, 141), err)  # it printed, and nobody could be shown
                if "2>&-" not in closed and code == 3:
                    self.assertIn("err\n", err)

    def test_inherited_descriptors_stay_outside(self):
        secret = os.open(self.write("secret", "s"), os.O_RDONLY)
        self.addCleanup(os.close, secret)
        ran = self.brig("--lang", "bash", "-c", "ls -l /proc/self/fd /proc/1/fd 2>/dev/null | grep -c secret; ls /proc/self/fd | wc -l",
                        pass_fds=[secret])
        self.assertEqual(ran.out, "0\n5\n")  # the three, the one for rich results, and that of ls itself

    def test_ignored_signals_are_not_inherited(self):
        ran = self.finish(self.start("-c", "trap '' INT TERM HUP PIPE USR1; exec $BRIG run -- grep -E 'Sig(Ign|Blk)' /proc/self/status",
                                     program=["/bin/bash"], env={"PATH": "/usr/bin:/bin", "BRIG": harness.BRIG}))
        self.assertEqual(ran.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", ran.err)


if __name__ == "__main__":
    harness.main()
