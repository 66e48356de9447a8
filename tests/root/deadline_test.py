#!/usr/bin/python3
"""A sandbox dies with its owner and at its deadline, whatever stands still or is killed."""
import os
import signal
import unittest

import harness

# Two seconds for the program, ten for bringing files out, one of grace; and much for a busy machine.
END_OF_LIFE = 13 + 30


class Deadline(harness.BrigCase):
    def sleeper(self, *flags):
        process = self.start("run", *flags, "--", "sleep", "60")
        return process, harness.Jail.wait(process.pid)

    def assert_ends(self, jail, patience):
        inside = jail.inside()
        self.assertTrue(harness.wait_until(lambda: not any(map(harness.is_alive, inside)), patience), "the sandbox lives on")

    def test_stopped(self):
        """Each in turn, and all at once; together, because each takes its time."""
        which = {"brig": ["brig"], "brig-launch": ["launch"], "brig-init": ["init"], "everybody": ["brig", "launch", "init"]}
        running = {}
        for name, stopped in which.items():
            process, jail = self.sleeper("--timeout", "2s")
            for role in stopped:
                os.kill(getattr(jail, role), signal.SIGSTOP)
            running[name] = (process, jail, jail.inside())
        for name, (process, jail, inside) in running.items():
            with self.subTest(name):
                self.assertTrue(harness.wait_until(lambda: not any(map(harness.is_alive, inside)), END_OF_LIFE), name)
                for pid in (jail.brig, jail.launch):
                    try:
                        os.kill(pid, signal.SIGCONT)
                    except ProcessLookupError:
                        pass
                ran = self.finish(process)
                self.assertIn(ran.code, (124, 125), ran.err)
                print("%s stopped: exit %d, %s" % (name, ran.code, ran.err.strip()))

    def test_killed(self):
        for role in ("brig", "launch", "init"):
            with self.subTest(role):
                process, jail = self.sleeper("--json")
                os.kill(getattr(jail, role), signal.SIGKILL)
                self.assert_ends(jail, 2)
                ran = self.finish(process)
                # Nobody's limit was met; what somebody did to us from outside is no fate of the guest's.
                if role != "brig":
                    self.assertEqual((ran.json()["status"], ran.code), {"launch": ("failed", 125), "init": ("signal", 137)}[role])
                if role == "launch":
                    self.assertIn("was killed before its time", ran.json()["failure"]["message"])
                self.assert_nothing_left()

    def assert_next_launch_sweeps(self, dead):
        """Nobody is left who could remove the empty group: the next launch does, once it is too old to be a new sandbox's."""
        self.finish(dead)
        self.assertTrue(harness.wait_until(lambda: self.brig("--", "true") and not harness.brig_groups(dead.pid), 40, pause=1))

    def test_all_of_brig_killed_at_once(self):
        process, jail = self.sleeper()
        os.kill(jail.launch, signal.SIGKILL)
        os.kill(jail.brig, signal.SIGKILL)
        self.assert_ends(jail, 2)
        self.assert_next_launch_sweeps(process)

    def test_stopped_and_then_killed(self):
        process, jail = self.sleeper()
        for pid in (jail.init, jail.launch):
            os.kill(pid, signal.SIGSTOP)
        for pid in (jail.brig, jail.launch):
            os.kill(pid, signal.SIGKILL)
        self.assert_ends(jail, 2)
        self.assert_next_launch_sweeps(process)


if __name__ == "__main__":
    harness.main()
